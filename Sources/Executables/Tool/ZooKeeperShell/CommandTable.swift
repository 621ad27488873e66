/// All commands of the shell, by zkCli's names.
enum CommandTable {
    static let commands: [ShellCommand] =
        (reading + changing + watching + quotas + ensemble + connecting + lines).sorted { $0.name < $1.name }

    static let byName = Dictionary(uniqueKeysWithValues: commands.map { ($0.name, $0) })

    /// What `help` prints.
    static let help: [String] =
        ["martlet zk -server host:port[,host:port...][/chroot] [options] [command arguments]"]
        + commands.map { "\t\($0.usage)" }

    private static let reading = [
        ShellCommand("ls", "[-s] [-w] [-R] path", flags: ["s", "w", "R"], words: 1) { try await $0.list($1) },
        ShellCommand("get", "[-s] [-w] [-b|-x] path", flags: ["s", "w", "b", "x"], words: 1) { try await $0.get($1) },
        ShellCommand("stat", "[-w] path", flags: ["w"], words: 1) { try await $0.stat($1) },
        ShellCommand("getAcl", "[-s] path", flags: ["s"], words: 1) { try await $0.getACL($1) },
        ShellCommand("getEphemerals", "path") { try await $0.getEphemerals($1) },
        ShellCommand("getAllChildrenNumber", "path", words: 1) { try await $0.getAllChildrenNumber($1) },
        ShellCommand("sync", "path", words: 1) { try await $0.sync($1) },
    ]

    private static let changing = [
        ShellCommand(
            "create", "[-s] [-e] [-c] [-t ttl] path [data] [acl]", flags: ["s", "e", "c"], valued: ["t"], words: 1
        ) { try await $0.create($1) },
        ShellCommand("set", "[-s] [-v version] path data", flags: ["s"], valued: ["v"], words: 2) {
            try await $0.set($1)
        },
        ShellCommand("setAcl", "[-s] [-v version] [-R] path acl", flags: ["s", "R"], valued: ["v"], words: 2) {
            try await $0.setACL($1)
        },
        ShellCommand("delete", "[-v version] path", valued: ["v"], words: 1) { try await $0.delete($1) },
        ShellCommand("deleteall", "path [-b batch size]", valued: ["b"], words: 1) { try await $0.deleteAll($1) },
    ]

    private static let watching = [
        ShellCommand(
            "addWatch",
            "[-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] - default is "
                + "PERSISTENT_RECURSIVE", valued: ["m"], words: 1
        ) { try await $0.addWatch($1) },
        ShellCommand("removewatches", "path [-c|-d|-a] [-l]", flags: ["c", "d", "a", "l"], words: 1) {
            try await $0.removeWatches($1)
        },
        ShellCommand("printwatches", "on|off", needsServer: false) { shell, arguments in shell.printWatches(arguments)
        },
    ]

    private static let quotas = [
        ShellCommand("listquota", "path", words: 1) { try await $0.listQuota($1) },
        ShellCommand("setquota", "-n|-b|-N|-B val path", valued: ["n", "b", "N", "B"], words: 1) {
            try await $0.setQuota($1)
        },
        ShellCommand("delquota", "[-n|-b|-N|-B] path", flags: ["n", "b", "N", "B"], words: 1) {
            try await $0.deleteQuota($1)
        },
    ]

    private static let ensemble = [
        ShellCommand("config", "[-c] [-w] [-s]", flags: ["c", "w", "s"]) { try await $0.config($1) },
        ShellCommand(
            "reconfig",
            "[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | "
                + "[-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]",
            flags: ["s"], valued: ["v", "file", "members", "add", "remove"]
        ) { try await $0.reconfigure($1) },
        ShellCommand("whoami") { shell, _ in try await shell.whoAmI() },
    ]

    private static let connecting = [
        ShellCommand("addauth", "scheme auth", words: 1) { try await $0.addAuth($1) },
        ShellCommand("connect", "host:port", needsServer: false) { try await $0.connect($1) },
        ShellCommand("close", needsServer: false) { shell, _ in await shell.close() },
    ]

    private static let lines = [
        ShellCommand("help", needsServer: false) { shell, _ in shell.output.result(help) },
        ShellCommand("history", needsServer: false) { shell, _ in shell.showHistory() },
        ShellCommand("redo", "cmdno", words: 1, needsServer: false) { try await $0.redo($1) },
        ShellCommand("quit", needsServer: false) { shell, _ in shell.quit() },
        ShellCommand("version", needsServer: false) { shell, _ in
            shell.output.result("ZooKeeper CLI version: \(Shell.version)")
        },
    ]
}
