import Testing

@testable import Groups

@Suite("Regular expressions of topics")
struct TopicPatternTests {
    @Test(
        "Names match as a whole",
        arguments: [
            ("orders", ["orders"], ["order", "orders2", "Orders", ""]),
            ("^orders.*$", ["orders", "orders-eu"], ["my-orders"]),
            ("orders|payments|", ["orders", "payments", ""], ["orderspayments"]),
            ("(orders|payments)-(eu|us)", ["orders-eu", "payments-us"], ["orders", "orders-"]),
            ("a*", ["", "a", "aaaa"], ["b", "aab"]), ("a+?b??", ["a", "ab", "aab"], ["b", "abb"]),
            ("(a*)*b", ["b", "aaab"], ["aaa"]), ("(a|b)+", ["abba"], [""]),
            ("a{2}", ["aa"], ["a", "aaa"]), ("a{2,}", ["aa", "aaaa"], ["a"]), ("a{1,3}", ["a", "aaa"], ["", "aaaa"]),
            ("a{,3}", ["a{,3}"], ["a"]), ("a{x}", ["a{x}"], ["a"]),
            ("[a-cx]+", ["abcx"], ["d"]), ("[^a-c]", ["d", "-"], ["a"]), ("[]a]", ["]", "a"], ["b"]),
            ("[a-]", ["a", "-"], ["b"]), ("[\\d_]+", ["12_"], ["a"]), ("[[:alpha:][:digit:]]+", ["a1"], ["-"]),
            ("[[:^digit:]]", ["a"], ["1"]), ("[\\-.]", ["-", "."], ["a"]),
            ("\\w+\\.\\d{3}", ["a_1.123"], ["a-1.123", "axx123"]), ("\\D\\W", ["a-"], ["1-", "ab"]),
            ("\\Qa.b\\E.", ["a.bx"], ["axbx"]), ("\\x41\\x{62}", ["Ab"], ["ab"]),
            ("(?i)orders", ["ORDERS", "oRders"], ["order"]), ("(?i:a)b", ["Ab", "ab"], ["aB"]),
            ("(?i)[a-b](?-i)c", ["Bc"], ["BC"]), ("(?P<name>a)(?<other>b)", ["ab"], ["a"]),
            ("(?:ab)+", ["abab"], ["aba"]),
            ("\\bfoo\\b.*", ["foo", "foo-bar"], ["foobar"]), ("a\\Bb", ["ab"], ["a"]), ("\\Aa\\z", ["a"], ["ab"]),
            ("é|a", ["a"], ["e"]), ("a.c", ["abc", "a.c"], ["ac"]), ("()", [""], ["a"]),
        ] as [(String, [String], [String])])
    func names(expression: String, matching: [String], others: [String]) throws {
        let pattern = try #require(TopicPattern(expression))
        for name in matching { #expect(pattern.matches(name), "\(expression) and \(name)") }
        for name in others { #expect(!pattern.matches(name), "\(expression) and \(name)") }
    }

    @Test(
        "What is none",
        arguments: [
            "(", ")", "a)", "(a", "*", "a**", "a+*", "+", "?", "[", "[a", "[b-a]", "[[:nothing:]]", "\\", "\\1",
            "\\p{L}", "(?=a)", "(?!a)", "(?<=a)", "(?<a", "a{2,1}", "a{1001}", "(a{1000}){1000}", "\\xZZ", "\\y",
            "(?x)",
            String(repeating: "(", count: 5_000) + String(repeating: ")", count: 5_000),
        ])
    func refusals(expression: String) { #expect(TopicPattern(expression) == nil) }

    @Test(.timeLimit(.minutes(1))) func timeGrowsOnlyWithTheLength() throws {
        let pattern = try #require(TopicPattern("(a|aa|a?)*(a*)*b"))
        #expect(!pattern.matches(String(repeating: "a", count: 249)))
    }

    /// Against Swift's own expressions, on what both understand alike.
    @Test(arguments: UInt64(1)...300) func agreesWithAnotherMatcher(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed)
        let expression = Self.expression(depth: 3, &chance)
        let pattern = try #require(TopicPattern(expression), "\(expression)")
        let other = try Regex(expression)
        for _ in 0..<40 {
            let length = Int.random(in: 0...6, using: &chance)
            let name = String((0..<length).map { _ in "abc-".randomElement(using: &chance) ?? "a" })
            #expect(pattern.matches(name) == (name.wholeMatch(of: other) != nil), "\(expression) and \(name)")
        }
    }

    private static func expression(depth: Int, _ chance: inout SeededGenerator) -> String {
        let atoms = ["a", "b", "c", "-", ".", "[ab]", "[^a]", "\\w"]
        guard depth > 0 else { return atoms.randomElement(using: &chance) ?? "a" }
        func part() -> String { expression(depth: depth - 1, &chance) }
        switch Int.random(in: 0..<7, using: &chance) {
        case 0: return part() + part()
        case 1: return "(\(part())|\(part()))"
        case 2: return "(\(part()))*"
        case 3: return "(\(part()))?"
        case 4: return "(\(part()))+"
        case 5: return "(\(part())){1,2}"
        default: return part()
        }
    }
}
