import Testing

@testable import Tool

@Suite struct ShellCompletionTests {
    @Test(
        arguments: [
            ("", ShellCompletion.commands(beginning: "")), ("ge", .commands(beginning: "ge")),
            ("  ge", .commands(beginning: "ge")), ("get /", .children(of: "/", beginning: "")),
            ("get -s /a/b", .children(of: "/a", beginning: "b")), ("get /a/b/", .children(of: "/a/b", beginning: "")),
            ("get \"/a/b", .children(of: "/a", beginning: "b")), ("get -s", .nothing), ("get ", .nothing),
        ] as [(String, ShellCompletion)])
    func theLastWordIsCompleted(text: String, completion: ShellCompletion) {
        #expect(ShellCompletion(text) == completion)
    }

    @Test func whatIsSharedIsInsertedAndTheRestIsListed() {
        let children = ShellCompletion.children(of: "/", beginning: "ab")
        #expect(children.offer(["abc", "x"]) == ("c", ""))
        #expect(children.offer(["abcd", "abce", "x"]) == ("c", ""))
        #expect(children.offer(["abd", "abc"]) == ("", "abc  abd"))
        #expect(children.offer(["ab"]) == ("", ""))
        #expect(children.offer([]) == ("", ""))
        #expect(ShellCompletion.commands(beginning: "hi").offer(["history"]) == ("story ", ""))
        #expect(ShellCompletion.children(of: "/", beginning: "ä").offer(["äöü", "äöx"]) == ("ö", ""))
    }

    @Test func choicesStandInColumns() {
        let words = (0..<11).map { "node-\($0)-of-many" }
        let lines = ShellCompletion.columns(words).split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines.allSatisfy { $0.count <= 80 && !$0.hasSuffix(" ") })
        let many = ShellCompletion.columns((0..<250).map { "\($0)" })
        #expect(many.hasSuffix("... and 50 more"))
    }
}
