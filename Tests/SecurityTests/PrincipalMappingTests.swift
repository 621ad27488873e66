import Testing

@testable import Security

@Suite struct PrincipalMappingTests {
    private let subject = "CN=serviceuser,OU=ServiceUsers,O=Unknown,L=Unknown,ST=Unknown,C=Unknown"

    private func name(_ rules: String, _ subject: String) throws -> String {
        try PrincipalMapping(rules).principal(subject: subject).name
    }

    @Test func withoutRulesTheSubjectIsTheName() throws {
        #expect(try name("", subject) == subject)
        #expect(try name("DEFAULT", subject) == subject)
        #expect(try name("RULE:^CN=admin$/root/", subject) == subject)
    }

    @Test func theFirstMatchingRuleDecides() throws {
        let rules = """
            RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/, RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),ST=(.*?),C=(.*?)$/$1@$2/L, \
            RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/U, DEFAULT
            """
        #expect(try name(rules, subject) == "serviceuser")
        #expect(try name(rules, "CN=AdminUser,OU=Admin,O=x,L=y,ST=z,C=q") == "adminuser@admin")
        #expect(try name(rules, "cn=Broker.1,o=Example") == "BROKER.1")
        #expect(try name(rules, "O=Example") == "O=Example")
    }

    @Test func aPatternMatchesTheWholeSubject() throws {
        #expect(try name("RULE:CN=serviceuser/short/", subject) == subject)
        #expect(try name("RULE:CN=serviceuser.*/short/", subject) == "short")
    }

    @Test func slashesAndDollarsCanBeEscaped() throws {
        #expect(try name("RULE:CN=a\\/b,O=(.*)/$1\\/\\$x/", "CN=a/b,O=Org") == "Org/$x")
        #expect(try name("RULE:CN=(?:x|y)(?<rest>.*)/<$1>/", "CN=xyz") == "<yz>")
    }

    @Test(arguments: [
        "CN=x/y/", "RULE:CN=(.*)", "RULE:CN=(.*)/$1", "RULE:(/x/", "RULE:a/$1/", "RULE:a/b/L x", "RULE:a/$/",
    ])
    func unreadableRulesAreRefused(_ text: String) {
        #expect(throws: PrincipalMapping.Unreadable.self) { _ = try PrincipalMapping(text) }
    }

    @Test func principalsAreReadAsAclsWriteThem() {
        #expect(KafkaPrincipal("User:CN=a:b") == KafkaPrincipal(name: "CN=a:b"))
        #expect(KafkaPrincipal("User:") == nil)
        #expect(KafkaPrincipal("alice") == nil)
        #expect(KafkaPrincipal.anonymous.description == "User:ANONYMOUS")
    }
}
