import CoordinatorClient
import NIOCore
import ZooKeeperProtocol

/// Commands about quotas: nodes that servers look at, below ``QuotaPath/root``.
extension Shell {
    func listQuota(_ arguments: ShellArguments) async throws {
        let (path, whole) = try await quotaPath(arguments)
        let limits = QuotaPath.limits(of: whole)
        output.complain("absolute path is \(limits)")
        guard let reply = try await askIfPresent(.getData(path: limits, watch: false), at: limits) else {
            throw ShellFailure("quota for \(path) does not exist.")
        }
        output.result("Output quota for \(path) \(reply.text)")
        let stats = QuotaPath.stats(of: whole)
        output.result(
            "Output stat for \(path) \(try await askOutside(.getData(path: stats, watch: false), at: stats).text)")
    }

    func setQuota(_ arguments: ShellArguments) async throws {
        let (path, whole) = try await quotaPath(arguments)
        if whole == "/" { throw ShellFailure("/ can have no quota") }
        var wanted = QuotaText()
        var given: [WritableKeyPath<QuotaText, Int64>] = []
        for (letter, limit) in QuotaText.options {
            guard
                let number: Int64 = try arguments.number(
                    letter, else: "NumberFormatException happens when parsing the option value")
            else { continue }
            wanted[keyPath: limit] = number
            given.append(limit)
        }
        if given.isEmpty {
            throw ShellFailure(
                "Missing required option: [-n num soft quota, -b bytes soft quota, -N num hard quota, "
                    + "-B bytes hard quota]")
        }
        guard try await askIfPresent(.exists(path: whole, watch: false), at: path) != nil else {
            throw ShellFailure("\(path) does not exist.")
        }
        let limits = QuotaPath.limits(of: whole)
        if let reply = try await askIfPresent(.getData(path: limits, watch: false), at: limits) {
            var quota = QuotaText(reply.text)
            for limit in given { quota[keyPath: limit] = wanted[keyPath: limit] }
            wanted = quota
            let data = ByteBuffer(string: quota.text)
            try await askOutside(.change(.setData(path: limits, data: data, version: -1)), at: limits)
        } else {
            try await requireNoOtherQuota(path, whole)
            try await createQuota(whole, wanted)
        }
        let stats = QuotaPath.stats(of: whole)
        if let use = try await askIfPresent(.getData(path: stats, watch: false), at: stats) {
            for warning in wanted.warnings(use: QuotaText(use.text)) { output.result(warning) }
        }
    }

    /// Of nodes one above the other one alone can have a quota.
    private func requireNoOtherQuota(_ path: String, _ whole: String) async throws {
        var above = ShellPath.parent(of: whole)
        while let parent = above, parent != "/" {
            let limits = QuotaPath.limits(of: parent)
            if try await askIfPresent(.exists(path: limits, watch: false), at: limits) != nil {
                throw ShellFailure("\(path) has a parent \(parent) which has a quota")
            }
            above = ShellPath.parent(of: parent)
        }
        var below = [whole]
        while let next = below.popLast() {
            let folder = QuotaPath.folder(of: next)
            let reply = try await askIfPresent(.getChildren(path: folder, watch: false), at: folder)
            for name in reply?.strings ?? [] {
                if name == QuotaPath.limitsName { throw ShellFailure("\(path) has a child \(next) which has a quota") }
                if name != QuotaPath.statsName { below.append(ShellPath.child(name, of: next)) }
            }
        }
    }

    private func createQuota(_ whole: String, _ quota: QuotaText) async throws {
        var folder = QuotaPath.root
        for name in whole.split(separator: "/") {
            folder = ShellPath.child(String(name), of: folder)
            try await createIfAbsent(folder, nil)
        }
        try await createIfAbsent(QuotaPath.limits(of: whole), ByteBuffer(string: quota.text))
        try await createIfAbsent(QuotaPath.stats(of: whole), ByteBuffer(string: "count=0,bytes=0"))
    }

    private func createIfAbsent(_ path: String, _ data: ByteBuffer?) async throws {
        let create = CreateOperation(path: path, data: data, acl: ACL.open, mode: .persistent)
        let session = try await session(for: path)
        do {
            _ = try await session.performOutsideChroot(.change(.create(create)))
        } catch .refused(.nodeExists, _) {
            return
        } catch {
            throw ShellFailure(error, at: path)
        }
    }

    func deleteQuota(_ arguments: ShellArguments) async throws {
        let (path, whole) = try await quotaPath(arguments)
        let limits = QuotaPath.limits(of: whole)
        guard let reply = try await askIfPresent(.getData(path: limits, watch: false), at: limits) else {
            throw ShellFailure("Quota does not exist for \(path)")
        }
        let dropped = QuotaText.options.filter { arguments.flags.contains($0.letter) }
        guard dropped.isEmpty else {
            var quota = QuotaText(reply.text)
            for (_, limit) in dropped { quota[keyPath: limit] = -1 }
            let data = ByteBuffer(string: quota.text)
            try await askOutside(.change(.setData(path: limits, data: data, version: -1)), at: limits)
            return
        }
        for node in [limits, QuotaPath.stats(of: whole)] {
            _ = try await askIfPresent(.change(.delete(path: node, version: -1)), at: node)
        }
        try await deleteEmptyFolders(upFrom: QuotaPath.folder(of: whole))
    }

    private func deleteEmptyFolders(upFrom folder: String) async throws {
        var next: String? = folder
        while let folder = next, folder != QuotaPath.root {
            let session = try await session(for: folder)
            do {
                _ = try await session.performOutsideChroot(.change(.delete(path: folder, version: -1)))
            } catch .refused(.notEmpty, _) {
                return
            } catch .refused(.noNode, _) {
                next = ShellPath.parent(of: folder)
                continue
            } catch {
                throw ShellFailure(error, at: folder)
            }
            next = ShellPath.parent(of: folder)
        }
    }

    /// The path as it was given, and as the servers know it.
    private func quotaPath(_ arguments: ShellArguments) async throws -> (given: String, whole: String) {
        let path = arguments.words[0]
        try ShellPath.check(path)
        let chroot = try await session(for: path).settings.chroot
        return (path, path == "/" && !chroot.isEmpty ? chroot : chroot + path)
    }
}
