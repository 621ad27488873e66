import Platform
import Synchronization
import Testing

@Suite struct MailboxTests {
    @Test func messagesOfEachPosterArriveInOrder() {
        let mailbox = Mailbox<(poster: Int, number: Int)>()
        let posters = (0..<4).map { poster in
            OwnThread(name: "poster-\(poster)") {
                for number in 0..<5_000 { mailbox.post((poster, number)) }
            }
        }
        var next = [0, 0, 0, 0]
        while next.reduce(0, +) < 20_000 {
            let messages = mailbox.take(waitingAtMost: .seconds(10))
            if messages.isEmpty { break }
            for (poster, number) in messages {
                #expect(number == next[poster])
                next[poster] = number + 1
            }
        }
        for poster in posters { poster.join() }
        #expect(next == [5_000, 5_000, 5_000, 5_000])
    }

    @Test func takingGivesUpWhenItsTimeIsUp() {
        let mailbox = Mailbox<Int>()
        let clock = ContinuousClock()
        let waited = clock.measure {
            #expect(mailbox.take(waitingAtMost: .milliseconds(20)).isEmpty)
        }
        #expect(waited >= .milliseconds(20))
    }
}
