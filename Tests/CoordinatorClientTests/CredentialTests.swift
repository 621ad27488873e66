import NIOCore
import Synchronization
import Testing
import WireCoding
import ZooKeeperProtocol

@testable import CoordinatorClient

/// Who a session is, and what it knows of its own watches and its standing.
@Suite(.timeLimit(.minutes(1))) struct CredentialTests {
    private static let wrong = ByteBuffer(string: "user:wrong")
    private static let right = ByteBuffer(string: "user:right")

    private let answer: ScriptedCoordinator.Answer = { request in
        switch request {
        case .auth(_, wrong): (.authFailed, .empty)
        case .addWatch: (.ok, .number(0))
        case .sync(let path): (.ok, .path(path))
        default: (.ok, .empty)
        }
    }

    @Test func aProofIsRepeatedBeforeTheWatchesOfANewConnection() async throws {
        let coordinator = ScriptedCoordinator(answer: answer)
        try await coordinator.start()
        let events = EventQueue()
        let session = try await coordinator.session(events: events.note)
        try await session.prove(scheme: "digest", secret: Self.right)
        _ = await session.perform([.addWatch(path: "/a", mode: AddWatchMode.persistent.rawValue)])
        coordinator.dropConnections()
        #expect(await events.next(3) == [.connected, .disconnected, .connected])
        _ = await session.perform([.sync(path: "/")])
        let special = coordinator.asked.filter { $0.xid < 0 && $0.request != .ping }
        #expect(special.map(\.xid) == [SpecialXID.auth, SpecialXID.auth, SpecialXID.setWatches])
        #expect(special[1].request == .auth(scheme: "digest", credentials: Self.right))
        await session.close()
        try await coordinator.stop()
    }

    @Test func whatIsNotBelievedIsSaidAndNotRepeated() async throws {
        let coordinator = ScriptedCoordinator(answer: answer)
        try await coordinator.start()
        let events = EventQueue()
        let session = try await coordinator.session(events: events.note)
        await #expect(throws: CoordinatorError.refused(.authFailed, operation: 0)) {
            try await session.prove(scheme: "digest", secret: Self.wrong)
        }
        coordinator.dropConnections()
        #expect(await events.next(3) == [.connected, .disconnected, .connected])
        _ = await session.perform([.sync(path: "/")])
        #expect(coordinator.asked.count(where: { $0.xid == SpecialXID.auth }) == 1)
        await session.close()
        try await coordinator.stop()
    }

    @Test func aSessionThatIsNoLongerBelievedEnds() async throws {
        let believed = Believed()
        let coordinator = ScriptedCoordinator { request in
            if case .auth = request { return believed.isFirst() ? (.ok, .empty) : (.authFailed, .empty) }
            return (.ok, .empty)
        }
        try await coordinator.start()
        let session = try await coordinator.session()
        try await session.prove(scheme: "digest", secret: Self.right)
        coordinator.dropConnections()
        while session.standing != .ended { await Task.yield() }
        #expect(await session.perform([.ping]) == [.failure(.refused(.authFailed, operation: 0))])
        try await coordinator.stop()
    }

    @Test func watchesOfANodeAreKnownAndForgotten() async throws {
        let coordinator = ScriptedCoordinator(answer: answer)
        try await coordinator.start()
        let session = try await coordinator.session(chroot: "/region")
        _ = await session.perform([
            .addWatch(path: "/a", mode: AddWatchMode.persistent.rawValue),
            .addWatch(path: "/a", mode: AddWatchMode.persistentRecursive.rawValue),
        ])
        #expect(session.watches(on: "/a") == [.persistent, .persistentRecursive])
        session.forgetWatches(on: "/a", .persistent)
        #expect(session.watches(on: "/a") == [.persistentRecursive])
        #expect(session.watches(on: "/b") == [])
        await session.close()
        try await coordinator.stop()
    }

    @Test func standingTellsOfTheConnection() async throws {
        let coordinator = ScriptedCoordinator(answer: answer)
        try await coordinator.start()
        let session = try await coordinator.session()
        #expect(session.standing == .connected(to: "127.0.0.1:\(coordinator.port)", readOnly: false))
        try await coordinator.stop()
        coordinator.dropConnections()
        while session.standing != .connecting { await Task.yield() }
        let error = await #expect(throws: CoordinatorError.self) {
            try await session.untilConnected(within: .milliseconds(50))
        }
        #expect(error?.description.contains("none within 0.05 seconds") == true)
        await session.close()
        #expect(session.standing == .ended)
    }
}

/// Says yes once.
private final class Believed: Sendable {
    private let state = Mutex(false)

    func isFirst() -> Bool {
        state.withLock { asked in
            defer { asked = true }
            return !asked
        }
    }
}
