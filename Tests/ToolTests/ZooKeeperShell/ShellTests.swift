import CoordinatorClient
import FoundationEssentials
import Security
import Settings
import Synchronization
import Testing

@testable import Tool

/// What was written, stream by stream.
private final class Written: Sendable {
    private let state = Mutex((results: "", complaints: ""))

    var results: String { state.withLock { $0.results } }
    var complaints: String { state.withLock { $0.complaints } }

    func take(_ stream: ShellOutput.Stream, _ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        state.withLock { state in
            switch stream {
            case .results: state.results += text
            case .complaints: state.complaints += text
            }
        }
        return true
    }
}

/// The shell where it needs no server.
@Suite struct ShellTests {
    private let written: Written
    private let output: ShellOutput
    private let shell: Shell

    init() {
        let written = Written()
        self.written = written
        output = ShellOutput { written.take($0, $1) }
        shell = Shell(address: "127.0.0.1:1", ShellConnectionOptions(), output: output)
    }

    @Test func theTableIsSortedAndSaysHowToUseEachCommand() {
        let names = CommandTable.commands.map(\.name)
        #expect(names == names.sorted())
        for name in [
            "addauth", "addWatch", "close", "config", "connect", "create", "delete", "deleteall", "delquota", "get",
            "getAcl", "getAllChildrenNumber", "getEphemerals", "history", "listquota", "ls", "printwatches", "quit",
            "reconfig", "redo", "removewatches", "set", "setAcl", "setquota", "stat", "sync", "version", "whoami",
        ] { #expect(names.contains(name)) }
    }

    @Test func whatIsNoCommandHasAStatusOfItsOwn() async {
        await shell.run(line: "rmr /a")
        #expect(written.complaints == "Command not found: rmr ('help' lists all)\n")
        #expect(await shell.status == 127)
        await shell.run(line: "ls")
        #expect(await shell.status == 127)
    }

    @Test(arguments: [
        ("ls", "ls [-s] [-w] [-R] path"), ("set /a", "set [-s] [-v version] path data"),
        ("ls -q /", "Unrecognized option: -q"),
        ("ls /", "Not connected"), ("ls a", "Path must start with / character"), ("setquota -n 1 /", "Not connected"),
        ("create -t x /a", "-t argument must be a long value"),
        ("addWatch -m LONG /a", "-m must be followed by PERSISTENT or PERSISTENT_RECURSIVE"),
        ("removewatches -c -d /a", "only one of -c, -d and -a can be given"), ("redo 7", "Command index out of range"),
        ("redo x", "Command index out of range"),
        ("reconfig -file a -members b", "Can't use -file and -members together (conflicting non-incremental modes)"),
        ("reconfig -file /nonexistent", "Error processing /nonexistent: No such file or directory"),
        ("deleteall -b many /a", "-b argument must be an int value"),
        ("connect nowhere:0", "coordinator address \"nowhere:0\": \"nowhere:0\" is not host:port"),
    ])
    func whatCannotBeDoneIsOneClearLine(line: String, complaint: String) async {
        await shell.run(line: line)
        #expect(written.complaints == complaint + "\n")
        #expect(written.results == "")
        #expect(await shell.status == 1)
    }

    @Test func historyIsNumberedAndRunAgain() async {
        for line in ["printwatches", "# a comment", "  ", "history"] { await shell.run(line: line) }
        #expect(written.results == "printwatches is on\n0 - printwatches\n1 - history\n")
        await shell.run(line: "redo 0")
        #expect(written.results.hasSuffix("printwatches is on\n"))
        // What was run again stands in the history, not the word for it.
        await shell.run(line: "history")
        #expect(written.results.hasSuffix("2 - printwatches\n3 - history\n"))
        #expect(await shell.prompt == "[zk: 127.0.0.1:1(CLOSED) 4] ")
        #expect(await shell.status == 0)
    }

    @Test func quitEndsAndHelpListsAll() async {
        await shell.run(line: "help")
        #expect(written.results.split(separator: "\n").count == CommandTable.commands.count + 1)
        #expect(!(await shell.isOver))
        await shell.run(line: "quit")
        #expect(await shell.isOver)
    }

    @Test func whatComesWhileALineIsEditedWaitsForTheEditor() {
        let woken = Mutex(0)
        output.beginEditing { woken.withLock { $0 += 1 } }
        output.notice("news", to: .results)
        #expect(written.results == "")
        #expect(woken.withLock { $0 } == 1)
        output.writeHeld()
        #expect(written.results == "news\n")
        output.notice("later", to: .complaints)
        output.endEditing()
        #expect(written.complaints == "later\n")
        output.notice("at once", to: .results)
        #expect(written.results == "news\nat once\n")
    }

    @Test func aPipeThatNobodyReadsIsNotWrittenTo() {
        let attempts = Mutex(0)
        let output = ShellOutput { _, _ in
            attempts.withLock { $0 += 1 }
            return false
        }
        output.result("one")
        output.result("two")
        #expect(output.isBroken)
        #expect(attempts.withLock { $0 } == 1)
    }
}

@Suite struct ClientConfigurationTests {
    @Test func plaintextIsSpokenUnlessTLSIsAskedFor() throws {
        #expect(try ClientConfiguration(javaFlags: "-Xmx256m").tls() == nil)
        #expect(try ClientConfiguration(javaFlags: "-Dzookeeper.ssl.keyStore.location=/a.pem").tls() == nil)
    }

