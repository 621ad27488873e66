import Testing
import ZooKeeperProtocol

@testable import ZNodes

@Suite struct AccessTests {
    private var tree = TestTree()
    private let bob = ZooKeeperID(scheme: "digest", id: "bob:hash")
    private let home = ZooKeeperID(scheme: "ip", id: "127.0.0.1")

    @Test mutating func onlyWhoIsNamedMay() {
        #expect(tree.create("/b", acl: [ACL(.all, bob)]) == .success(.path("/b")))
        #expect(tree.ask(.getData(path: "/b", watch: false), as: [home]) == .failure(.noAuth))
        #expect(tree.ask(.change(.setData(path: "/b", data: nil, version: -1)), as: [home]) == .failure(.noAuth))
        #expect(tree.create("/b/c", as: [home]) == .failure(.noAuth))
        #expect(tree.create("/b/c", as: [home, bob]) == .success(.path("/b/c")))
        #expect(tree.ask(.change(.delete(path: "/b/c", version: -1))) == .failure(.noAuth))
        let superUser = ZooKeeperID(scheme: "super", id: "")
        #expect(tree.ask(.change(.delete(path: "/b/c", version: -1)), as: [superUser]) == .success(.empty))
        #expect(tree.set("/zookeeper/config", "") == .failure(.noAuth))
    }

    @Test mutating func authStandsForWhoAsks() {
        let auth = [ACL(.all, ZooKeeperID(scheme: "auth", id: ""))]
        #expect(tree.create("/a", acl: auth, as: [home]) == .failure(.invalidACL))
        _ = tree.create("/a", acl: auth + auth, as: [home, bob])
        guard case .success(.acl(let acl, _)) = tree.ask(.getACL(path: "/a"), as: [bob]) else {
            Issue.record("no list")
            return
        }
        #expect(acl == [ACL(.all, bob)])
    }

    @Test mutating func hashesAreForAdministrators() {
        _ = tree.create("/a", acl: [ACL(.read, .anyone), ACL(.all, bob)])
        guard case .success(.acl(let acl, _)) = tree.ask(.getACL(path: "/a"), as: [home]) else {
            Issue.record("no list")
            return
        }
        #expect(acl.last?.id.id == "bob:x")
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.9.8.7", true), ("10.0.0.0/8", "11.0.0.1", false), ("127.0.0.1", "127.0.0.1", true),
        ("192.168.1.128/25", "192.168.1.127", false), ("0.0.0.0/0", "1.2.3.4", true), ("fe80::/10", "febf::1", true),
        ("fe80::/10", "fec0::1", false), ("::1", "0:0:0:0:0:0:0:1", true), ("::1", "127.0.0.1", false),
    ])
    func addressesAreComparedByTheirFirstBits(_ range: String, _ address: String, _ isIn: Bool) {
        #expect(AddressRange(range)?.contains(address) == isIn)
    }

    @Test(arguments: [
        "10.0.0", "10.0.0.0/33", "10.0.0.256", "::1::", "fe80", "fe80::/129", "1:2:3:4:5:6:7:8:9", "a.b.c.d",
    ])
    func whatIsNoAddressIsRefused(_ text: String) {
        #expect(AddressRange(text) == nil)
    }

    @Test mutating func listsThatMakeNoSenseAreRefused() {
        for id in [
            ZooKeeperID(scheme: "world", id: "bob"), ZooKeeperID(scheme: "digest", id: "bob"),
            ZooKeeperID(scheme: "ip", id: "home"), ZooKeeperID(scheme: "voodoo", id: "x"),
        ] {
            #expect(tree.create("/n", acl: [ACL(.all, id)]) == .failure(.invalidACL))
        }
    }

    @Test(arguments: [
        ("sasl", "bob", true), ("sasl", "", true), ("sasl", "bob@R", true), ("sasl", "bob/host@R", true),
        ("sasl", "bob@R@S", false), ("sasl", "a/b/c@R", false), ("sasl", "bob@R/S", false), ("x509", "CN=bob", true),
        ("x509", "", true), ("x509", "bob", false), ("x509", "=bob", false),
    ])
    mutating func namesOfSchemesHaveTheirShapes(_ scheme: String, _ id: String, _ isValid: Bool) {
        let list = [ACL(.all, ZooKeeperID(scheme: scheme, id: id))]
        #expect(tree.create("/n", acl: list) == (isValid ? .success(.path("/n")) : .failure(.invalidACL)))
        tree = TestTree { $0.schemes = ["digest"] }
        #expect(tree.create("/n", acl: list) == .failure(.invalidACL))
    }
}
