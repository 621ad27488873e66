import CoordinatorKernel
import Logging
import NIOCore
import Platform
import Seams
import Telemetry
import ZNodes

/// The commands that move whole states, as Apache ZooKeeper 3.9 has them: `snapshot`, which streams a backup, and
/// `restore`, which takes one. Both are for who has all permissions on the root.
///
/// They wait for disks, for changes to be committed and for the network, so they have a thread of their own.
struct StateCommands: Sendable {
    /// Why there is no answer: an HTTP status and a sentence.
    private struct Refusal: Error {
        var status: Int
        var sentence: String
    }

    /// A state that is not committed by then will not be.
    private static let patience = Duration.seconds(30)
    private static let pieceSize = 256 << 10

    private let settings: AdminSettings
    private let storage: StorageSettings
    private let isMember: Bool
    private let fileSystem: any FileSystem
    private let logger: Logger
    private let errands: InquiryThread
    private let snapshotRate: RateLimit
    private let restoreRate: RateLimit
    private let clock = SystemClock()

    init(
        _ settings: AdminSettings, _ surroundings: Surroundings, errands: InquiryThread, logger: Logger
    ) {
        self.settings = settings
        storage = surroundings.settings.storage
        isMember = surroundings.settings.ensemble != nil
        fileSystem = surroundings.fileSystem
        self.errands = errands
        self.logger = logger
        snapshotRate = RateLimit(interval: settings.stateInterval)
        restoreRate = RateLimit(interval: settings.stateInterval)
    }

    /// Answers, later.
    func answer(_ command: AdminCommand, _ exchange: HTTPExchange) {
        errands.post { kernel in
            do throws(Refusal) {
                try admit(exchange.request, kernel)
                if command == .snapshot { try snapshot(exchange, kernel) } else { try restore(exchange, kernel) }
            } catch {
                logger.warning("\(command.rawValue) for \(exchange.request.host): \(error.sentence)")
                exchange.reply(Self.json(command, [], status: error.status, error: error.sentence))
            }
        }
    }

    private func admit(_ request: HTTPRequest, _ kernel: KernelWindow) throws(Refusal) {
        guard let authorization = request.authorization else {
            throw Refusal(status: 401, sentence: "Auth info is missing for the command")
        }
        let parts = authorization.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(parts.count) else { throw Refusal(status: 401, sentence: "Not authenticated") }
        let standing = kernel.lookIfServing { loop, _ in
            loop.kernel.standing(
                ofOperatorFrom: request.host, subject: request.subject, scheme: parts[0],
                credentials: parts.count == 2 ? parts[1] : nil)
        }
        switch standing {
        // As Apache ZooKeeper has it for all commands.
        case nil: throw Refusal(status: 200, sentence: WordAnswers.notServing)
        case .unknown: throw Refusal(status: 401, sentence: "Not authenticated")
        case .refused: throw Refusal(status: 403, sentence: "Not authorized")
        case .trusted: return
        }
    }

    private static func json(
        _ command: AdminCommand, _ fields: [JSONValue.Field], status: Int = 200, headers: [(String, String)] = [],
        error: String? = nil
    ) -> HTTPAnswer {
        let text = JSONValue.object(
            fields + [
                .init("command", .text(command.rawValue)), .init("error", error.map { .text($0) } ?? .null),
            ])
        return HTTPAnswer(status: status, contentType: "application/json", headers: headers, body: text.prettyText)
    }

    // MARK: snapshot

    private func snapshot(_ exchange: HTTPExchange, _ kernel: KernelWindow) throws(Refusal) {
        guard settings.allowsSnapshot else { throw Refusal(status: 503, sentence: "admin.snapshot.enabled=false") }
        guard snapshotRate.allows(at: clock.now()) else {
            kernel.count { $0.rateLimitedSnapshots += 1 }
            throw Refusal(status: 429, sentence: "there was a snapshot a short while ago")
        }
        do {
            guard let state = committedState(kernel) else {
                throw Refusal(status: 500, sentence: "the state was not committed in time")
            }
            let file = try fileSystem.open(SnapshotWriter.write(state, fileSystem, storage), .read)
            let size = try file.size()
            let headers = [
                ("last_zxid", "0x\(String(UInt64(bitPattern: state.lastZxid), radix: 16))"),
                ("snapshot_size", "\(size)"),
            ]
            if exchange.request.arguments["streaming"].map({ $0.lowercased() == "true" }) ?? true {
                stream(file, size, headers, exchange)
            } else {
                exchange.reply(Self.json(.snapshot, [], headers: headers))
            }
        } catch {
            kernel.count { $0.failedSnapshots += 1 }
            throw error as? Refusal ?? Refusal(status: 500, sentence: "\(error)")
        }
    }

