/// A text that is no regular expression, or too large a one.
struct UnreadablePattern: Error {}

/// What a regular expression says.
indirect enum PatternNode {
    case empty
    case byte(ByteSet)
    case assert(TopicPattern.Assertion)
    case sequence([PatternNode])
    case choice([PatternNode])
    /// So often at least and at most; nil for without end.
    case repeated(PatternNode, Int, Int?)

    /// More than any expression of names needs; each byte of a name may look at all of it.
    private static let maximumLength = 5_000

    func compile(into program: inout [TopicPattern.Instruction]) throws(UnreadablePattern) {
        guard program.count < Self.maximumLength else { throw UnreadablePattern() }
        switch self {
        case .empty: break
        case .byte(let set): program.append(.byte(set))
        case .assert(let assertion): program.append(.assert(assertion))
        case .sequence(let nodes): for node in nodes { try node.compile(into: &program) }
        case .choice(let nodes): try Self.compileChoice(nodes[...], into: &program)
        case .repeated(let node, let least, let most):
            for _ in 0..<least { try node.compile(into: &program) }
            guard let most else { return try node.compileLoop(into: &program) }
            for _ in least..<max(least, most) {
                let fork = program.count
                program.append(.match)
                try node.compile(into: &program)
                program[fork] = .fork(fork + 1, program.count)
            }
        }
    }

    private static func compileChoice(
        _ nodes: ArraySlice<PatternNode>, into program: inout [TopicPattern.Instruction]
    ) throws(UnreadablePattern) {
        guard let first = nodes.first else { return }
        guard nodes.count > 1 else { return try first.compile(into: &program) }
        let fork = program.count
        program.append(.match)
        try first.compile(into: &program)
        let jump = program.count
        program.append(.match)
        program[fork] = .fork(fork + 1, program.count)
        try compileChoice(nodes.dropFirst(), into: &program)
        program[jump] = .jump(program.count)
    }

    private func compileLoop(into program: inout [TopicPattern.Instruction]) throws(UnreadablePattern) {
        let fork = program.count
        program.append(.match)
        try compile(into: &program)
        program.append(.jump(fork))
        program[fork] = .fork(fork + 1, program.count)
    }
}

/// Reads an expression from left to right.
struct TopicPatternParser {
    private let text: [UInt8]
    private var place = 0
    private var ignoresCase = false
    private var depth = 0

    private static let maximumDepth = 100
    /// RE2 allows no more.
    private static let maximumRepetition = 1_000

    init(_ expression: String) { text = Array(expression.utf8) }

    mutating func parse() throws(UnreadablePattern) -> PatternNode {
        let node = try choice()
        guard place == text.count else { throw UnreadablePattern() }
        return node
    }

    private var next: UInt8? { place < text.count ? text[place] : nil }

    private mutating func take(_ expected: String) -> Bool {
        guard text[place...].starts(with: expected.utf8) else { return false }
        place += expected.utf8.count
        return true
    }

    private mutating func byte() throws(UnreadablePattern) -> UInt8 {
        guard let byte = next else { throw UnreadablePattern() }
        place += 1
        return byte
    }

    /// Flags that are set in a group end with it.
    private mutating func choice() throws(UnreadablePattern) -> PatternNode {
        let outer = ignoresCase
        defer { ignoresCase = outer }
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else { throw UnreadablePattern() }
        var choices = [try sequence()]
        while take("|") { choices.append(try sequence()) }
        return choices.count == 1 ? choices[0] : .choice(choices)
    }

    private mutating func sequence() throws(UnreadablePattern) -> PatternNode {
        var nodes: [PatternNode] = []
        while let byte = next, byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") {
            if take("\\Q") {
                while place < text.count, !take("\\E") { nodes.append(literal(try self.byte())) }
                continue
            }
            guard let atom = try atom() else { continue }
            nodes.append(try repetition(of: atom))
        }
        return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private func literal(_ byte: UInt8) -> PatternNode {
        // A byte beyond ASCII is in no set, and so matches nothing.
        self.set(ByteSet(byte...byte))
    }

    private func set(_ set: ByteSet) -> PatternNode { .byte(ignoresCase ? set.withoutCase : set) }

