import NIOCore
import Transport

/// Takes four-letter words from connections and has them answered.
struct WordDesk: Sendable {
    let enabled: Set<FourLetterWord>
    let answers: WordAnswers
    let inquiries: InquiryThread

    /// Answers, soon, and ends the connection.
    func answer(_ word: FourLetterWord, on connection: Connection) {
        guard enabled.contains(word) else {
            return end(connection, "\(word.rawValue) is not executed because it is not in the whitelist.\n")
        }
        inquiries.post { kernel in end(connection, answers.answer(to: word, seenThrough: kernel)) }
    }

    private func end(_ connection: Connection, _ text: String?) {
        if let text { connection.send(ByteBuffer(string: text)) }
        connection.close(.ended)
    }
}
