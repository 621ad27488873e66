import ClusterModel
import Controller
import CoordinatorClient
import Testing

@testable import BrokerServer

@Suite(.timeLimit(.minutes(1))) struct TreeSessionTests {
    private let topicID = KafkaUUID(high: 0x1234, low: 0x5678)

    private func createTopic(_ name: String, on replicas: [[BrokerID]]) -> TreeChange {
        .createTopic(name: name, id: topicID, assignment: replicas, configs: ["retention.ms": "1000"])
    }

    /// Runs `body` with a coordinator, that knows recursive watches or not.
    private func withCoordinator(
        recursive: Bool = true, _ body: (MemoryCoordinator) async throws -> Void
    ) async throws {
        let coordinator = MemoryCoordinator(knowsRecursiveWatches: recursive)
        try await coordinator.start()
        try await body(coordinator)
        try await coordinator.stop()
    }

    @Test func theFirstBrokerMakesTheTreeAndBecomesController() async throws {
        try await withCoordinator { coordinator in
            let broker = try await TreeBroker.registered(1, coordinator.connect)
            #expect(broker.image.brokers[BrokerID(1)]?.endpoints.first?.port == 9001)
            #expect(broker.image.clusterID == broker.session.clusterID)
            #expect(KafkaUUID(broker.session.clusterID) != nil)
            let image = await broker.image { $0.controllerID == BrokerID(1) && $0.controllerEpoch == 1 }
            #expect(image.brokers[BrokerID(1)]?.isMartlet == true)
            let tree = coordinator.tree
            for path in TreePath.persistent { #expect(tree[path] == .some(nil), "\(path)") }
            #expect(tree["/feature"] == #"{"features":{},"version":2,"status":1}"#)
            #expect(tree["/controller_epoch"] == "1")
            #expect(coordinator.stat("/controller_epoch")?.version == 1)
            #expect(tree["/cluster/id"] == #"{"version":"1","id":"\#(broker.session.clusterID)"}"#)
            await broker.session.close()
            #expect(coordinator.tree["/brokers/ids/1"] == nil)
            #expect(coordinator.tree["/controller"] == nil)
        }
    }

    @Test func theClusterIsKnownBeforeTheBrokerRegisters() async throws {
        try await withCoordinator { coordinator in
            let first = try await TreeBroker(1, coordinator.connect)
            let second = try await TreeBroker(2, "\(coordinator.connect)")
            #expect(first.session.clusterID == second.session.clusterID)
            #expect(coordinator.tree["/brokers/ids/1"] == nil)
            await first.session.close()
            await second.session.close()
        }
    }

    @Test(arguments: [true, false])
    func topicsAreMadeGrownConfiguredAndDeleted(recursive: Bool) async throws {
        try await withCoordinator(recursive: recursive) { coordinator in
            let broker = try await TreeBroker.registered(1, "\(coordinator.connect)/region/east")
            let one = BrokerID(1)
            let root = "/region/east"
            #expect(await broker.change(createTopic("orders", on: [[one], [one]])) == .done)
            var image = await broker.image { $0.topics["orders"]?.partitions.allSatisfy { $0.leader == one } == true }
            #expect(image.topics["orders"]?.id == topicID)
            #expect(image.topics["orders"]?.configs == ["retention.ms": "1000"])
            #expect(
                coordinator.tree["\(root)/brokers/topics/orders/partitions/1/state"]
                    == #"{"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1]}"#)
            #expect(
                await broker.change(createTopic("orders", on: [[one]]))
                    == .refused(errorCode: 36, message: "Topic 'orders' already exists."))

            #expect(await broker.change(.createPartitions(name: "orders", existing: 2, assignment: [[one]])) == .done)
            image = await broker.image { $0.partition(TopicPartition(topic: "orders", partition: 2))?.leader == one }
            #expect(image.topics["orders"]?.partitions.count == 3)
            #expect(
                await broker.change(.createPartitions(name: "orders", existing: 2, assignment: [[one]]))
                    == .refused(errorCode: 37, message: "The topic has 3 partition(s) now."))

            #expect(await broker.change(.setTopicConfigs(name: "orders", configs: ["segment.bytes": "16384"])) == .done)
            await broker.image { $0.topics["orders"]?.configs == ["segment.bytes": "16384"] }
            #expect(
                coordinator.tree["\(root)/config/changes/config_change_0000000000"]
                    == #"{"version":2,"entity_path":"topics/orders"}"#)

            #expect(await broker.change(.deleteTopic(name: "orders")) == .done)
            await broker.image { $0.topics.isEmpty && $0.topicsBeingDeleted.isEmpty }
            #expect(coordinator.tree.keys.allSatisfy { !$0.contains("orders") })
            #expect(
                await broker.change(.deleteTopic(name: "orders"))
                    == .refused(errorCode: 3, message: "This server does not host this topic-partition."))
            await broker.session.close()
        }
    }

    @Test func oldNoticesOfChangedSettingsAreRemoved() async throws {
        try await withCoordinator { coordinator in
            let broker = try await TreeBroker.registered(1, coordinator.connect)
            #expect(await broker.change(createTopic("orders", on: [[BrokerID(1)]])) == .done)
            await broker.image { $0.topics["orders"] != nil }
            for minutes in [0, 10, 10] as [Int64] {
                coordinator.pass(milliseconds: minutes * 60_000)
                let change = TreeChange.setTopicConfigs(name: "orders", configs: ["retention.ms": "\(minutes)"])
                #expect(await broker.change(change) == .done)
            }
            let notices = coordinator.tree.keys.filter { $0.hasPrefix("/config/changes/") }.sorted()
            #expect(
                notices == ["/config/changes/config_change_0000000001", "/config/changes/config_change_0000000002"])
            await broker.session.close()
        }
    }

    @Test(arguments: [true, false])
    func aSecondBrokerFollowsAndTakesTheOfficeOver(recursive: Bool) async throws {
        try await withCoordinator(recursive: recursive) { coordinator in
            let (one, two) = (BrokerID(1), BrokerID(2))
            let first = try await TreeBroker.registered(1, coordinator.connect)
            await first.image { $0.controllerEpoch == 1 }
            let second = try await TreeBroker.registered(2, coordinator.connect)
            #expect(await first.change(createTopic("orders", on: [[one, two]])) == .done)
            await second.image { $0.topics["orders"]?.partitions.first?.leader == one }
            await first.session.close()
            let image = await second.image {
                $0.controllerID == two && $0.topics["orders"]?.partitions.first?.leader == two
            }
            #expect(image.controllerEpoch == 2)
            #expect(image.brokers.keys.sorted() == [two])
            #expect(image.topics["orders"]?.partitions.first?.leaderEpoch == 1)
            // Its kernel takes the other out, once it has synced.
            #expect(image.topics["orders"]?.partitions.first?.isr == [one, two])
            await second.session.close()
        }
    }

    @Test func aLeaderSaysWhoIsInSync() async throws {
        try await withCoordinator { coordinator in
            let (one, two) = (BrokerID(1), BrokerID(2))
            let leader = try await TreeBroker.registered(1, coordinator.connect)
            let follower = try await TreeBroker.registered(2, coordinator.connect)
            await leader.image { $0.brokers.count == 2 }
            #expect(await leader.change(createTopic("orders", on: [[one, two], [one, two]])) == .done)
            let id = TopicPartition(topic: "orders", partition: 1)
            let before = try #require(await leader.image { $0.partition(id)?.leader == one }.partition(id))
            let shrink = TreeChange.setInSync(
                id, topicID: topicID, isr: [one], leaderEpoch: before.leaderEpoch, stateVersion: before.stateVersion)
            #expect(await leader.change(shrink) == .done)
            // What was not seen yet of the own write is no reason to wait.
            let growth = TreeChange.setInSync(
                id, topicID: topicID, isr: [one, two], leaderEpoch: before.leaderEpoch,
                stateVersion: before.stateVersion + 1)
            #expect(await leader.change(growth) == .done)
            let after = try #require(
                await follower.image { $0.partition(id)?.stateVersion == before.stateVersion + 2 }.partition(id))
            #expect(after.isr == [one, two])
            #expect(after.leaderEpoch == before.leaderEpoch)
            #expect(after.controllerEpoch == before.controllerEpoch)

            func code(_ change: TreeChange) async -> Int16? {
                guard case .refused(let code, _) = await leader.change(change) else { return nil }
                return code
            }
            #expect(await code(shrink) == 95)
            func change(
                of id: TopicPartition, _ topicID: KafkaUUID, leaderEpoch: LeaderEpoch = 0, _ stateVersion: Int32
            ) -> TreeChange {
                .setInSync(id, topicID: topicID, isr: [one], leaderEpoch: leaderEpoch, stateVersion: stateVersion)
            }
            #expect(await code(change(of: id, topicID, leaderEpoch: 7, after.stateVersion)) == 74)
            #expect(await code(change(of: TopicPartition(topic: "orders", partition: 2), topicID, 0)) == 3)
            // A leader of one that was deleted, and of which this one has the name.
            #expect(await code(change(of: id, KafkaUUID(high: 7, low: 7), after.stateVersion)) == 3)
            #expect(
                coordinator.tree["/brokers/topics/orders/partitions/1/state"]
                    == #"{"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1,2]}"#)
            await leader.session.close()
            await follower.session.close()
        }
    }

    @Test func aFailoverOfManyPartitionsGoesOnBesideTheWritesOfLeaders() async throws {
        try await withCoordinator { coordinator in
            let ids = (1...3).map { BrokerID($0) }
            var brokers: [TreeBroker] = []
            for id in ids { brokers.append(try await TreeBroker.registered(id.value, coordinator.connect)) }
            await brokers[1].image { $0.brokers.count == 3 }
            #expect(
                await brokers[0].change(createTopic("orders", on: Array(repeating: [ids[2], ids[1]], count: 250)))
                    == .done)
            let before = await brokers[1].image {
                $0.topics["orders"]?.partitions.allSatisfy { $0.leader == ids[2] } == true
            }
            let partitions = try #require(before.topics["orders"]?.partitions)
            let leader = brokers[2]
            async let closing: Void = leader.session.close()
            // The leader's last words, which some of the controller's writes meet.
            for index in stride(from: 0, to: 250, by: 3) {
                let id = TopicPartition(topic: "orders", partition: Int32(index))
                brokers[1].session.change(
                    .setInSync(
                        id, topicID: topicID, isr: ids[1...2].reversed(), leaderEpoch: 0,
                        stateVersion: partitions[index].stateVersion)
                ) { _ in }
            }
            await closing
            let after = await brokers[1].image {
                $0.topics["orders"]?.partitions.allSatisfy { $0.leader == ids[1] } == true
            }
            #expect(after.topics["orders"]?.partitions.allSatisfy { $0.leaderEpoch == 1 } == true)
            await brokers[0].session.close()
            await brokers[1].session.close()
        }
    }

    @Test func aBrokerThatLeavesWaitsUntilOthersLead() async throws {
        try await withCoordinator { coordinator in
            let (one, two) = (BrokerID(1), BrokerID(2))
            let first = try await TreeBroker.registered(1, coordinator.connect)
            let second = try await TreeBroker.registered(2, coordinator.connect)
            await first.image { $0.brokers.count == 2 }
            #expect(await first.change(createTopic("orders", on: [[one, two], [one]])) == .done)
            await first.image { $0.topics["orders"]?.partitions.allSatisfy { $0.leader == one } == true }
            async let leaving: Void = first.session.leave()
            // The one that stays takes the other out of the in-sync set itself.
            let led = await second.image { $0.topics["orders"]?.partitions.first?.leader == two }
            let state = try #require(led.topics["orders"]?.partitions.first)
            #expect(state.isr == [one, two])
            let outcome = await second.change(
                .setInSync(
                    TopicPartition(topic: "orders", partition: 0), topicID: topicID, isr: [two],
                    leaderEpoch: state.leaderEpoch, stateVersion: state.stateVersion))
            #expect(outcome == .done)
            await leaving
            let image = first.image
            #expect(image.brokers[one]?.isShuttingDown == true)
            #expect(image.topics["orders"]?.partitions.map(\.leader) == [two, one])
            #expect(image.topics["orders"]?.partitions.map(\.isr) == [[two], [one]])
            await first.session.close()
            // Whoever comes back is not about to stop.
            let again = try await TreeBroker.registered(1, coordinator.connect)
            #expect(again.image.brokers[one]?.isShuttingDown == false)
            await again.session.close()
            await second.session.close()
        }
    }

    @Test func whoWasNotThereLearnsOfDeletedTopicsByTheirIDs() async throws {
        try await withCoordinator { coordinator in
            let first = try await TreeBroker.registered(1, coordinator.connect)
            #expect(await first.change(createTopic("orders", on: [[BrokerID(1)]])) == .done)
            await first.image { $0.topics["orders"]?.partitions.first?.leader == BrokerID(1) }
            #expect(await first.change(.deleteTopic(name: "orders")) == .done)
            await first.image { $0.topics.isEmpty }
            let second = try await TreeBroker.registered(2, coordinator.connect)
            #expect(second.image.deletedTopics == [topicID: 0])
            await first.session.close()
            await second.session.close()
        }
    }

    @Test func settingsOfClientsAndUsersAreFollowed() async throws {
        try await withCoordinator { coordinator in
            let first = try await TreeBroker.registered(1, coordinator.connect)
            let second = try await TreeBroker.registered(2, coordinator.connect)
            let quota = ["producer_byte_rate": "1024"]
            #expect(await first.change(.setConfigs(entity: "users/u/clients/c", configs: quota)) == .done)
            #expect(
                await first.change(.setConfigs(entity: "brokers/<default>", configs: ["log.retention.ms": "1"]))
                    == .done)
            await second.image {
                $0.entityConfigs["users/u/clients/c"] == quota && $0.defaultBrokerConfigs == ["log.retention.ms": "1"]
            }
            #expect(
                coordinator.tree["/config/users/u/clients/c"]
                    == #"{"version":1,"config":{"producer_byte_rate":"1024"}}"#)
            let third = try await TreeBroker.registered(3, coordinator.connect)
            #expect(third.image.entityConfigs["users/u/clients/c"] == quota)
            for broker in [first, second, third] { await broker.session.close() }
        }
    }

    @Test func anExpiredBrokerRegistersAgain() async throws {
        try await withCoordinator { coordinator in
            let broker = try await TreeBroker.registered(1, coordinator.connect)
            let before = await broker.image { $0.controllerEpoch == 1 }
            coordinator.expireSessions()
            let after = await broker.image { $0.controllerEpoch == 2 && $0.controllerID == BrokerID(1) }
            let epoch = after.brokers[BrokerID(1)]?.epoch ?? 0
            #expect(epoch > before.brokers[BrokerID(1)]?.epoch ?? 0)
            #expect(await broker.change(createTopic("orders", on: [[BrokerID(1)]])) == .done)
            await broker.image { $0.topics["orders"]?.partitions.first?.leader == BrokerID(1) }
            await broker.session.close()
        }
    }

    @Test func whatChangesWhileThereIsNoConnectionIsSeenAfterwards() async throws {
        try await withCoordinator { coordinator in
            let broker = try await TreeBroker.registered(1, coordinator.connect)
            await broker.image { $0.controllerEpoch == 1 }
            coordinator.dropConnections()
            coordinator.put("/config/brokers/<default>", #"{"version":1,"config":{"log.retention.ms":"5"}}"#)
            let image = await broker.image { $0.defaultBrokerConfigs == ["log.retention.ms": "5"] }
            #expect(image.controllerEpoch == 1)
            await broker.session.close()
        }
    }

    @Test func aNodeThatMakesNoSenseIsLeftAlone() async throws {
        try await withCoordinator { coordinator in
            let broker = try await TreeBroker.registered(1, coordinator.connect)
            #expect(await broker.change(createTopic("orders", on: [[BrokerID(1)]])) == .done)
            await broker.image { $0.topics["orders"]?.partitions.first?.leader == BrokerID(1) }
            coordinator.put("/brokers/topics/orders", "rubbish")
            coordinator.put("/brokers/topics/broken", "{")
            coordinator.put("/config/brokers/<default>", #"{"version":1,"config":{"a":"b"}}"#)
            let image = await broker.image { !$0.defaultBrokerConfigs.isEmpty }
            #expect(image.topics.keys.sorted() == ["orders"])
            #expect(image.topics["orders"]?.partitions.count == 1)
            await broker.session.close()
        }
    }

    @Test func aHalfMadeTopicOfAnotherControllerIsFinished() async throws {
        try await withCoordinator { coordinator in
            let broker = try await TreeBroker.registered(1, coordinator.connect)
            coordinator.put("/brokers/topics/half", #"{"version":1,"partitions":{"0":[1],"1":[1]}}"#)
            coordinator.put("/brokers/topics/half/partitions", nil)
            coordinator.put("/brokers/topics/half/partitions/0", nil)
            let image = await broker.image { $0.topics["half"]?.partitions.last?.leader == BrokerID(1) }
            #expect(image.topics["half"]?.partitions.first?.leader == BrokerID(1))
            await broker.session.close()
        }
    }

    @Test func producerIDsComeInBlocksThatNobodyElseHas() async throws {
        try await withCoordinator { coordinator in
            let first = try await TreeBroker.registered(1, coordinator.connect)
            let second = try await TreeBroker.registered(2, coordinator.connect)
            let start = ProducerIDBlock.rangeStart(ofCluster: first.session.clusterID)
            async let blocks = [first.allocateProducerIDs(), second.allocateProducerIDs()]
            let third = try #require(await first.allocateProducerIDs())
            let all = (try await blocks.map { try #require($0) } + [third]).sorted { $0.lowerBound < $1.lowerBound }
            #expect(all == [start..<start + 1000, start + 1000..<start + 2000, start + 2000..<start + 3000])
            coordinator.put("/latest_producer_id_block", "rubbish")
            #expect(await second.allocateProducerIDs() == nil)
            await first.session.close()
            await second.session.close()
        }
    }

    // MARK: - Who else is registered

    @Test func brokersOfApacheAreNotJoined() async throws {
        try await withCoordinator { coordinator in
            let apache =
                #"{"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["#
                + #""PLAINTEXT://127.0.0.1:16102"],"rack":"rack-2","jmx_port":-1,"port":16102,"host":"127.0.0.1","#
                + #""version":5,"timestamp":"1795229693274"}"#
            for path in ["/brokers", "/brokers/ids"] { coordinator.put(path, nil) }
            coordinator.put("/brokers/ids/2", apache, ephemeralOwner: 77)
            let broker = try await TreeBroker(1, coordinator.connect)
            let error = await #expect(throws: TreeFailure.sharedWithApache([BrokerID(2)])) {
                try await broker.register(port: 9001)
            }
            let sentence = error?.description ?? ""
            #expect(sentence.contains("to take over, stop all of them"))

            coordinator.remove("/brokers/ids/2")
            let later = try await TreeBroker.registered(1, coordinator.connect)
            coordinator.put("/brokers/ids/2", apache, ephemeralOwner: 77)
            coordinator.put("/config/brokers/<default>", #"{"version":1,"config":{"a":"b"}}"#)
            let image = await later.image { !$0.defaultBrokerConfigs.isEmpty }
            #expect(image.brokers.keys.sorted() == [BrokerID(1)])
            await later.session.close()
        }
    }

    @Test func aRegistrationLeftBehindIsWaitedFor() async throws {
        try await withCoordinator { coordinator in
            let killed = try await TreeBroker.registered(1, coordinator.connect)
            let text = try #require(coordinator.tree["/brokers/ids/1"])
            await killed.session.close()
            coordinator.put("/brokers/ids/1", text, ephemeralOwner: 77)
            let broker = try await TreeBroker(1, coordinator.connect)
            async let registered: Void = broker.register(port: 9005)
            try await Task.sleep(for: .milliseconds(150))
            #expect(coordinator.stat("/brokers/ids/1")?.ephemeralOwner == 77)
            coordinator.remove("/brokers/ids/1")
            try await registered
            #expect(broker.image.brokers[BrokerID(1)]?.endpoints.first?.port == 9005)
            await broker.session.close()
        }
    }

    @Test func aKilledProcessOnTheSameLogDirectoryIsReplacedAtOnce() async throws {
        try await withCoordinator { coordinator in
            let directory = KafkaUUID(high: 3, low: 4)
            let killed = try await TreeBroker(1, coordinator.connect)
            try await killed.register(port: 9001, logDirectoryID: directory)
            await killed.image { $0.controllerEpoch == 1 }
            let broker = try await TreeBroker(1, coordinator.connect, sessionTimeout: .seconds(600))
            try await broker.register(port: 9002, logDirectoryID: directory)
            #expect(broker.image.brokers[BrokerID(1)]?.endpoints.first?.port == 9002)
            let image = await broker.image { $0.controllerEpoch == 2 }
            #expect(image.controllerID == BrokerID(1))
            // Had it not been dead, it would know now.
            #expect(await killed.loss().contains("serves 127.0.0.1:9002, has registered as broker 1"))
            #expect(coordinator.tree["/brokers/ids/1"] != nil)
            await broker.session.close()
        }
    }

    /// Broker 1, which led all partitions, starts again while its last session lives: 2 is in sync in the first two.
    private func restarted(
        _ coordinator: MemoryCoordinator, isWhole: @escaping @Sendable (TopicPartition) -> Bool
    ) async throws -> (broker: TreeBroker, other: TreeBroker) {
        let (one, two) = (BrokerID(1), BrokerID(2))
        let directory = KafkaUUID(high: 3, low: 4)
        let other = try await TreeBroker.registered(2, coordinator.connect)
        let dead = BrokerRegistration(
            endpoints: [
                BrokerEndpoint(
                    listenerName: "PLAINTEXT", securityProtocol: "PLAINTEXT", host: "127.0.0.1", port: 9001)
            ], logDirectoryID: directory)
        coordinator.put(TreePath.broker(one), String(decoding: dead.text(at: 0), as: UTF8.self), ephemeralOwner: 99)
        await other.image { $0.brokers.count == 2 && $0.controllerID == two }
        #expect(await other.change(createTopic("orders", on: [[one, two], [one, two], [one]])) == .done)
        await other.image { $0.topics["orders"]?.partitions.allSatisfy { $0.leader == one } == true }
        let broker = try await TreeBroker(1, coordinator.connect, sessionTimeout: .seconds(600))
        try await broker.register(port: 9002, logDirectoryID: directory, isWhole: isWhole)
        #expect(broker.image.brokers[one]?.endpoints.first?.port == 9002)
        return (broker, other)
    }

    @Test func aBrokerLeavesTheInSyncSetsOfLogsThatAreNotWholeBeforeItRegisters() async throws {
        try await withCoordinator { coordinator in
            let (one, two) = (BrokerID(1), BrokerID(2))
            let whole = TopicPartition(topic: "orders", partition: 1)
            let alone = TopicPartition(topic: "orders", partition: 2)
            let lacking = TopicPartition(topic: "orders", partition: 0)
            let (broker, other) = try await restarted(coordinator) { $0 == whole }
            #expect(broker.image.partition(lacking)?.isr == [two], "when it is registered it is in sync no more")
            #expect(broker.image.partition(alone)?.isr == [one], "nobody has more")
            let image = await other.image {
                $0.partition(lacking)?.leader == two && $0.partition(alone)?.leader == one
            }
            #expect(image.partition(lacking)?.isr == [two])
            #expect(image.partition(lacking)?.leaderEpoch ?? 0 > 0)
            #expect(image.partition(alone)?.leaderEpoch ?? 0 > 0, "it leads in a new epoch")
            await broker.session.close()
            await other.session.close()
        }
    }

    @Test func whoseLogsAreWholeStaysInSync() async throws {
        try await withCoordinator { coordinator in
            let (one, two) = (BrokerID(1), BrokerID(2))
            let (broker, other) = try await restarted(coordinator) { _ in true }
            #expect(broker.image.topics["orders"]?.partitions.map(\.isr) == [[one, two], [one, two], [one]])
            await broker.session.close()
            await other.session.close()
        }
    }

    @Test func aRegistrationThatSomebodyDeletedIsMadeAgain() async throws {
        try await withCoordinator { coordinator in
            let broker = try await TreeBroker.registered(1, coordinator.connect)
            let epoch = try #require(broker.image.brokers[BrokerID(1)]?.epoch)
            coordinator.remove("/brokers/ids/1")
            await broker.image { $0.brokers[BrokerID(1)]?.epoch ?? 0 > epoch }
            await broker.session.close()
        }
    }

    @Test func aBrokerThatLivesKeepsItsID() async throws {
        try await withCoordinator { coordinator in
            let first = try await TreeBroker.registered(1, coordinator.connect)
            let second = try await TreeBroker(1, coordinator.connect, sessionTimeout: .milliseconds(900))
            await #expect(throws: TreeFailure.alreadyRegistered(BrokerID(1), at: "127.0.0.1:9001")) {
                try await second.register(port: 9002)
            }
            await first.session.close()
        }
    }

    @Test func aTreeOfAnotherClusterIsNotServed() async throws {
        try await withCoordinator { coordinator in
            let broker = try await TreeBroker.registered(1, coordinator.connect)
            coordinator.put("/cluster/id", #"{"version":"1","id":"5F1dGrkjS3KA2L1IWkszJg"}"#)
            coordinator.expireSessions()
            let reason = await broker.loss()
            #expect(reason.contains("belongs to cluster 5F1dGrkjS3KA2L1IWkszJg now"))
            #expect(coordinator.tree["/brokers/ids/1"] == nil)
            await broker.session.close()
        }
    }

    @Test func withoutACoordinatorChangesAreUnavailable() async throws {
        try await withCoordinator { coordinator in
            let broker = try await TreeBroker.registered(1, coordinator.connect)
            try await coordinator.stop()
            // The reply of a connection that is not yet known to be gone may be lost too.
            #expect(await broker.change(createTopic("orders", on: [[BrokerID(1)]])) == .unavailable)
            #expect(await broker.allocateProducerIDs() == nil)
            await broker.session.close()
        }
    }
}
