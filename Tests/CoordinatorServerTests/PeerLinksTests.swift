import CoordinatorKernel
import Logging
import NIOCore
import NIOPosix
import Quorum
import Security
import Testing
import Transport

@testable import CoordinatorServer

private func entries(_ zxid: Int64, size: Int = 10) -> PeerMessage {
    .quorum(
        .entries(
            Append(
                epoch: 1, previousZxid: zxid - 1,
                entries: [QuorumEntry(zxid: zxid, record: ByteBuffer(repeating: 7, count: size))], committed: 0,
                lastZxid: zxid)))
}

/// Welcomes whoever comes.
private final class Welcoming: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(PeerWelcome(ensemble: []).frame), promise: nil)
    }
}

private let one = [UInt8](repeating: 1, count: 16)
private let two = [UInt8](repeating: 2, count: 16)

@Suite(.timeLimit(.minutes(1))) struct PeerLinksTests {
    @Test func messagesArriveInOrder() async throws {
        let members = [try await LinkedMember(1), try await LinkedMember(2), try await LinkedMember(3)]
        try await introduce(members)
        for zxid in 1...500 { #expect(members[0].links.send([entries(Int64(zxid))], to: MemberID(2))) }
        members[2].links.send([.touched(sessions: [1]), .sessionMoved(2)], to: MemberID(1))
        let arrived = try await members[1].messages(500, of: members[0])
        #expect(arrived == (1...500).map { entries(Int64($0)) })
        #expect(try await members[0].messages(2, of: members[2]) == [.touched(sessions: [1]), .sessionMoved(2)])
        for member in members { try await member.links.stop() }
    }

    @Test func smallOnesDoNotWaitBehindEntries() async throws {
        let (left, right) = (try await LinkedMember(1), try await LinkedMember(2))
        try await introduce([left, right])
        let heartbeat = PeerMessage.quorum(.heartbeat(epoch: 1, round: 2))
        // The control link may stand a little later than the data link.
        while !left.links.send([heartbeat], to: right.id) { await Task.yield() }
        #expect(try await right.messages(1, of: left) == [heartbeat])
        left.links.send([entries(1, size: 20 << 20), heartbeat], to: right.id)
        #expect(try await right.messages(2, of: left).count == 2)
        for member in [left, right] { try await member.links.stop() }
    }

    @Test func aMemberThatComesBackIsLinkedAgain() async throws {
        let (left, right) = (try await LinkedMember(1), try await LinkedMember(2))
        try await introduce([left, right])
        let ports = right.ports
        try await right.links.stop()
        try await left.lost(right)
        // One direction may be noticed to be lost before the other.
        while left.links.send([entries(1)], to: right.id) { await Task.yield() }
        let again = try await LinkedMember(2, others: [left.member, right.member], ports: ports)
        try await left.linked(to: again)
        #expect(left.links.send([entries(2)], to: again.id))
        #expect(try await again.messages(1, of: left) == [entries(2)])
        for member in [left, again] { try await member.links.stop() }
    }

    @Test func whoJoinsIsDialledBackWhileItStays() async throws {
        let member = try await LinkedMember(1, ensemble: one)
        member.links.update(Membership([member.member]))
        let joiner = try await LinkedMember(7)
        joiner.links.update(Membership([member.member, joiner.member]))
        let address = try await member.next {
            if case .joinerArrived(MemberID(7), let address) = $0 { address } else { nil }
        }
        #expect(address == joiner.member.address)
        #expect(try await joiner.next { if case .ensembleSeen(let id, MemberID(1)) = $0 { id } else { nil } } == one)
        try await member.linked(to: joiner)
        #expect(member.links.send([entries(1)], to: joiner.id))
        #expect(try await joiner.messages(1, of: member) == [entries(1)])
        try await joiner.links.stop()
        try await member.lost(joiner)
        try await member.links.stop()
    }

    @Test func anotherEnsemblesMemberIsRefused() async throws {
        let (left, right) = (try await LinkedMember(1, ensemble: one), try await LinkedMember(2, ensemble: two))
        let membership = Membership([left.member, right.member])
        for member in [left, right] { member.links.update(membership) }
        let texts = ("01010101010101010101010101010101", "02020202020202020202020202020202")
        let sentence = "member 2 belongs to ensemble \(texts.1), member 1 to \(texts.0)"
        #expect(try await right.line(sentence).hasPrefix("warning: refused member 1 of 127.0.0.1: "))
        #expect(try await left.line(sentence).hasPrefix("warning: no link to the "))
        #expect(!left.links.send([entries(1)], to: right.id))
        // Once it is known that they belong together, the links come by themselves.
        right.links.adopt(ensemble: one)
        try await left.linked(to: right)
        for member in [left, right] { try await member.links.stop() }
    }

    @Test func whoIsNotMeantSaysSo() async throws {
        let (left, right) = (try await LinkedMember(1), try await LinkedMember(2))
        // The left one believes that member 3 is where member 2 is.
        var third = right.member
        third.id = MemberID(3)
        left.links.update(Membership([left.member, third]))
        _ = try await left.line("this is member 2, member 3 is meant")
        _ = try await right.line("this is member 2, member 3 is meant")
        for member in [left, right] { try await member.links.stop() }
    }

    @Test func twoOfTheSameNumberAreTold() async throws {
        let (left, twin) = (try await LinkedMember(1), try await LinkedMember(1))
        var meant = left.member
        meant.id = MemberID(2)
        twin.links.update(Membership([twin.member, meant]))
        _ = try await left.line("this is member 1, member 2 is meant")
        for member in [left, twin] { try await member.links.stop() }
    }

    @Test func bytesOfNoMemberHarmNobody() async throws {
        let (left, right) = (try await LinkedMember(1), try await LinkedMember(2))
        try await introduce([left, right])
        let inputs: [[UInt8]] = [
            Array("GET / HTTP/1.1\r\n\r\n".utf8), [0, 0, 0, 3, 1, 2, 3], [255, 255, 255, 255],
            // Apache ZooKeeper's election hello.
            [255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            [0, 0, 0, 4, 0x4d, 0x52, 0x4c, 0x54], [0, 0, 0, 6, 0x4d, 0x52, 0x4c, 0x54, 0, 9],
        ]
        for port in right.ports {
            for input in inputs {
                let client = BlockingClient(port: port)
                client.send(input)
                _ = client.receiveAll()
            }
        }
        #expect(right.links.malformedCount == 6)
        #expect(right.lines.all.contains { $0.contains("a member of an Apache ZooKeeper ensemble") })
        #expect(left.links.send([entries(1)], to: right.id))
        #expect(try await right.messages(1, of: left) == [entries(1)])
        for member in [left, right] { try await member.links.stop() }
    }

    @Test func whoHasNotShownToBeAMemberGetsLittleMemory() async throws {
        let member = try await LinkedMember(1)
        for port in member.ports {
            let client = BlockingClient(port: port)
            // A frame of 65 KiB, of which not all comes: it is refused before it is waited for.
            client.send([0, 1, 4, 0] + [UInt8](repeating: 0, count: 1000))
            #expect(client.receiveAll() == "")
        }
        try await member.links.stop()
    }

    @Test func aNewConnectionOfAMemberTakesThePlaceOfTheOlder() async throws {
        let member = try await LinkedMember(1)
        member.links.update(Membership([member.member]))
        let hello = PeerHello(
            kind: .data, sender: MemberID(2), receiver: member.id, ensemble: [], address: "127.0.0.1:1:2")
        let older = BlockingClient(port: member.ports[0])
        older.send(Array(hello.frame.readableBytesView))
        _ = try await member.next { if case .joinerArrived = $0 { true } else { nil } }
        let newer = BlockingClient(port: member.ports[0])
        newer.send(Array(hello.frame.readableBytesView))
        try await member.next { if case .linkLost(MemberID(2)) = $0 { true } else { nil } }
        // The welcome, and then the end.
        #expect(!older.receiveAll().isEmpty)
        try await member.links.stop()
    }

    @Test func aMemberThatDoesNotTakeWhatItIsSentLosesItsLink() async throws {
        let member = try await LinkedMember(1)
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Welcoming()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(silent.localAddress?.port)
        let address = "127.0.0.1:\(port):\(port)"
        member.links.update(Membership([member.member, Membership.Member(id: MemberID(2), address: address)]))
        try await member.next { if case .linkMade(MemberID(2)) = $0 { true } else { nil } }
        while member.links.send([entries(1, size: 1 << 20)], to: MemberID(2)) {}
        try await member.next { if case .linkLost(MemberID(2)) = $0 { true } else { nil } }
        _ = try await member.line("more than 67108864 bytes wait to be sent")
        try await member.links.stop()
        try await silent.close().get()
    }

    @Test func overTLSBothShowCertificates() async throws {
        try await withPeerCertificates { identity, stranger in
            let (left, right) = (try await LinkedMember(1, tls: identity), try await LinkedMember(2, tls: identity))
            try await introduce([left, right])
            left.links.send([entries(1)], to: right.id)
            #expect(try await right.messages(1, of: left) == [entries(1)])
            // Of another authority, and in plaintext.
            for tls in [stranger, nil] {
                let outsider = try await LinkedMember(3, tls: tls)
                outsider.links.update(Membership([outsider.member, left.member]))
                _ = try await outsider.line("no link to the quorum port of member 1")
                try await outsider.links.stop()
            }
            #expect(left.links.send([entries(2)], to: right.id))
            for member in [left, right] { try await member.links.stop() }
        }
    }
}
