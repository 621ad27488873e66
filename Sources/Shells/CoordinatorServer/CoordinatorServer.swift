import CoordinatorKernel
import Logging
import NIOCore
import Platform
import Seams
import Transport

/// A running coordinator: its listeners, its threads and its files.
package final class CoordinatorServer: Sendable {
    /// The port it listens on in plaintext; nil for none.
    package var plaintextPort: Int? { listening.ports.plaintext }
    /// The port it listens on over TLS; nil for none.
    package var securePort: Int? { listening.ports.secure }

    /// The AdminServer's port; nil for none.
    package let adminPort: Int?
    /// Prometheus' port; nil for none.
    package let metricsPort: Int?

    private let listening: Listening
    private let thread: CoordinatorThread
    private let links: PeerLinks?
    private let residence: Residence?
    private let operators: OperatorServices
    /// Held until the threads have ended.
    private let locks: [DirectoryLock]

    private init(
        _ listening: Listening, thread: CoordinatorThread, links: PeerLinks?, residence: Residence?,
        operators: OperatorServices, locks: [DirectoryLock]
    ) {
        self.listening = listening
        self.operators = operators
        adminPort = operators.admin?.port
        metricsPort = operators.metrics?.port
        self.thread = thread
        self.links = links
        self.residence = residence
        self.locks = locks
    }

    /// Listens, claims the directories, and restores what they hold.
    ///
    /// - Parameter whenFailed: called once, from a thread of the server's, when the disk has failed. Nothing is
    ///   answered from then on; the process had better end.
    /// - Throws: `StorageFailure`, `DirectoryLock.Refusal`, `Listener.Failure`, `TLSFileFault`, `MetricsServer.Failure`,
    ///   `AuditLog.Failure`: each a sentence.
    package static func start(
        _ settings: CoordinatorSettings, on group: any EventLoopGroup, logger: Logger,
        whenFailed: @escaping @Sendable (any Error) -> Void
    ) async throws -> CoordinatorServer {
        let mailbox = Mailbox<CoordinatorThread.Message>()
        let throttle = Throttle(
            limit: settings.outstandingRequestLimit, unreadEventsBound: settings.unreadEventsBoundInBytes)
        // Before the disk is touched: a port in use or a bad certificate must leave no trace there. Who connects
        // meanwhile waits.
        var operators = OperatorServices(settings, kernel: mailbox)
        let listening: Listening
        do {
            try await operators.openEssentials(on: group)
            listening = try await Listening(
                settings, on: group, logger: logger, mailbox: mailbox, throttle: throttle, words: operators.words)
        } catch {
            try await operators.stop()
            throw error
        }
        do {
            let (thread, links, residence, locks) = try await serve(
                settings, listening, on: group, mailbox: mailbox, throttle: throttle, logger: logger,
                audit: operators.audit, whenFailed: whenFailed)
            for (protocolName, port) in [("plaintext", listening.ports.plaintext), ("TLS", listening.ports.secure)] {
                if let port { logger.info("serving clients on port \(port), \(protocolName)") }
            }
            await operators.openAdmin(on: group, logger: logger)
            operators.audit?.write(AuditEntry(.serverStart, .success))
            return CoordinatorServer(
                listening, thread: thread, links: links, residence: residence, operators: operators, locks: locks)
        } catch {
            operators.audit?.write(AuditEntry(.serverStart, .failure))
            try await listening.close()
            try await operators.stop()
            throw error
        }
    }

    /// Restores what the directories hold and starts the threads.
    private static func serve(
        _ settings: CoordinatorSettings, _ listening: Listening, on group: any EventLoopGroup,
        mailbox: Mailbox<CoordinatorThread.Message>, throttle: Throttle, logger: Logger, audit: AuditLog?,
        whenFailed: @escaping @Sendable (any Error) -> Void
    ) async throws -> (CoordinatorThread, PeerLinks?, Residence?, [DirectoryLock]) {
        let fileSystem = PosixFileSystem()
        let storage = CoordinatorStorage(fileSystem: fileSystem, settings: settings.storage)
        try storage.prepare()
        let locks = try storage.directories.map { directory throws(DirectoryLock.Refusal) in
            try DirectoryLock(directory)
        }
        let clock = SystemClock()
        let started = clock.now()
        let secret = try SessionSecret.read(in: settings.storage.snapshotDirectory, of: fileSystem) {
            (0..<SessionSecret.size).map { _ in UInt8.random(in: .min ... .max) }
        }
        var kernelSettings = settings.kernel(sessionSecret: secret)
        let recovery = try storage.recover(keepsEntries: settings.ensemble != nil) {
            RestoredTree(kernelSettings.tree, keepsSnapshot: settings.ensemble != nil)
        }
        let takeover = try TakeoverFile(fileSystem, settings.storage).read()
        kernelSettings.inheritedSessions = Set(takeover?.sessions ?? [])
        for warning in recovery.warnings { logger.warning("\(warning)") }
        let restore = RestoreStatistics(took: clock.now() - started, replayedCount: recovery.replayedCount)
        logger.info(
            "restored \(settings.storage.snapshotDirectory)",
            metadata: [
                "zxid": "0x\(String(recovery.lastZxid, radix: 16))", "replayed": "\(recovery.replayedCount)",
                "took": "\(restore.took.milliseconds)ms",
            ])
        let promises = PromiseFile(fileSystem, settings.storage)
        let kept = settings.ensemble == nil ? PromiseFile.Contents() : try promises.begin()
        let kernel = CoordinatorKernel(
            kernelSettings, restored: recovery.state, replayedCount: recovery.replayedCount,
            memberOf: settings.ensemble?.start(
                kept.promise, entries: recovery.entries, snapshotZxid: recovery.snapshotZxid,
                takenOverZxid: takeover?.zxid), at: clock.now())
        var links: PeerLinks?
        var residence: Residence?
        var member: EnsembleMember?
        if var ensemble = settings.ensemble {
            if let newest = kernel.membership { ensemble.adopt(newest) }
            let started = try await PeerLinks.start(
                ensemble, ensemble: kernel.ensembleID ?? kept.ensemble, on: group, logger: logger,
                post: { mailbox.post(.peer($0)) })
            let home = Residence(ensemble, started, listening, logger: logger) { ports in
                mailbox.post(.asked { loop, _ in loop.ports = ports })
            }
            member = EnsembleMember(
                started, home, promises, kept: kept, storage, tree: kernelSettings.tree, logger: logger,
                tell: { mailbox.post(.performed($0)) })
            links = started
            residence = home
        }
        let log = recovery.log
        let authentication = settings.sasl.map { sasl in
            AuthenticationThread(sasl) { mailbox.post(.authenticated($0, $1)) }
        }
        let thread = CoordinatorThread(mailbox) { [member] in
            CoordinatorLoop(
                kernel: kernel, ports: listening.ports, started: started, restore: restore,
                sync: SyncThread(
                    log, slowSync: settings.slowSync, logger: logger, synced: { mailbox.post(.synced($0)) },
                    roomChanged: { mailbox.post(.roomChanged($0)) }, failed: { mailbox.post(.failed($0)) }),
                snapshots: SnapshotThread(
                    storage, fileSystem: fileSystem, purgeInterval: settings.purgeInterval, logger: logger,
                    written: { mailbox.post(.snapshotWritten(took: $0)) }),
                throttle: throttle, logger: logger, audit: audit, authentication: authentication, member: member,
                whenFailed: whenFailed)
        }
        return (thread, links, residence, locks)
    }

    /// Ends all connections, makes durable what was accepted, and lets go of the directories. Sessions stay for their
    /// clients to come back to.
    package func stop() async throws {
        operators.audit?.write(AuditEntry(.serverStop, .invoked))
        // Before the listeners: nothing is opened behind their back.
        await residence?.stop()
        try await listening.close()
        try await operators.stop()
        thread.stop()
        try await links?.stop()
        withExtendedLifetime(locks) {}
    }
}