    @Test func flagsOfJavaAndAFileSayTheSame() throws {
        let flags = ClientConfiguration(
            javaFlags: "-cp x -Dzookeeper.client.secure=true -Dzookeeper.ssl.keyStore.location=/a.pem "
                + "-Dzookeeper.ssl.trustStore.location=/ca.pem -Dzookeeper.ssl.hostnameVerification=false")
        var file = ClientConfiguration(javaFlags: "")
        file.add(
            PropertiesFile(
                path: "client.cfg",
                text: """
                    zookeeper.client.secure=true
                    zookeeper.ssl.keyStore.location=/a.pem
                    zookeeper.ssl.trustStore.location=/ca.pem
                    zookeeper.ssl.hostnameVerification=false
                    """))
        #expect(flags == file)
        var settings = TLSSettings(identity: .bundle(file: "/a.pem"), trust: .file("/ca.pem"))
        settings.verifiesHostName = false
        #expect(try file.tls() == settings)
    }

    @Test func aStoreOfJavaIsRefused() {
        let flags = ClientConfiguration(
            javaFlags: "-Dzookeeper.client.secure=true -Dzookeeper.ssl.keyStore.type=JKS")
        #expect(throws: UnusableTLSKey.self) { try flags.tls() }
    }

    @Test func whoAuthenticatesIsToldByAJAASFile() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "jaas-\(UUID().uuidString)")
        let module = "org.apache.zookeeper.server.auth.DigestLoginModule required username=bob password=secret"
        try Data("Client { \(module); }; Other { \(module)er; };".utf8).write(to: file)
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: file) } }
        let jaas = "-Djava.security.auth.login.config=\(file.path)"
        #expect(
            try ClientConfiguration(javaFlags: jaas).login()?.credentials == .password(user: "bob", password: "secret"))
        let other = ClientConfiguration(javaFlags: "\(jaas) -Dzookeeper.sasl.clientconfig=Other")
        #expect(try other.login()?.credentials == .password(user: "bob", password: "secreter"))
        #expect(try ClientConfiguration(javaFlags: "\(jaas) -Dzookeeper.sasl.client=false").login() == nil)
        #expect(try ClientConfiguration(javaFlags: "").login() == nil)
        let absent = ClientConfiguration(javaFlags: "\(jaas) -Dzookeeper.sasl.clientconfig=Absent")
        #expect(throws: JAASConfiguration.UnusableSection("there is no section Absent", isAbsent: true)) {
            try absent.login()
        }
    }
}
