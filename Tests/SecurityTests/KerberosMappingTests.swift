import Testing

@testable import Security

@Suite struct KerberosMappingTests {
    private func mapping(
        _ rules: String = "DEFAULT", removesHost: Bool = false, removesRealm: Bool = false
    ) throws -> KerberosMapping {
        var mapping = KerberosMapping(rules: try KerberosNameRules(rules, defaultRealm: "HOME"))
        mapping.removesHost = removesHost
        mapping.removesRealm = removesRealm
        return mapping
    }

    @Test func principalsHaveUpToThreeParts() {
        #expect(KerberosPrincipal("bob") == KerberosPrincipal(primary: "bob"))
        #expect(KerberosPrincipal("zk/a.b@R") == KerberosPrincipal(primary: "zk", instance: "a.b", realm: "R"))
        for text in ["", "/", "@", "a@", "@R", "a/@R", "a/b/c@R", "a@b@R"] {
            #expect(KerberosPrincipal(text) == nil, "\(text)")
        }
    }

    @Test func hostAndRealmStayUnlessTheyAreRemoved() throws {
        #expect(try mapping().identity(of: "zk/host@HOME") == "zk/host@HOME")
        #expect(try mapping(removesHost: true).identity(of: "zk/host@HOME") == "zk@HOME")
        #expect(try mapping(removesRealm: true).identity(of: "zk/host@HOME") == "zk/host")
        #expect(try mapping(removesHost: true, removesRealm: true).identity(of: "bob@HOME") == "bob")
    }

    /// Or else somebody of another realm would pass for one of this one.
    @Test func aPrincipalThatNoRuleFitsStaysAsItIs() throws {
        #expect(try mapping(removesRealm: true).identity(of: "bob@AWAY") == "bob@AWAY")
        #expect(try mapping("", removesRealm: true).identity(of: "bob@HOME") == "bob@HOME")
        #expect(try mapping(removesRealm: true).identity(of: "a/b/c@HOME") == "a/b/c@HOME")
    }

    @Test(
        arguments: [
            ("RULE:[1:$1]", "bob@AWAY", "bob"), ("RULE:[1:$1@$0](.*@AWAY)s/@.*//", "bob@AWAY", "bob"),
            ("RULE:[1:$1@$0](.*@AWAY)s/@.*// DEFAULT", "bob@HOME", "bob"),
            ("RULE:[2:$1;$2](^zk;.*$)s/;.*$//", "zk/host@AWAY", "zk"),
            ("RULE:[1:$1]s/b/x/", "bob@AWAY", "xob"), ("RULE:[1:$1]s/b/x/g", "bob@AWAY", "xox"),
            ("RULE:[1:$1]/L", "BOB@AWAY", "bob"),
        ])
    func rulesMakeShortNames(rules: String, principal: String, name: String) throws {
        let principal = try #require(KerberosPrincipal(principal))
        #expect(try KerberosNameRules(rules, defaultRealm: "HOME").shortName(of: principal) == name)
    }

    @Test(
        arguments: [
            ("RULE:[1:$1]", "zk/host@AWAY"), ("RULE:[1:$1@$0](.*@AWAY)", "bob@AWAY"),
            ("RULE:[2:$1/$2]", "zk/host@AWAY"),
            ("RULE:[1:$1]s/bob//", "bob@AWAY"), ("RULE:[1:$1@$0](.*@HOME)s/@.*//", "bob@AWAY"),
        ])
    func whatIsNoShortNameIsNone(rules: String, principal: String) throws {
        let principal = try #require(KerberosPrincipal(principal))
        #expect(try KerberosNameRules(rules, defaultRealm: nil).shortName(of: principal) == nil)
    }

    @Test(
        arguments: [
            "RULE", "RULE:[x:$1]", "RULE:[1:$1", "RULE:[1:$1](a", "RULE:[1:$1](*)", "RULE:[1:$1]s/a", "DEFAULTS",
            "RULE:[1:$1]s/a/$1/",
        ])
    func faultyRulesAreRefused(rules: String) {
        #expect(throws: KerberosNameRules.Unreadable.self) { try KerberosNameRules(rules, defaultRealm: nil) }
    }
}
