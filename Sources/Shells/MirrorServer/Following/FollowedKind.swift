import KafkaProtocol
import MartletClient
import Mirroring

/// One kind of what follows a link besides topics and groups: how it is read and written at both ends.
protocol FollowedKind: Sendable {
    associatedtype Name: FollowedName
    associatedtype Value: Equatable & Sendable

    /// For people: `quotas`.
    static var words: String { get }
    /// What is to be at the target; nil when the source has nothing of the kind and never will as it is. Throws ``NotFollowed``
    /// when it has, and does not tell.
    func atSource() async throws -> [Name: Value]?
    /// Throws ``NotFollowed`` when the target can have nothing of the kind.
    func atTarget() async throws -> [Name: Value]
    /// - Parameters:
    ///   - changes: nil removes.
    ///   - present: what was at the target.
    func change(_ changes: [Name: Value?], from present: [Name: Value]) async throws
    /// What one thing of the source's is called at the target; nil where it has no name there. The link the other way marks
    /// what it brings by the source's.
    func atTarget(_ name: Name) -> Name?
    func mark(of value: Value) -> Name.Mark
    /// For people: `1024`; nil when a thing's name says all, or what it is is secret.
    func text(of value: Value) -> String?
}

extension FollowedKind {
    func atTarget(_ name: Name) -> Name? { name }
}

extension FollowedKind where Value == Name.Mark {
    func mark(of value: Value) -> Name.Mark { value }
}

/// Why a link cannot bring what it is to bring, and what to mend; trying again does not help.
struct NotFollowed: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }

    /// nil for other faults. Who may not read or write such things, may not a minute later either.
    init?(_ error: any Error) {
        switch error {
        case let objection as NotFollowed: self = objection
        case let fault as ClientFault where fault.code == .clusterAuthorizationFailed:
            self.init("the mirror may not: \(fault)")
        default: return nil
        }
    }
}

extension ClientFault {
    /// Whether the cluster's brokers do not know the request.
    var isUnsupported: Bool { kind == .unsupported }
}
