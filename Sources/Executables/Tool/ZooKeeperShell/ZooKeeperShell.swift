import ArgumentParser
import Glibc
import Logging
import NIOPosix
import Security
import Settings
import Transport

/// `martlet zk`: zkCli's commands, on a terminal, from standard input, or one from the command line.
struct ZooKeeperShell: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "zk", abstract: "A shell for coordinators, with zkCli's commands.",
        discussion: """
            With a command behind the options, runs that one. Otherwise reads commands, one a line: on a terminal \
            with history and completion (TAB), or from standard input, where lines that begin with # are comments. \
            'help' lists the commands. Results go to standard output and everything else to standard error; the exit \
            status is 0 when no command failed, 127 when the first that failed is no command, and 1 otherwise.

            zkCli's own spellings with one dash work too (-server, -timeout, -waitforconnection, \
            -client-configuration), and so do the -Dzookeeper.* words of CLIENT_JVMFLAGS about TLS and SASL, with \
            -Djava.security.auth.login.config and its section Client.
            """)

    @Option(
        name: [.long, .customLong("server", withSingleDash: true)],
        help: "Servers to choose from, and the folder to see as root: host:port,host:port/chroot.")
    var server = "localhost:2181"

    @Option(
        name: [.long, .customLong("timeout", withSingleDash: true)], help: "The session's time-out in milliseconds.")
    var timeout = 30_000

    @Flag(name: [.customShort("r"), .customLong("readonly")], help: "Accept servers that have lost their ensemble.")
    var readOnly = false

    @Flag(
        name: [.customLong("waitforconnection"), .customLong("waitforconnection", withSingleDash: true)],
        help: "Wait for a connection as long as the session's time-out, not ten seconds at most.")
    var waitForConnection = false

    @Option(
        name: [.long, .customLong("client-configuration", withSingleDash: true)],
        help: "A file with ZooKeeper's client properties (zookeeper.client.secure, zookeeper.ssl.*); stores are PEM.")
    var clientConfiguration: String?

    @Flag(help: "Speak TLS, with the operating system's authorities unless --tls-ca names others.")
    var tls = false

    @Option(help: "Speak TLS, and trust the authorities of this PEM file.")
    var tlsCa: String?

    @Option(help: "Speak TLS, and show the certificate of this PEM file, which holds its key too.")
    var tlsIdentity: String?

    @Argument(parsing: .captureForPassthrough, help: "A command and its arguments.")
    var command: [String] = []

    func validate() throws {
        // What stands behind the first word is the command's.
        if let option = command.first, option.hasPrefix("-") { throw ValidationError("Unknown option '\(option)'") }
        if timeout <= 0 { throw ValidationError("-timeout must be above 0") }
    }

    func run() async throws {
        let output = ShellOutput()
        let shell = Shell(address: server, try options(), output: output)
        let isTerminal = command.isEmpty && isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
        if isTerminal {
            try await ShellDialogue(shell, output).run()
        } else {
            try await runScript(shell)
        }
        await shell.close()
        let status = await shell.status
        if status != 0, !isTerminal { throw ExitCode(status) }
        if output.isBroken { throw ExitCode(1) }
    }

    /// A command of the command line, or the lines of standard input.
    private func runScript(_ shell: Shell) async throws {
        // What needs no server does not wait for one.
        if let name = command.first, CommandTable.byName[name]?.needsServer != true {
            return await shell.run(words: command)
        }
        guard await shell.connect() else { return }
        if !command.isEmpty { return await shell.run(words: command) }
        let reader = NIOThreadPool(numberOfThreads: 1)
        reader.start()
        while !(await shell.isOver), !shell.output.isBroken,
            let line = try await reader.runIfActive({ readLine() })
        {
            await shell.run(line: line)
        }
        try await reader.shutdownGracefully()
    }

    private func options() throws -> ShellConnectionOptions {
        var options = ShellConnectionOptions()
        options.timeout = .milliseconds(timeout)
        options.patience = waitForConnection ? options.timeout : min(options.timeout, options.patience)
        options.acceptsReadOnly = readOnly
        let configuration = try configuration()
        options.login = try configuration.login()
        if let login = options.login { KerberosKeytab.use(login.credentials) }
        if let settings = try tlsSettings(configuration) {
            let logger = Logger(label: "martlet", factory: { StreamLogHandler.standardError(label: $0) })
            options.tls = try TLSContexts(settings, role: .client, logger: logger)
        }
        return options
    }

    private func configuration() throws -> ClientConfiguration {
        let flags = getenv("CLIENT_JVMFLAGS").map { String(cString: $0) } ?? ""
        var configuration = ClientConfiguration(javaFlags: flags)
        if let clientConfiguration { configuration.add(try PropertiesFile(reading: clientConfiguration)) }
        return configuration
    }

    private func tlsSettings(_ configuration: ClientConfiguration) throws -> TLSSettings? {
        var settings = try configuration.tls()
        guard tls || tlsCa != nil || tlsIdentity != nil else { return settings }
        settings = settings ?? TLSSettings()
        if let tlsCa { settings?.trust = .file(tlsCa) }
        if let tlsIdentity { settings?.identity = .bundle(file: tlsIdentity) }
        return settings
    }
}
