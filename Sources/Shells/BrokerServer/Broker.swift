import BrokerKernel
import ClusterModel
import Controller
import CoordinatorClient
import Glibc
import Logging
import NIOCore
import Platform
import Seams
import SegmentedLog
import Synchronization
import Transport

/// A running broker: its listeners, its shard, its data directory and its place in the coordination tree.
package final class Broker: Sendable {
    package let brokerID: BrokerID
    package let clusterID: String
    /// What clients of each listener are told, with the ports that are listened on.
    package let endpoints: [BrokerEndpoint]

    private let listeners: [Listener]
    private let shard: Shard
    private let thread: OwnThread
    private let tree: TreeSession
    private let peers: PeerLinks
    /// Held until the shard has ended.
    private let directories: DataDirectories

    private init(
        brokerID: BrokerID, endpoints: [BrokerEndpoint], listeners: [Listener], shard: Shard, thread: OwnThread,
        tree: TreeSession, peers: PeerLinks, directories: DataDirectories
    ) {
        self.brokerID = brokerID
        clusterID = tree.clusterID
        self.endpoints = endpoints
        self.listeners = listeners
        self.shard = shard
        self.thread = thread
        self.tree = tree
        self.peers = peers
        self.directories = directories
    }

    /// Listens, meets the coordinator, opens the logs, and registers; clients are answered when this returns.
    ///
    /// - Parameter whenFailed: called from a thread of the broker's when it cannot go on, with the reason as a
    ///   sentence; the process had better end.
    /// - Throws: an error whose description is a sentence; everything begun is ended again.
    package static func start(
        _ settings: BrokerSettings, on group: any EventLoopGroup, logger: Logger,
        whenFailed: @escaping @Sendable (String) -> Void
    ) async throws -> Broker {
        let clock = SystemClock()
        let started = clock.now()
        let coordinator = try coordinatorSettings(settings, logger: logger)
        let shard = Shard(clock: clock, logger: logger)
        // Before the disk is touched: a port in use or a bad certificate must leave no trace there. Who connects
        // meanwhile waits.
        let listeners = try await listen(settings.listeners, on: group, logger: logger, shard: shard)
        do {
            let endpoints = endpoints(settings.advertised, listeners)
            var treeSettings = TreeSettings(coordinator: coordinator, broker: try brokerID(settings))
            let network = try peerNetwork(settings, on: group, logger: logger)
            treeSettings.peers = network
            let peers = PeerLinks(network) { events in for event in events { shard.post(.event(event)) } }
            treeSettings.leadership = settings.leadership
            treeSettings.rights = settings.securesTree ? .secured : .open
            treeSettings.controlsAccess = settings.kernel.access != nil
            let tree = try await TreeSession.connect(
                treeSettings, on: group, logger: logger,
                onImage: { image in
                    peers.follow(image)
                    shard.post(.event(.imageChanged(image)))
                }, onLost: whenFailed)
            do {
                let broker = try await serve(
                    settings, treeSettings.broker, tree, peers, shard, listeners, endpoints, logger: logger,
                    whenFailed: whenFailed)
                logger.info(
                    "broker \(broker.brokerID) of cluster \(tree.clusterID) is ready",
                    metadata: [
                        "listeners":
                            "\(endpoints.map { "\($0.listenerName)://\($0.host):\($0.port)" }.joined(separator: ","))",
                        "took": "\((clock.now() - started).wholeMilliseconds)ms",
                    ])
                return broker
            } catch {
                await tree.close()
                throw error
            }
        } catch {
            try await close(listeners)
            throw error
        }
    }

    private static func serve(
        _ settings: BrokerSettings, _ brokerID: BrokerID, _ tree: TreeSession, _ peers: PeerLinks,
        _ shard: Shard, _ listeners: [Listener], _ endpoints: [BrokerEndpoint], logger: Logger,
        whenFailed: @escaping @Sendable (String) -> Void
    ) async throws -> Broker {
        var kernelSettings = settings.kernel
        kernelSettings.brokerID = brokerID
        kernelSettings.clusterID = tree.clusterID
        kernelSettings.auditsPermissions = shard.logsPermissions
        let directories = try DataDirectories(settings.dataDirectories)
        let store = try directories.open(kernelSettings, boot: boot(logger))
        let wholeLogs = store.wholeLogs
        let bootMarks = store.directories.map(\.bootMark)
        let directoryID = store.directories.first?.metaProperties.directoryID
        let kernel = BrokerKernel(
            settings: kernelSettings, logStore: store, generator: SystemRandomNumberGenerator(),
            at: SystemClock().now())
        let surroundings = Shard.Surroundings(
            changeTree: { ticket, change in
                tree.change(change) { shard.post(.event(.treeChanged(ticket, $0))) }
            },
            allocateProducerIDs: {
                tree.allocateProducerIDs { shard.post(.event(.producerIDsAllocated($0))) }
            },
            peers: peers, tellOffline: { tree.tellOffline($0) }, stop: whenFailed)
        let thread = shard.start(kernel, surroundings)
        do {
            try await tree.register(
                BrokerRegistration(endpoints: endpoints, rack: settings.rack, logDirectoryID: directoryID),
                isWhole: { wholeLogs.contains($0) })
            write(bootMarks, logger)
        } catch {
            shard.post(.shutDown)
            thread.join()
            throw error
        }
        return Broker(
            brokerID: brokerID, endpoints: endpoints, listeners: listeners, shard: shard, thread: thread, tree: tree,
            peers: peers, directories: directories)
    }

    /// Leaves the cluster, once others lead what it led (`controlled.shutdown.enable`), answers what was received, closes
    /// all connections and the logs.
    package func stop() async throws {
        await tree.leave()
        await tree.close()
        peers.close()
        shard.post(.shutDown)
        thread.join()
        try await Self.close(listeners)
        withExtendedLifetime(directories) {}
    }

    // MARK: - Steps of the start

    /// Names this boot of the machine; empty when that cannot be told, and then every crash counts as a power cut.
    private static func boot(_ logger: Logger) -> [UInt8] {
        do {
            return try MachineBoot.id()
        } catch {
            logger.warning("after a crash of the broker its logs will count as incomplete: \(error)")
            return []
        }
    }

    private static func write(_ marks: [BootMark], _ logger: Logger) {
        for mark in marks {
            do {
                try mark.write()
            } catch {
                logger.warning("after a crash of the broker logs will count as incomplete: \(error)")
            }
        }
    }

    /// Towards other brokers a broker shows the certificate, and trusts the authorities, of the listener they meet at.
    private static func peerNetwork(
        _ settings: BrokerSettings, on group: any EventLoopGroup, logger: Logger
    ) throws -> PeerNetwork {
        let listener = settings.listeners.first { $0.name == settings.interBrokerListener }
        let tls = try listener?.tls.map { tls throws(TLSFileFault) in
            try TLSContexts(tls, role: .client, logger: logger)
        }
        return PeerNetwork(
            listenerName: settings.interBrokerListener, tls: tls, patience: settings.peerPatience, group: group,
            logger: logger)
    }

    private static func coordinatorSettings(
        _ settings: BrokerSettings, logger: Logger
    ) throws -> CoordinatorSettings {
        var coordinator = try CoordinatorSettings(connect: settings.coordinatorAddress)
        coordinator.sessionTimeout = settings.coordinatorSessionTimeout
        coordinator.connectionTimeout = settings.coordinatorConnectionTimeout
        if let login = settings.coordinatorLogin { KerberosKeytab.use(login.credentials) }
        coordinator.login = settings.coordinatorLogin
        coordinator.tls = try settings.coordinatorTLS.map { tls throws(TLSFileFault) in
            try TLSContexts(tls, role: .client, logger: logger)
        }
        return coordinator
    }

    private static func listen(
        _ settings: [ListenerSettings], on group: any EventLoopGroup, logger: Logger, shard: Shard
    ) async throws -> [Listener] {
        let connectionCount = ConnectionCount()
        var listeners: [Listener] = []
        for one in settings {
            do {
                listeners.append(
                    try await Listener.bind(one, on: group, logger: logger) { connection in
                        RequestReader(
                            id: connectionCount.next(), connection: connection, listener: one.name, shard: shard)
                    })
            } catch {
                try await close(listeners)
                throw error
            }
        }
        return listeners
    }

    private static func close(_ listeners: [Listener]) async throws {
        for listener in listeners { try await listener.close() }
    }

    /// The id that the settings or else a data directory tell; 0 for a new directory.
    private static func brokerID(_ settings: BrokerSettings) throws -> BrokerID {
        if let id = settings.brokerID { return id }
        return try DataDirectories.brokerID(in: settings.dataDirectories) ?? BrokerID(0)
    }

    /// Puts this machine's name and the ports that are listened on where the settings leave them open.
    private static func endpoints(_ advertised: [BrokerEndpoint], _ listeners: [Listener]) -> [BrokerEndpoint] {
        advertised.map { endpoint in
            var endpoint = endpoint
            if endpoint.host.isEmpty || endpoint.host == "0.0.0.0" || endpoint.host == "::" {
                endpoint.host = Self.hostName
            }
            if endpoint.port == 0, let listener = listeners.first(where: { $0.name == endpoint.listenerName }) {
                endpoint.port = Int32(listener.port)
            }
            return endpoint
        }
    }

    private static var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// Gives connections their ids, over all listeners.
private final class ConnectionCount: Sendable {
    private let count = Atomic<UInt64>(0)

    func next() -> ConnectionID { ConnectionID(count.add(1, ordering: .relaxed).newValue) }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int64 { Int64(self / .milliseconds(1)) }
}
