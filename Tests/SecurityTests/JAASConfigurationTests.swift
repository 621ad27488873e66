import Testing

@testable import Security

@Suite struct JAASConfigurationTests {
    private func refusal(_ text: String) -> String? {
        do {
            _ = try JAASConfiguration(text)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func sectionsOfServersAreRead() throws {
        let file = try JAASConfiguration(
            """
            // Of a server.
            Server {
                org.apache.zookeeper.server.auth.DigestLoginModule required
                user_super="ad\\"min"   /* over
                two lines */
                user_bob="bob;secret{}="
                user_eve=plain;
                com.sun.security.auth.module.Krb5LoginModule Optional useKeyTab=true keyTab="/etc/zk.keytab";
            };
            # Of nobody.
            Empty { };
            """)
        #expect(file.sections.keys.sorted() == ["Empty", "Server"])
        let modules = try #require(file.sections["Server"])
        #expect(modules.map(\.name) == ["DigestLoginModule", "Krb5LoginModule"])
        #expect(modules[0].options == ["user_super": "ad\"min", "user_bob": "bob;secret{}=", "user_eve": "plain"])
        #expect(modules[1].options == ["useKeyTab": "true", "keyTab": "/etc/zk.keytab"])
    }

    @Test(
        arguments: [
            ("Server", "line 1: a { must stand after the name of section Server"),
            ("Server {", "line 1: section Server lacks a module or its }"),
            ("Server {\n};\nServer {\n};", "line 4: a second section Server"),
            ("Server { a.B };", "line 1: required, requisite, sufficient or optional must follow a.B"),
            ("Server {\n a.B required\n key };", "line 3: a = must stand after key"),
            ("Server {\n a.B required\n key=; };", "line 3: key has no value"),
            ("Server { a.B required\n}", "line 2: a ; must follow the options of a.B"),
            ("Server { a.B required a=\"b\n\"; };", "line 1: a \" lacks its other half"),
            ("/* Server", "line 1: a comment lacks its */"),
            ("{", "line 1: a section begins with its name"),
        ])
    func faultsAreNamedWithTheirLines(text: String, cause: String) {
        #expect(refusal(text) == cause)
    }
}
