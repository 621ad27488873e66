/// A regular expression of topics' names in the dialect of RE2, which Apache Kafka's brokers speak (KIP-848): without
/// back references and looks around, so that a name is matched in time that grows only with its length and the
/// expression's. Members choose expressions, and a broker must not choke on one.
///
/// A name matches as a whole. Names are of ASCII letters, digits, `.`, `_` and `-` only, so that characters are bytes here
/// and one beyond ASCII matches nothing; `\p{…}` is not understood.
struct TopicPattern {
    /// One step of a match.
    enum Instruction: Equatable {
        case byte(ByteSet)
        /// Goes on in both places.
        case fork(Int, Int)
        case jump(Int)
        case assert(Assertion)
        case match
    }

    enum Assertion: Equatable {
        case begin, end, wordBoundary, noWordBoundary
    }

    private let program: [Instruction]

    /// nil when `expression` is none.
    init?(_ expression: String) {
        do throws(UnreadablePattern) {
            var parser = TopicPatternParser(expression)
            var program: [Instruction] = []
            try parser.parse().compile(into: &program)
            program.append(.match)
            self.program = program
        } catch {
            return nil
        }
    }

    func matches(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        var states = Threads(capacity: program.count)
        follow(0, at: 0, of: bytes, into: &states)
        for place in bytes.indices {
            var next = Threads(capacity: program.count)
            for state in states.list {
                guard case .byte(let set) = program[state], set.contains(bytes[place]) else { continue }
                follow(state + 1, at: place + 1, of: bytes, into: &next)
            }
            if next.list.isEmpty { return false }
            states = next
        }
        return states.list.contains { program[$0] == .match }
    }

    /// Where a match may stand, each place once.
    private struct Threads {
        var list: [Int] = []
        private var isIn: [Bool]

        init(capacity: Int) { isIn = Array(repeating: false, count: capacity) }

        mutating func add(_ state: Int) -> Bool {
            if isIn[state] { return false }
            isIn[state] = true
            return true
        }
    }

    /// Adds a place and all that are reached from it without a byte.
    private func follow(_ start: Int, at place: Int, of bytes: [UInt8], into threads: inout Threads) {
        var open = [start]
        while let state = open.popLast() {
            guard threads.add(state) else { continue }
            switch program[state] {
            case .jump(let target): open.append(target)
            case .fork(let first, let second): open += [second, first]
            case .assert(let assertion): if assertion.holds(at: place, of: bytes) { open.append(state + 1) }
            case .byte, .match: threads.list.append(state)
            }
        }
    }
}

extension TopicPattern.Assertion {
    fileprivate func holds(at place: Int, of bytes: [UInt8]) -> Bool {
        switch self {
        case .begin: return place == 0
        case .end: return place == bytes.count
        case .wordBoundary, .noWordBoundary:
            let before = place > 0 && ByteSet.word.contains(bytes[place - 1])
            let after = place < bytes.count && ByteSet.word.contains(bytes[place])
            return (before != after) == (self == .wordBoundary)
        }
    }
}

/// A set of ASCII characters.
struct ByteSet: Equatable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    init() {}

    init(_ ranges: ClosedRange<UInt8>...) { for range in ranges { insert(range) } }

    static let digits = ByteSet(UInt8(ascii: "0")...UInt8(ascii: "9"))
    static let lowercase = ByteSet(UInt8(ascii: "a")...UInt8(ascii: "z"))
    static let uppercase = ByteSet(UInt8(ascii: "A")...UInt8(ascii: "Z"))
    static let letters = lowercase.union(uppercase)
    static let word = letters.union(digits).union(ByteSet(UInt8(ascii: "_")...UInt8(ascii: "_")))
    static let space = ByteSet(9...10, 12...13, 32...32)
    static let all = ByteSet(0...127)

    func contains(_ byte: UInt8) -> Bool {
        byte < 64 ? low >> UInt64(byte) & 1 == 1 : byte < 128 && high >> UInt64(byte - 64) & 1 == 1
    }

    mutating func insert(_ range: ClosedRange<UInt8>) {
        for byte in range where byte < 128 {
            if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
        }
    }

    func union(_ other: ByteSet) -> ByteSet {
        var union = self
        union.low |= other.low
        union.high |= other.high
        return union
    }

    var inverted: ByteSet {
        var inverted = self
        inverted.low = ~low
        inverted.high = ~high
        return inverted
    }

    /// With both cases of each letter.
    var withoutCase: ByteSet {
        var both = self
        for letter in UInt8(ascii: "a")...UInt8(ascii: "z") where contains(letter) || contains(letter - 32) {
            both.insert(letter...letter)
            both.insert((letter - 32)...(letter - 32))
        }
        return both
    }
}