    /// nil for flags that stand alone.
    private mutating func atom() throws(UnreadablePattern) -> PatternNode? {
        let byte = try byte()
        switch byte {
        case UInt8(ascii: "."): return .byte(.all)
        case UInt8(ascii: "^"): return .assert(.begin)
        case UInt8(ascii: "$"): return .assert(.end)
        case UInt8(ascii: "["): return set(try bracketed())
        case UInt8(ascii: "("): return try group()
        case UInt8(ascii: "\\"): return try escaped()
        case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"): throw UnreadablePattern()
        default: return literal(byte)
        }
    }

    // MARK: - Groups

    private mutating func group() throws(UnreadablePattern) -> PatternNode? {
        let outer = ignoresCase
        if take("?") {
            if take("P<") || take("<") {
                try skipName()
            } else if try flagsStandAlone() {
                return nil
            }
        }
        let node = try choice()
        guard take(")") else { throw UnreadablePattern() }
        ignoresCase = outer
        return node
    }

    private mutating func skipName() throws(UnreadablePattern) {
        let start = place
        while let byte = next, ByteSet.word.contains(byte) { place += 1 }
        guard place > start, take(">") else { throw UnreadablePattern() }
    }

    /// `i`, `m`, `s` and `U` as in `(?i)`, `(?i-s:…)` and `(?:…)`. In names without line ends, matched as a whole, only `i`
    /// matters.
    private mutating func flagsStandAlone() throws(UnreadablePattern) -> Bool {
        var isOn = true
        while true {
            switch try byte() {
            case UInt8(ascii: "i"): ignoresCase = isOn
            case UInt8(ascii: "m"), UInt8(ascii: "s"), UInt8(ascii: "U"): break
            case UInt8(ascii: "-") where isOn: isOn = false
            case UInt8(ascii: ":"): return false
            case UInt8(ascii: ")"): return true
            default: throw UnreadablePattern()
            }
        }
    }

    // MARK: - Repetitions

    private mutating func repetition(of atom: PatternNode) throws(UnreadablePattern) -> PatternNode {
        let node: PatternNode
        if take("*") {
            node = .repeated(atom, 0, nil)
        } else if take("+") {
            node = .repeated(atom, 1, nil)
        } else if take("?") {
            node = .repeated(atom, 0, 1)
        } else if let (least, most) = try counts() {
            node = .repeated(atom, least, most)
        } else {
            return atom
        }
        // How much is taken at first does not matter to a match of the whole.
        _ = take("?")
        if let byte = next, [UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?")].contains(byte) {
            throw UnreadablePattern()
        }
        return node
    }

    /// `{n}`, `{n,}` and `{n,m}`; braces around anything else stand for themselves.
    private mutating func counts() throws(UnreadablePattern) -> (Int, Int?)? {
        let start = place
        guard take("{"), let least = number() else {
            place = start
            return nil
        }
        var most: Int? = least
        if take(",") { most = number() }
        guard take("}") else {
            place = start
            return nil
        }
        guard least <= Self.maximumRepetition, most ?? least <= Self.maximumRepetition, least <= most ?? least else {
            throw UnreadablePattern()
        }
        return (least, most)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let byte = next, ByteSet.digits.contains(byte) {
            value = min(100_000, (value ?? 0) * 10 + Int(byte - UInt8(ascii: "0")))
            place += 1
        }
        return value
    }
}

// MARK: - Escapes and brackets

extension TopicPatternParser {
    private mutating func escaped() throws(UnreadablePattern) -> PatternNode {
        switch next {
        case UInt8(ascii: "A"): place += 1; return .assert(.begin)
        case UInt8(ascii: "z"): place += 1; return .assert(.end)
        case UInt8(ascii: "b"): place += 1; return .assert(.wordBoundary)
        case UInt8(ascii: "B"): place += 1; return .assert(.noWordBoundary)
        default: return set(try escapedSet())
        }
    }

