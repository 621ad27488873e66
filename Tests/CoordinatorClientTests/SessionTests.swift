import NIOCore
import Testing
import Transport
import ZooKeeperProtocol

@testable import CoordinatorClient

@Suite(.timeLimit(.minutes(1))) struct SessionTests {
    /// Answers reads with their path as data.
    private let echo: ScriptedCoordinator.Answer = { request in
        switch request {
        case .getData(let path, _): (.ok, .data(ByteBuffer(string: path), Stat()))
        case .exists: (.noNode, .empty)
        case .getChildren: (.ok, .strings([]))
        case .change(.create(let create)): (.ok, .path(create.path))
        case .addWatch: (.ok, .number(0))
        default: (.ok, .empty)
        }
    }

    @Test func manyRequestsAreAnsweredInOrder() async throws {
        let coordinator = ScriptedCoordinator(answer: echo)
        try await coordinator.start()
        let session = try await coordinator.session()
        #expect(session.id == 101)
        #expect(session.timeout == .milliseconds(9000))
        let paths = (0..<300).map { "/node\($0)" }
        let results = await session.perform(paths.map { .getData(path: $0, watch: false) })
        #expect(try results.map { try $0.get() } == paths.map { .data(ByteBuffer(string: $0), Stat()) })
        #expect(coordinator.asked.map(\.xid) == Array(1...300))
        await session.close()
        #expect(coordinator.asked.last?.request == .closeSession)
        #expect(await session.perform([.ping]) == [.failure(.closed)])
        try await coordinator.stop()
    }

    @Test func refusalsSayWhichOperationFailed() async throws {
        let coordinator = ScriptedCoordinator { request in
            guard case .multi = request else { return (.badVersion, .empty) }
            return (.ok, .results([.failed(.ok), .failed(.nodeExists), .failed(.runtimeInconsistency)]))
        }
        try await coordinator.start()
        let session = try await coordinator.session()
        #expect(
            await session.perform([.multi([]), .change(.delete(path: "/a", version: 3))]) == [
                .failure(.refused(.nodeExists, operation: 1)), .failure(.refused(.badVersion, operation: 0)),
            ])
        await session.close()
        try await coordinator.stop()
    }

    @Test func aChrootIsPutBeforeAndTakenAway() async throws {
        let coordinator = ScriptedCoordinator(answer: echo)
        try await coordinator.start()
        let events = EventQueue()
        let session = try await coordinator.session(chroot: "/region/east/", events: events.note)
        try await session.createChroot()
        let create = CreateOperation(path: "/a", data: nil, acl: ACL.open, mode: .persistent)
        #expect(try await session.perform(.change(.create(create))) == .path("/a"))
        let created = coordinator.asked.compactMap { asked -> String? in
            guard case .change(.create(let create)) = asked.request else { return nil }
            return create.path
        }
        #expect(created == ["/region", "/region/east", "/region/east/a"])
        coordinator.tell(WatchedEvent(.nodeCreated, path: "/region/east/a"))
        #expect(await events.next(2) == [.connected, .changed(WatchedEvent(.nodeCreated, path: "/a"))])
        await session.close()
        try await coordinator.stop()
    }

    @Test func aLostConnectionIsReplacedAndWatchesAreSetAgain() async throws {
        let coordinator = ScriptedCoordinator(answer: echo)
        try await coordinator.start()
        let events = EventQueue()
        let session = try await coordinator.session(events: events.note)
        let asked: [ZooKeeperRequest] = [
            .getData(path: "/data", watch: true), .exists(path: "/exist", watch: true),
            .getChildren(path: "/child", watch: true), .getData(path: "/unwatched", watch: false),
            .getData(path: "/fired", watch: true),
            .addWatch(path: "/all", mode: AddWatchMode.persistentRecursive.rawValue),
        ]
        for result in await session.perform(asked) {
            if case .failure(let error) = result { #expect(error == .refused(.noNode, operation: 0)) }
        }
        let fired = WatchedEvent(.nodeDataChanged, path: "/fired")
        coordinator.tell(fired)
        #expect(await events.next(2) == [.connected, .changed(fired)])
        coordinator.dropConnections()
        #expect(await events.next(2) == [.disconnected, .connected])
        _ = try await session.perform(.getData(path: "/", watch: false))

        let handshake = try #require(coordinator.handshakes.last)
        #expect(handshake.sessionID == 101)
        #expect(handshake.password == ByteBuffer(repeating: 7, count: 16))
        #expect(handshake.lastZxidSeen == 6)
        var watches = WatchedPaths(relativeZxid: 6)
        watches.data = ["/data"]
        watches.exist = ["/exist"]
        watches.child = ["/child"]
        watches.persistentRecursive = ["/all"]
        let again = coordinator.asked.first { $0.xid == SpecialXID.setWatches }
        #expect(again?.request == .setWatches2(watches))
        await session.close()
        try await coordinator.stop()
    }

    @Test func withoutPersistentWatchesTheOldRequestSetsThem() {
        var watches = SessionWatches()
        for number in 0..<501 { watches.note(.getData(path: "/\(number)", watch: true), answeredWith: .ok) }
        let requests = watches.requests(since: 5)
        let sizes = requests.map { request in
            if case .setWatches(let paths) = request { paths.data.count } else { 0 }
        }
        #expect(sizes == [500, 1])
    }

    @Test func requestsUnderWayFailWithTheConnection() async throws {
        let coordinator = ScriptedCoordinator(answer: echo)
        try await coordinator.start()
        let session = try await coordinator.session()
        coordinator.state.withLock { $0.isSilent = true }
        async let result = session.perform([.sync(path: "/")])
        while coordinator.asked.isEmpty { await Task.yield() }
        coordinator.dropConnections()
        #expect(await result == [.failure(.connectionLost("closed by the peer"))])
        await session.close()
        try await coordinator.stop()
    }

    @Test func anExpiredSessionEnds() async throws {
        let coordinator = ScriptedCoordinator(answer: echo)
        try await coordinator.start()
        let events = EventQueue()
        let session = try await coordinator.session(events: events.note)
        coordinator.forgetSessions()
        coordinator.dropConnections()
        #expect(await events.next(3) == [.connected, .disconnected, .expired])
        #expect(await session.perform([.ping]) == [.failure(.sessionExpired)])
        await #expect(throws: CoordinatorError.sessionExpired) { try await session.untilConnected() }
        try await coordinator.stop()
    }

    @Test func aServerThatIsStuckDoesNotHoldUpTheEnd() async throws {
        let coordinator = ScriptedCoordinator(answer: echo)
        try await coordinator.start()
        let session = try await coordinator.session()
        coordinator.state.withLock { $0.isSilent = true }
        async let unanswered = session.perform([.sync(path: "/")])
        await session.close()
        #expect(await unanswered == [.failure(.closed)])
        try await coordinator.stop()
    }

    @Test func anotherServerIsTriedWhenOneIsDown() async throws {
        let dead = ScriptedCoordinator()
        try await dead.start()
        let deadPort = dead.port
        try await dead.stop()
        let coordinator = ScriptedCoordinator(answer: echo)
        try await coordinator.start()
        let settings = try CoordinatorSettings(connect: "127.0.0.1:\(deadPort),127.0.0.1:\(coordinator.port)")
        for _ in 0..<4 {
            let session = CoordinatorSession(
                settings, on: ScriptedCoordinator.group, logger: silentLogger, events: { _ in })
            try await session.start()
            await session.close()
        }
        try await coordinator.stop()
    }

    @Test func startingGivesUpAndSaysWhy() async throws {
        var settings = try CoordinatorSettings(connect: "127.0.0.1:1")
        // Simulations beside it may keep all threads for seconds, and the first attempt from being made.
        settings.connectionTimeout = .seconds(20)
        let session = CoordinatorSession(
            settings, on: ScriptedCoordinator.group, logger: silentLogger, events: { _ in })
        let error = await #expect(throws: CoordinatorError.self) { try await session.start() }
        let text = error?.description ?? ""
        #expect(text.contains("nobody listens there"))
    }

    @Test func aServerThatSaysNothingIsLeft() async throws {
        let mute = ScriptedCoordinator()
        mute.state.withLock { $0.isSilent = true }
        try await mute.start()
        var settings = try CoordinatorSettings(connect: "127.0.0.1:\(mute.port)")
        settings.connectionTimeout = .milliseconds(300)
        let session = CoordinatorSession(
            settings, on: ScriptedCoordinator.group, logger: silentLogger, events: { _ in })
        await #expect(throws: CoordinatorError.self) { try await session.start() }
        try await mute.stop()
    }

    @Test func pingsKeepASessionAndSilenceEndsTheConnection() async throws {
        let coordinator = ScriptedCoordinator(grantedTimeout: 600, answer: echo)
        try await coordinator.start()
        let events = EventQueue()
        let session = try await coordinator.session(events: events.note)
        while coordinator.asked.count(where: { $0.request == .ping }) < 3 {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(await events.next(1) == [.connected])
        coordinator.state.withLock { $0.isSilent = true }
        #expect(await events.next(1) == [.disconnected])
        coordinator.state.withLock { $0.isSilent = false }
        #expect(await events.next(1) == [.connected])
        await session.close()
        try await coordinator.stop()
    }
}
