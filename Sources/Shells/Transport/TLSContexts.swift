import Glibc
import Logging
import NIOCore
import Security
import Synchronization

/// The TLS context of one listener or client, made again when its files change. Connections that live keep theirs.
package final class TLSContexts: Sendable {
    /// What tells one state of a file from the next.
    private struct FileMark: Equatable {
        var inode: UInt64
        var size: Int64
        var seconds: Int
        var nanoseconds: Int
    }

    private struct State {
        var context: TLSContext
        var marks: [FileMark?]
        var nextCheck: NIODeadline
    }

    private let settings: TLSSettings
    private let role: TLSRole
    private let checkInterval: TimeAmount
    private let files: [String]
    private let logger: Logger
    private let state: Mutex<State>

    /// Reads the files. `checkInterval` is how long a change may go unnoticed.
    package init(
        _ settings: TLSSettings, role: TLSRole, checkInterval: Duration = .seconds(1), logger: Logger
    ) throws(TLSFileFault) {
        self.settings = settings
        self.role = role
        self.checkInterval = TimeAmount(checkInterval)
        self.logger = logger
        files = Self.files(settings)
        let marks = files.map(Self.mark)
        state = Mutex(
            State(
                context: try TLSContext(settings, role: role), marks: marks,
                nextCheck: .now() + TimeAmount(checkInterval)))
    }

    private static func files(_ settings: TLSSettings) -> [String] {
        var sources: [TLSSettings.PEMSource] = []
        switch settings.identity {
        case .bundle(let file): sources.append(.file(file))
        case .separate(let key, let chain): sources += [key, chain]
        case nil: break
        }
        if let trust = settings.trust { sources.append(trust) }
        return sources.compactMap { source in
            guard case .file(let path) = source else { return nil }
            return path
        }
    }

    /// Nil when there is no such file now.
    private static func mark(_ path: String) -> FileMark? {
        var found = stat()
        guard stat(path, &found) == 0 else { return nil }
        return FileMark(
            inode: UInt64(found.st_ino), size: Int64(found.st_size), seconds: found.st_mtim.tv_sec,
            nanoseconds: found.st_mtim.tv_nsec)
    }

    /// The context for a new connection. Files that have changed and cannot be used are reported once, and the context
    /// that stands is kept.
    func current() -> TLSContext {
        state.withLock { state in
            let now = NIODeadline.now()
            guard now >= state.nextCheck, !files.isEmpty else { return state.context }
            state.nextCheck = now + checkInterval
            let marks = files.map(Self.mark)
            guard marks != state.marks else { return state.context }
            state.marks = marks
            do throws(TLSFileFault) {
                state.context = try TLSContext(settings, role: role)
                logger.info("TLS files have changed and are used for new connections: \(files.joined(separator: ", "))")
            } catch {
                logger.error("TLS files have changed and cannot be used, the old ones stay in use: \(error)")
            }
            return state.context
        }
    }
}