    /// What a backslash and what follows stand for, in brackets or not.
    private mutating func escapedSet() throws(UnreadablePattern) -> ByteSet {
        let byte = try byte()
        switch byte {
        case UInt8(ascii: "d"): return .digits
        case UInt8(ascii: "D"): return ByteSet.digits.inverted
        case UInt8(ascii: "w"): return .word
        case UInt8(ascii: "W"): return ByteSet.word.inverted
        case UInt8(ascii: "s"): return .space
        case UInt8(ascii: "S"): return ByteSet.space.inverted
        default: return ByteSet(try escapedByte(byte))
        }
    }

    private mutating func escapedByte(_ byte: UInt8) throws(UnreadablePattern) -> ClosedRange<UInt8> {
        let value: UInt8
        switch byte {
        case UInt8(ascii: "a"): value = 7
        case UInt8(ascii: "f"): value = 12
        case UInt8(ascii: "n"): value = 10
        case UInt8(ascii: "r"): value = 13
        case UInt8(ascii: "t"): value = 9
        case UInt8(ascii: "v"): value = 11
        case UInt8(ascii: "x"): value = try hexadecimal()
        default:
            // Letters and digits that mean nothing are kept for what they may mean one day.
            guard byte < 128, !ByteSet.word.contains(byte) || byte == UInt8(ascii: "_") else {
                throw UnreadablePattern()
            }
            value = byte
        }
        return value...value
    }

    /// `7F` or `{10FFFF}`; what is beyond ASCII matches nothing.
    private mutating func hexadecimal() throws(UnreadablePattern) -> UInt8 {
        let isBraced = take("{")
        var digits: [UInt8] = []
        while let byte = next, isBraced ? byte != UInt8(ascii: "}") : digits.count < 2 {
            digits.append(byte)
            place += 1
        }
        guard let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16), value <= 0x10FFFF,
            isBraced ? take("}") : digits.count == 2
        else { throw UnreadablePattern() }
        return UInt8(min(value, 255))
    }

    /// What stands in brackets, the first of which is read.
    private mutating func bracketed() throws(UnreadablePattern) -> ByteSet {
        let isInverted = take("^")
        var set = ByteSet()
        var isFirst = true
        while isFirst || next != UInt8(ascii: "]") {
            isFirst = false
            if take("[:") {
                set = set.union(try namedSet())
                continue
            }
            let start = try bracketedItem()
            guard case .one(let first) = start else {
                if case .many(let many) = start { set = set.union(many) }
                continue
            }
            guard next == UInt8(ascii: "-"), place + 1 < text.count, text[place + 1] != UInt8(ascii: "]") else {
                set.insert(first...first)
                continue
            }
            place += 1
            guard case .one(let last) = try bracketedItem(), first <= last else { throw UnreadablePattern() }
            set.insert(first...last)
        }
        place += 1
        if isInverted { return (ignoresCase ? set.withoutCase : set).inverted }
        return set
    }

    private enum BracketedItem {
        case one(UInt8)
        case many(ByteSet)
    }

    private mutating func bracketedItem() throws(UnreadablePattern) -> BracketedItem {
        guard take("\\") else { return .one(try byte()) }
        let byte = try byte()
        if "dDwWsS".utf8.contains(byte) {
            place -= 1
            return .many(try escapedSet())
        }
        return .one(try escapedByte(byte).lowerBound)
    }

    /// `alpha:]` and its like, after `[:`.
    private mutating func namedSet() throws(UnreadablePattern) -> ByteSet {
        let isInverted = take("^")
        let sets: [(String, ByteSet)] = [
            ("alnum", .letters.union(.digits)), ("alpha", .letters), ("ascii", .all),
            ("blank", ByteSet(9...9, 32...32)), ("cntrl", ByteSet(0...31, 127...127)), ("digit", .digits),
            ("graph", ByteSet(33...126)),
            ("lower", .lowercase), ("print", ByteSet(32...126)),
            ("punct", ByteSet(33...47, 58...64, 91...96, 123...126)), ("space", ByteSet(9...13, 32...32)),
            ("upper", .uppercase), ("word", .word),
            ("xdigit", ByteSet.digits.union(ByteSet(65...70, 97...102))),
        ]
        for (name, set) in sets where take(name + ":]") { return isInverted ? set.inverted : set }
        throw UnreadablePattern()
    }
}
