import NIOCore
import Transport

/// Takes the four-letter word of one connection and has it answered.
struct WordDesk: Sendable {
    private let enabled: Set<FourLetterWord>
    private let answers: WordAnswers
    private let inquiries: InquiryThread
    /// What has come of the number behind `stmk`; nil when none is awaited.
    private var number: ByteBuffer?

    init(enabled: Set<FourLetterWord>, answers: WordAnswers, inquiries: InquiryThread) {
        self.enabled = enabled
        self.answers = answers
        self.inquiries = inquiries
    }

    /// Answers, soon, and ends the connection.
    mutating func answer(_ word: FourLetterWord, on connection: Connection) {
        guard enabled.contains(word) else {
            return Self.end(connection, "\(word.rawValue) is not executed because it is not in the whitelist.\n")
        }
        guard word != .stmk else { return number = ByteBuffer() }
        inquiries.post { [answers] kernel in Self.end(connection, answers.answer(to: word, seenThrough: kernel)) }
    }

    /// Takes what comes behind a word; it matters to `stmk` alone.
    mutating func received(_ bytes: ByteBuffer, on connection: Connection) {
        guard var number else { return }
        number.writeImmutableBuffer(bytes)
        self.number = number
        guard let mask = number.readInteger(as: Int64.self) else { return }
        self.number = nil
        answers.surroundings.traceMask.set(mask)
        Self.end(connection, "\(mask)")
    }

    private static func end(_ connection: Connection, _ text: String?) {
        if let text { connection.send(ByteBuffer(string: text)) }
        connection.close(.ended)
    }
}
