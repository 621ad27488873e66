import CoordinatorKernel
import NIOPosix
import Quorum
import Security

@testable import CoordinatorServer

/// The links of one member, and what they have told.
final class LinkedMember: Sendable {
    let id: MemberID
    let lines = NotedLines()
    let links: PeerLinks
    private let events: AsyncStream<PeerEvent>

    init(
        _ number: Int64, others: [Membership.Member] = [], ensemble: [UInt8] = [], ports: [Int] = [0, 0],
        tls: TLSSettings? = nil, authentication: PeerAuthentication? = nil
    ) async throws {
        id = MemberID(number)
        let (events, continuation) = AsyncStream.makeStream(of: PeerEvent.self)
        self.events = events
        var settings = EnsembleSettings(
            id: id, membership: Membership(others),
            listeners: [MemberAddress.Endpoint(host: "127.0.0.1", quorumPort: ports[0], electionPort: ports[1])])
        settings.tls = tls
        settings.authentication = authentication
        links = try await PeerLinks.start(
            settings, ensemble: ensemble, on: MultiThreadedEventLoopGroup.singleton, logger: lines.logger
        ) { continuation.yield($0) }
    }

    var ports: [Int] { links.quorumPorts + links.electionPorts }

    /// As the others have it in their membership.
    var member: Membership.Member {
        let address = MemberAddress([
            MemberAddress.Endpoint(host: "localhost", quorumPort: ports[0], electionPort: ports[1])
        ])
        return Membership.Member(id: id, address: address.description)
    }

    /// Waits for the first event that `pick` wants.
    @discardableResult
    func next<Value>(_ pick: (PeerEvent) -> Value?) async throws -> Value {
        for await event in events {
            if let value = pick(event) { return value }
        }
        throw CancellationError()
    }

    func linked(to other: LinkedMember) async throws {
        try await next { if case .linkMade(other.id) = $0 { true } else { nil } }
    }

    func lost(_ other: LinkedMember) async throws {
        try await next { if case .linkLost(other.id) = $0 { true } else { nil } }
    }

    /// The next messages of another member, until there are `count`.
    func messages(_ count: Int, of other: LinkedMember) async throws -> [PeerMessage] {
        var messages: [PeerMessage] = []
        while messages.count < count {
            messages += try await next { if case .received(other.id, let messages) = $0 { messages } else { nil } }
        }
        return messages
    }

    /// Waits for a log line with this in it.
    func line(_ part: String) async throws -> String {
        while true {
            if let line = lines.all.first(where: { $0.contains(part) }) { return line }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

/// Introduces members to each other and waits until they are linked.
func introduce(_ members: [LinkedMember]) async throws {
    let membership = Membership(members.map(\.member))
    for member in members { member.links.update(membership) }
    for member in members {
        // Links stand in any order.
        var missing = Set(members.map(\.id)).subtracting([member.id])
        while !missing.isEmpty {
            missing.remove(try await member.next { if case .linkMade(let id) = $0 { id } else { nil } })
        }
    }
}
