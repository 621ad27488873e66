import Quorum
import Testing

@testable import CoordinatorKernel

@Suite struct MembershipTextTests {
    private func refusal(_ text: String) -> String? {
        do {
            _ = try Membership(configurationText: text)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func whatZooKeeperShowsComesBackUnchanged() throws {
        let texts = [
            """
            server.1=a.example:2888:3888:participant;0.0.0.0:2181
            server.2=[::1]:2889:3889:participant
            server.3=10.0.0.3:2888:3888|10.1.0.3:2888:3888:observer;[fe80::1]:2181
            version=100000000
            """,
            """
            server.0=a:1:2:participant
            server.1=b:1:2:participant
            server.255=c:65535:2:participant
            group.1=0
            group.9=1:255
            weight.0=1
            weight.1=0
            weight.255=3
            version=ffffffffffffffff
            """,
        ]
        for text in texts { #expect(try Membership(configurationText: text).configurationText == text) }
    }

    @Test func shortFormsAreCompleted() throws {
        let membership = try Membership(configurationText: " server.2 = b:1:2 ;2182,server.1=a:1:2:OBSERVER ")
        #expect(
            membership.configurationText
                == "server.1=a:1:2:observer\nserver.2=b:1:2:participant;0.0.0.0:2182\nversion=0")
        #expect(membership.voters == [MemberID(2)])
    }

    @Test func anAddressTellsItsParts() throws {
        let address = try MemberAddress("[::1]:2888:3888|b:1:2;[::]:2181")
        #expect(
            address.endpoints == [
                MemberAddress.Endpoint(host: "::1", quorumPort: 2888, electionPort: 3888),
                MemberAddress.Endpoint(host: "b", quorumPort: 1, electionPort: 2),
            ])
        #expect(address.client == MemberAddress.ClientEndpoint(host: "::", port: 2181))
        #expect(throws: InvalidMembership.self) { try MemberAddress("a:1:2:observer") }
    }

    @Test func aJoiningMemberIsALine() throws {
        let member = try Membership.Member(configurationLine: "server.7=h:1:2:observer;3")
        #expect(member.id == MemberID(7))
        #expect(!member.isVoter)
        #expect(member.configurationLine == "server.7=h:1:2:observer;0.0.0.0:3")
        for line in ["server.7", "server.x=h:1:2", "7=h:1:2", "server.256=h:1:2"] {
            #expect(throws: InvalidMembership.self) { try Membership.Member(configurationLine: line) }
        }
    }

    @Test(arguments: [
        ("server.1=a:1:1", "server.1 uses a:1 for two purposes"),
        ("server.1=a:1:2\nserver.2=a:3:1", "server.1 and server.2 are both on a:1"),
        ("server.1=a:1:2\nserver.1=b:1:2", "server.1 stands twice"),
        ("server.256=a:1:2", "server.256: servers are numbered 0 to 255"),
        ("server.-1=a:1:2", "server.-1: behind the dot belongs a number"),
        ("server.1=a:1:2:observer", "an ensemble needs a participant"),
        ("server.1=a:0:2", "'a:0:2': '0' is no port; ports are 1 to 65535"),
        ("server.1=a:1:2:leader", "'a:1:2:leader': the role has to be participant or observer, not 'leader'"),
        ("server.1=a:1:2;b:", "'a:1:2;b:': '' is no port; ports are 1 to 65535"),
        ("server.1=[::1:1:2", "'[::1:1:2' lacks a ']'"),
        ("server.1=a:1:2;3;4", "'a:1:2;3;4' has more than one ';'"),
        ("server.1=a:1:2\nweight.2=1", "weight.2 is of no server.2"),
        ("server.1=a:1:2\nweight.1=-1", "weight.1=-1: a weight is a whole number, 0 or more"),
        ("server.1=a:1:2\nweight.1=0", "no participant has a weight above 0"),
        ("server.1=a:1:2\ngroup.1=1:2", "group.1 names 2, and there is no server.2"),
        ("server.1=a:1:2\ngroup.1=1\ngroup.2=1", "server.1 stands in group.1 and group.2"),
        ("server.1=a:1:2\nserver.2=b:1:2\ngroup.1=1", "server.2 stands in no group, others do"),
        ("server.1=a:1:2\nversion=xyz", "version=xyz is no hexadecimal number"),
        ("server.1=a:1:2\nport=3", "port says nothing about an ensemble"), ("hello", "'hello' is no key=value"),
        ("", "an ensemble needs a participant"),
    ])
    func contradictionsAreToldInASentence(text: String, sentence: String) {
        #expect(refusal(text) == sentence)
    }

    @Test func oneWithoutASensibleFormIsRefused() throws {
        for text in ["a", "a:1", ":1:2", "a:1:2:3:4", "::1:1:2", "a:1:2|", "[a]1:2", "a:+1:2", "a:1:99999"] {
            #expect(throws: InvalidMembership.self, "\(text)") { try MemberAddress(text) }
        }
    }
}
