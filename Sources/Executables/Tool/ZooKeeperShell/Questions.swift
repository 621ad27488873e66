import CoordinatorClient
import NIOCore
import ZooKeeperProtocol

/// What commands ask of servers. Everything throws ``ShellFailure``.
extension Shell {
    /// Asks many things at once, as one step of a command that takes many; between steps Ctrl-C ends it.
    func askAll(
        _ requests: [ZooKeeperRequest], at path: String
    ) async throws -> [Result<ZooKeeperReply, CoordinatorError>] {
        if LineEditor.isInterrupted { throw ShellFailure("interrupted") }
        return try await session(for: path).perform(requests)
    }

    /// Asks one thing; failures name `path`.
    @discardableResult
    func ask(_ request: ZooKeeperRequest, at path: String?) async throws -> ZooKeeperReply {
        let session = try await session(for: path)
        do {
            return try await session.perform(request)
        } catch {
            throw ShellFailure(error, at: path)
        }
    }

    /// Asks about ZooKeeper's own nodes, which lie outside of every chroot.
    @discardableResult
    func askOutside(_ request: ZooKeeperRequest, at path: String) async throws -> ZooKeeperReply {
        let session = try await session(for: path)
        do {
            return try await session.performOutsideChroot(request)
        } catch {
            throw ShellFailure(error, at: path)
        }
    }

    /// The same as ``askOutside(_:at:)``, with nil when the node is absent.
    func askIfPresent(_ request: ZooKeeperRequest, at path: String) async throws -> ZooKeeperReply? {
        let session = try await session(for: path)
        do {
            return try await session.performOutsideChroot(request)
        } catch .refused(.noNode, _) {
            return nil
        } catch {
            throw ShellFailure(error, at: path)
        }
    }
}

/// What replies hold. A reply is read by what was asked, so that another kind of reply is our mistake.
extension ZooKeeperReply {
    var stat: Stat {
        switch self {
        case .stat(let stat), .pathAndStat(_, let stat), .data(_, let stat), .acl(_, let stat),
            .stringsAndStat(_, let stat):
            stat
        default: preconditionFailure("no stat in \(self)")
        }
    }

    /// nil for null.
    var data: ByteBuffer? {
        guard case .data(let data, _) = self else { preconditionFailure("no data in \(self)") }
        return data
    }

    /// The data, which somebody wrote as text.
    var text: String { data.map { String(decoding: $0.readableBytesView, as: UTF8.self) } ?? "" }

    var strings: [String] {
        switch self {
        case .strings(let strings), .stringsAndStat(let strings, _): strings
        default: preconditionFailure("no strings in \(self)")
        }
    }

    var path: String {
        switch self {
        case .path(let path), .pathAndStat(let path, _): path
        default: preconditionFailure("no path in \(self)")
        }
    }
}
