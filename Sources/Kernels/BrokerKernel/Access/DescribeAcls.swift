import KafkaProtocol
import KafkaProtocolAdmin
import Security

extension BrokerKernel {
    /// Tells the rules that the filter means, as the image shows them.
    mutating func describeAcls(_ request: Request, _ body: DescribeAclsRequest) {
        var response = DescribeAclsResponse()
        response.errorMessage = nil
        do throws(AdminRefusal) {
            try checkMayAlterAccess(request, .describe, whenDisabled: "No Authorizer is configured on the broker")
            let filter = try AccessFilter(body)
            response.resources = image.access.rules(matching: filter).map { pattern, entries in
                var resource = DescribeAclsResponse.DescribeAclsResource()
                resource.resourceType = pattern.type.rawValue
                resource.resourceName = pattern.name
                resource.patternType = pattern.form.rawValue
                resource.acls = entries.map { entry in
                    var told = DescribeAclsResponse.AclDescription()
                    told.principal = entry.principal.description
                    told.host = entry.host
                    told.operation = entry.operation.rawValue
                    told.permissionType = entry.permission.rawValue
                    return told
                }
                return resource
            }
        } catch {
            response.errorCode = error.error.rawValue
            response.errorMessage = error.message
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    /// What all three requests about rules need.
    mutating func checkMayAlterAccess(
        _ request: Request, _ operation: AccessOperation, whenDisabled message: String
    ) throws(AdminRefusal) {
        guard settings.access != nil else { throw AdminRefusal(.securityDisabled, message) }
        guard permitsOnCluster(request, operation) else { throw .unauthorizedOnCluster }
    }
}

extension AdminRefusal {
    /// In Apache Kafka's words.
    static let unauthorizedOnCluster = AdminRefusal(.clusterAuthorizationFailed, "Cluster authorization failed.")
    static let unauthorizedOnTopic = AdminRefusal(.topicAuthorizationFailed, "Topic authorization failed.")
}

/// The numbers of words of rules on the wire: 0 is a word that somebody did not know, 1 leaves it open.
private enum WireWord {
    static func optional<Word: RawRepresentable>(
        _ number: Int8, _: Word.Type = Word.self
    ) throws(AdminRefusal) -> Word? where Word.RawValue == Int8 {
        if number == 1 { return nil }
        guard let word = Word(rawValue: number) else {
            throw AdminRefusal(.invalidRequest, "The AclBindingFilter must not contain UNKNOWN elements.")
        }
        return word
    }

    static func form(_ number: Int8) throws(AdminRefusal) -> AccessFilter.Form {
        guard let form = AccessFilter.Form(rawValue: number) else {
            throw AdminRefusal(.invalidRequest, "The AclBindingFilter must not contain UNKNOWN elements.")
        }
        return form
    }
}

extension AccessFilter {
    fileprivate init(_ body: DescribeAclsRequest) throws(AdminRefusal) {
        self.init(
            type: try WireWord.optional(body.resourceTypeFilter), name: body.resourceNameFilter,
            form: try WireWord.form(body.patternTypeFilter), principal: body.principalFilter, host: body.hostFilter,
            operation: try WireWord.optional(body.operation), permission: try WireWord.optional(body.permissionType))
    }

    init(_ body: DeleteAclsRequest.DeleteAclsFilter) throws(AdminRefusal) {
        self.init(
            type: try WireWord.optional(body.resourceTypeFilter), name: body.resourceNameFilter,
            form: try WireWord.form(body.patternTypeFilter), principal: body.principalFilter, host: body.hostFilter,
            operation: try WireWord.optional(body.operation), permission: try WireWord.optional(body.permissionType))
    }
}
