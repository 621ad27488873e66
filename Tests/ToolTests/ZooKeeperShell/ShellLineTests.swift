import Testing
import ZooKeeperProtocol

@testable import Tool

@Suite struct ShellLineTests {
    @Test(arguments: [
        ("", []), ("   ", []), ("ls /", ["ls", "/"]), ("  get\t-s  /a  ", ["get", "-s", "/a"]),
        ("set /a \"two words\"", ["set", "/a", "two words"]), ("set /a 'say \"no\"'", ["set", "/a", "say \"no\""]),
        ("create /a \"\"", ["create", "/a", ""]),
        // What zkCli makes of quotes that mean nothing.
        ("set /a it's", ["set", "/a", "it's"]), ("set /a ab\"c d\"", ["set", "/a", "ab\"c", "d\""]),
        ("set /a \"unclosed", ["set", "/a", "unclosed"]), ("set /a {\"x\":1}", ["set", "/a", "{\"x\":1}"]),
        ("set /a \"x \\\"y\\\"", ["set", "/a", "x \\", "y\\\""]),
        ("get \"/a b\"/c", ["get", "/a b", "/c"]), ("set /ä 'grün'", ["set", "/ä", "grün"]),
    ])
    func aLineIsPartedAsZkCliPartsIt(line: String, words: [String]) {
        #expect(ShellLine.words(line) == words)
    }

    @Test func commentsAndEmptyLinesAreSilent() {
        #expect(ShellLine.isSilent("  # a comment"))
        #expect(ShellLine.isSilent("\t "))
        #expect(!ShellLine.isSilent("set /a #"))
    }
}

@Suite struct ShellArgumentsTests {
    private let known = ShellArguments.Known(flags: ["s", "w"], valued: ["v", "add"])

    @Test func optionsMayStandAnywhere() throws {
        let arguments = try ShellArguments(["/a", "-sw", "-v", "-1", "x", "-add", "server.1=a"], knowing: known)
        #expect(arguments.flags == ["s", "w"])
        #expect(arguments.values == ["v": "-1", "add": "server.1=a"])
        #expect(arguments.words == ["/a", "x"])
    }

    @Test func aValueMayFollowItsLetter() throws {
        let arguments = try ShellArguments(["-sv5", "/a"], knowing: known)
        #expect(arguments.flags == ["s"])
        #expect(try arguments.number("v", else: "") == Int32(5))
    }

    @Test func whatFollowsTwoDashesIsNoOption() throws {
        let arguments = try ShellArguments(["/a", "-", "--", "-5", "-s"], knowing: known)
        #expect(arguments.flags.isEmpty)
        #expect(arguments.words == ["/a", "-", "-5", "-s"])
    }

    @Test(arguments: [
        (["-z"], "Unrecognized option: -z"), (["-sz", "/a"], "Unrecognized option: -sz"),
        (["/a", "-v"], "Missing argument for option: v"), (["-v", "-s"], "Missing argument for option: v"),
        (["--add"], "Unrecognized option: --add"),
    ])
    func whatIsUnknownIsNamed(texts: [String], complaint: String) {
        #expect(throws: ShellFailure(complaint)) { try ShellArguments(texts, knowing: known) }
    }

    @Test func numbersAreChecked() throws {
        let arguments = try ShellArguments(["-v", "99999999999"], knowing: known)
        #expect(throws: ShellFailure("no")) { let _: Int32? = try arguments.number("v", else: "no") }
        #expect(try arguments.number("v", else: "no") == Int64(99_999_999_999))
        #expect(try arguments.number("add", else: "no") == Int64?.none)
    }

    @Test(
        arguments: [
            (["-s"], CreateMode.persistentSequential, nil), (["-e"], .ephemeral, nil),
            (["-es"], .ephemeralSequential, nil),
            ([], .persistent, nil), (["-c"], .container, nil), (["-t", "10"], .persistentWithTTL, 10),
            (["-s", "-t", "1099511627775"], .persistentSequentialWithTTL, 1_099_511_627_775),
        ] as [([String], CreateMode, Int64?)])
    func createKnowsHowNodesLive(options: [String], mode: CreateMode, ttl: Int64?) throws {
        let command = try #require(CommandTable.byName["create"])
        let kind = try CreatedKind(try command.arguments(options + ["/a"]))
        #expect(kind.mode == mode)
        #expect(kind.ttl == ttl)
    }

    @Test(arguments: [
        (["-c", "-e"], "-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential."),
        (["-t", "5", "-e"], "TTLs cannot be used with Ephemeral znodes"),
        (["-t", "0"], "ttl must be positive and cannot be larger than: 1099511627775"),
        (["-t", "1099511627776"], "ttl must be positive and cannot be larger than: 1099511627775"),
        (["-t", "soon"], "-t argument must be a long value"),
    ])
    func createRefusesWhatCannotBe(options: [String], complaint: String) throws {
        let command = try #require(CommandTable.byName["create"])
        let arguments = try command.arguments(options + ["/a"])
        #expect(throws: ShellFailure(complaint)) { try CreatedKind(arguments) }
    }
}
