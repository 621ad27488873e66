import Testing

@testable import Security

@Suite struct SASLCredentialsTests {
    /// What a section `Client` of one module is read as, or why it is not.
    private func read(_ module: String) throws -> Result<SASLCredentials, JAASConfiguration.UnusableSection> {
        let file = try JAASConfiguration("Client { \(module); };")
        let section = try #require(file.sections["Client"])
        return Result { () throws(JAASConfiguration.UnusableSection) in try SASLCredentials(section) }
    }

    @Test func whatClientsAreToldToProveThemselvesBy() throws {
        let digest = "org.apache.zookeeper.server.auth.DigestLoginModule required username=bob password=secret"
        #expect(try read(digest).get() == .password(user: "bob", password: "secret"))
        #expect(try read(digest).get().description == "user bob of DIGEST-MD5")
        let kerberos = "com.sun.security.auth.module.Krb5LoginModule required"
        #expect(
            try read("\(kerberos) useKeyTab=TRUE keyTab=\"/k\" principal=\"kafka/one@REALM\"").get()
                == .keytab(
                    path: "/k", principal: KerberosPrincipal(primary: "kafka", instance: "one", realm: "REALM")))
        #expect(try read("\(kerberos) useTicketCache=true").get() == .ticketCache(path: nil))
        #expect(try read("\(kerberos) useTicketCache=true ticketCache=\"/t\"").get() == .ticketCache(path: "/t"))
    }

    @Test(arguments: [
        (
            "DigestLoginModule required username=bob",
            "DigestLoginModule of a client needs username=\"...\" and password"
        ),
        ("Krb5LoginModule required", "Krb5LoginModule needs useKeyTab=true or useTicketCache=true"),
        ("Krb5LoginModule required useKeyTab=true", "needs principal=\"name@realm\""),
        ("Krb5LoginModule required useKeyTab=true principal=\"a/b/c\"", "needs principal=\"name@realm\""),
        ("a.PlainLoginModule required", "a.PlainLoginModule is not known"),
    ])
    func nonsenseIsNamed(module: String, sentence: String) throws {
        guard case .failure(let refusal) = try read(module) else {
            Issue.record("\(module) was taken")
            return
        }
        #expect(refusal.description.contains(sentence))
    }

    @Test func aSectionWithoutModules() {
        #expect(throws: JAASConfiguration.UnusableSection("the section is empty")) { try SASLCredentials([]) }
    }
}