    private func committedState(_ kernel: KernelWindow) -> TreeState? {
        let answer = Mailbox<TreeState?>()
        guard kernel.lookIfServing({ loop, _ in loop.handOut(to: answer) }) != nil else { return nil }
        return answer.take(waitingAtMost: Self.patience).first ?? nil
    }

    private func stream(_ file: any File, _ size: Int, _ headers: [(String, String)], _ exchange: HTTPExchange) {
        exchange.begin(
            HTTPAnswer(contentType: "application/octet-stream", headers: headers, body: ""), length: size)
        do {
            var position = 0
            while position < size {
                let piece = try file.bytes(at: position, count: min(size - position, Self.pieceSize))
                try exchange.write(piece)
                position += piece.readableBytes
            }
            exchange.end()
        } catch {
            // Who reads it misses some of what was announced.
            logger.warning("the snapshot for \(exchange.request.host) ends too early: \(error)")
            exchange.abort()
        }
    }

    // MARK: restore

    private func restore(_ exchange: HTTPExchange, _ kernel: KernelWindow) throws(Refusal) {
        guard settings.allowsRestore else { throw Refusal(status: 503, sentence: "admin.restore.enabled=false") }
        guard exchange.request.contentType == "application/octet-stream" else {
            throw Refusal(status: 400, sentence: "a backup comes as application/octet-stream")
        }
        guard !isMember else {
            throw Refusal(
                status: 503, sentence: "a member of an ensemble is restored with all others, while none of them runs")
        }
        guard restoreRate.allows(at: clock.now()) else {
            kernel.count { $0.rateLimitedRestores += 1 }
            throw Refusal(status: 429, sentence: "there was a restore a short while ago")
        }
        let start = clock.now()
        do {
            let zxid = try replaceState(exchange, kernel)
            let took = clock.now() - start
            kernel.count { $0.restoreTimes.add(took.nanoseconds) }
            logger.warning("restored the backup of zxid 0x\(String(zxid, radix: 16)) for \(exchange.request.host)")
            exchange.reply(Self.json(.restore, [.init("last_zxid", .number(zxid))]))
        } catch {
            kernel.count { $0.failedRestores += 1 }
            throw Refusal(status: 500, sentence: "\(error)")
        }
    }

    /// Returns the zxid of what there is now.
    private func replaceState(_ exchange: HTTPExchange, _ kernel: KernelWindow) throws -> Int64 {
        guard let settings = kernel.look({ loop, _ in loop.kernel.treeSettings }) else {
            throw StateUnchanged(description: "the coordinator does not answer")
        }
        var backup = try IncomingBackup(fileSystem, storage)
        do {
            while let part = try exchange.nextPartOfBody() { try backup.append(part) }
            let tree = try backup.contents(into: RestoredTree(settings))
            let complete = backup
            let answer = Mailbox<Result<Void, StorageFailure>?>()
            // Not the window's patience: what has begun is to be waited for.
            kernel.mailbox.post(.asked { loop, _ in answer.post(loop.replaceState(by: complete, tree)) })
            guard let outcome = answer.take(waitingAtMost: .seconds(3600)).first ?? nil else {
                throw StateUnchanged(description: "a snapshot is being written; try again")
            }
            try outcome.get()
            return tree.state.lastZxid
        } catch {
            try backup.discard()
            throw error
        }
    }
}

/// Why a backup was not restored, where that is nobody's fault; a sentence.
private struct StateUnchanged: Error, CustomStringConvertible {
    var description: String
}

/// How often operators have asked for whole states, and what came of it.
struct StateCommandCounts: Sendable {
    var failedSnapshots: Int64 = 0
    var rateLimitedSnapshots: Int64 = 0
    var failedRestores: Int64 = 0
    var rateLimitedRestores: Int64 = 0
    /// In nanoseconds.
    var restoreTimes = Distribution()
}

extension KernelWindow {
    /// Counts something, soon.
    fileprivate func count(_ change: @escaping @Sendable (inout StateCommandCounts) -> Void) {
        mailbox.post(.asked { loop, _ in change(&loop.stateCommands) })
    }
}
