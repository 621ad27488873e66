import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import Seams
import Security

/// Rules about one pattern that are to go, each with the place of the filter that means it.
private struct WantedDeletion {
    var pattern: ResourcePattern
    var entries: [(entry: AccessEntry, filter: Int)]
    /// Whether the image does not show it: somebody names a rule that may have been made at another broker just now.
    var isUncertain: Bool
}

/// What became of a ``WantedDeletion``.
private struct EndedDeletion {
    var wanted: WantedDeletion
    var refusal: AdminRefusal?
    /// Whether there was anything.
    var hasDeleted: Bool
}

extension BrokerKernel {
    /// Deletes the rules that filters mean, and answers when the image shows them no more. A rule that several filters
    /// mean is told for the first of them.
    mutating func deleteAcls(_ request: Request, _ body: DeleteAclsRequest) {
        var response = DeleteAclsResponse()
        response.filterResults = body.filters.map { _ in
            var result = DeleteAclsResponse.DeleteAclsFilterResult()
            result.errorMessage = nil
            return result
        }
        do throws(AdminRefusal) {
            try checkMayAlterAccess(request, .alter, whenDisabled: "No Authorizer is configured.")
        } catch {
            for place in response.filterResults.indices { response.filterResults[place].tell(error) }
            return reply(to: request) { response.write(to: &$0, version: request.version) }
        }
        var filters: [(place: Int, filter: AccessFilter)] = []
        for (place, filter) in body.filters.enumerated() {
            do throws(AdminRefusal) { filters.append((place, try AccessFilter(filter))) } catch {
                response.filterResults[place].tell(error)
            }
        }
        let deadline = now + settings.imageTimeout
        gather(deletions(filters)) {
            (kernel, wanted: WantedDeletion, done: @escaping (inout BrokerKernel, EndedDeletion) -> Void) in
            let (pattern, entries) = (wanted.pattern, wanted.entries.map(\.entry))
            kernel.change(.alterAccess(pattern, adding: [], removing: entries)) { kernel, outcome in
                var ended = EndedDeletion(wanted: wanted, hasDeleted: outcome != .unchanged || !wanted.isUncertain)
                if let refusal = AdminRefusal(outcome) {
                    ended.refusal = refusal
                    return done(&kernel, ended)
                }
                kernel.whenImage(by: deadline) {
                    Set(entries).isDisjoint(with: $0.image.access.entries(of: pattern))
                } then: { [ended] kernel, _ in
                    done(&kernel, ended)
                }
            }
        } then: { [response] kernel, ended in
            var response = response
            for one in ended where one.hasDeleted { response.tell(one) }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    private func deletions(_ filters: [(place: Int, filter: AccessFilter)]) -> [WantedDeletion] {
        var entries: [ResourcePattern: [AccessEntry: Int]] = [:]
        var uncertain: [AccessRule: Int] = [:]
        for (place, filter) in filters {
            for (pattern, found) in image.access.rules(matching: filter) {
                for entry in found where entries[pattern]?[entry] == nil {
                    entries[pattern, default: [:]][entry] = place
                }
            }
            if let rule = filter.onlyRule, entries[rule.pattern]?[rule.entry] == nil, uncertain[rule] == nil {
                uncertain[rule] = place
            }
        }
        return entries.sorted { $0.key < $1.key }.map { pattern, entries in
            WantedDeletion(
                pattern: pattern, entries: entries.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
                isUncertain: false)
        }
            + uncertain.sorted { $0.key < $1.key }.map { rule, place in
                WantedDeletion(pattern: rule.pattern, entries: [(rule.entry, place)], isUncertain: true)
            }
    }
}

extension DeleteAclsResponse.DeleteAclsFilterResult {
    fileprivate mutating func tell(_ refusal: AdminRefusal) {
        errorCode = refusal.error.rawValue
        errorMessage = refusal.message
    }
}

extension DeleteAclsResponse {
    fileprivate mutating func tell(_ ended: EndedDeletion) {
        for (entry, place) in ended.wanted.entries {
            var told = DeleteAclsMatchingAcl()
            told.errorCode = ended.refusal?.error.rawValue ?? 0
            told.errorMessage = ended.refusal?.message
            told.resourceType = ended.wanted.pattern.type.rawValue
            told.resourceName = ended.wanted.pattern.name
            told.patternType = ended.wanted.pattern.form.rawValue
            told.principal = entry.principal.description
            told.host = entry.host
            told.operation = entry.operation.rawValue
            told.permissionType = entry.permission.rawValue
            filterResults[place].matchingAcls.append(told)
        }
    }
}
