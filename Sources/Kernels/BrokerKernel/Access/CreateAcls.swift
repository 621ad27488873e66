import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import Seams
import Security

extension BrokerKernel {
    /// Makes rules, and answers when the image shows them.
    mutating func createAcls(_ request: Request, _ body: CreateAclsRequest) {
        do throws(AdminRefusal) {
            try checkMayAlterAccess(request, .alter, whenDisabled: "No Authorizer is configured.")
        } catch {
            return answer(request, body.creations.map { _ in error })
        }
        var refusals: [AdminRefusal?] = []
        var byPattern: [ResourcePattern: (entries: [AccessEntry], places: [Int])] = [:]
        for (place, creation) in body.creations.enumerated() {
            do throws(AdminRefusal) {
                let rule = try AccessRule(creation)
                byPattern[rule.pattern, default: ([], [])].entries.append(rule.entry)
                byPattern[rule.pattern, default: ([], [])].places.append(place)
                refusals.append(nil)
            } catch {
                refusals.append(error)
            }
        }
        let deadline = now + settings.imageTimeout
        gather(byPattern.sorted { $0.key < $1.key }) {
            (kernel, wanted, done: @escaping (inout BrokerKernel, (AdminRefusal?, [Int])) -> Void) in
            let (pattern, (entries, places)) = wanted
            kernel.change(.alterAccess(pattern, adding: entries, removing: [])) { kernel, outcome in
                if let refusal = AdminRefusal(outcome) { return done(&kernel, (refusal, places)) }
                kernel.whenImage(by: deadline) {
                    Set(entries).isSubset(of: $0.image.access.entries(of: pattern))
                } then: { kernel, _ in
                    done(&kernel, (nil, places))
                }
            }
        } then: { [refusals] kernel, results in
            var refusals = refusals
            for (refusal, places) in results { for place in places { refusals[place] = refusal } }
            kernel.answer(request, refusals)
        }
    }

    private mutating func answer(_ request: Request, _ refusals: [AdminRefusal?]) {
        var response = CreateAclsResponse()
        response.results = refusals.map { refusal in
            var result = CreateAclsResponse.AclCreationResult()
            result.errorCode = refusal?.error.rawValue ?? 0
            result.errorMessage = refusal?.message
            return result
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }
}

extension AccessRule {
    /// What a client wants, as far as it can be a rule.
    fileprivate init(_ creation: CreateAclsRequest.AclCreation) throws(AdminRefusal) {
        guard let type = ResourceType(rawValue: creation.resourceType),
            let form = ResourcePattern.Form(rawValue: creation.resourcePatternType),
            let operation = AccessOperation(rawValue: creation.operation),
            let permission = AccessPermission(rawValue: creation.permissionType)
        else { throw AdminRefusal(.invalidRequest, "Failed to create ACL: it contains unknown or open elements") }
        let name = creation.resourceName
        if type == .cluster, name != ResourcePattern.clusterName {
            throw AdminRefusal(
                .invalidRequest, "The only valid name for the CLUSTER resource is \(ResourcePattern.clusterName)")
        }
        guard !name.isEmpty else { throw AdminRefusal(.invalidRequest, "Invalid empty resource name") }
        // It becomes the name of a node.
        guard !name.utf8.contains(UInt8(ascii: "/")) else {
            throw AdminRefusal(
                .invalidRequest, "Failed to create ACL: ACL binding contains invalid resource name: \(name)")
        }
        guard let principal = KafkaPrincipal(creation.principal) else {
            throw AdminRefusal(
                .invalidRequest,
                "Could not parse principal from `\(creation.principal)`: it is not principalType:principalName")
        }
        guard !creation.host.isEmpty else { throw AdminRefusal(.invalidRequest, "Failed to create ACL: empty host") }
        self.init(
            ResourcePattern(type, name, form), AccessEntry(permission, operation, to: principal, from: creation.host))
    }
}
