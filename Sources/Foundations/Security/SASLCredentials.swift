/// By what somebody proves to a server of SASL's who it is: what a client's section of a JAAS file says.
package enum SASLCredentials: Sendable, Equatable, CustomStringConvertible {
    /// By DIGEST-MD5.
    case password(user: String, password: String)
    /// By Kerberos, with the keys that a file holds; nil for the file of the system.
    case keytab(path: String?, principal: KerberosPrincipal)
    /// By Kerberos, with tickets that somebody else gets (`kinit`), in a file or where the system keeps them.
    case ticketCache(path: String?)

    /// Reads a section; of several modules the first counts.
    package init(_ section: [JAASConfiguration.LoginModule]) throws(JAASConfiguration.UnusableSection) {
        guard let module = section.first else { throw JAASConfiguration.UnusableSection("the section is empty") }
        switch module.name {
        case "DigestLoginModule":
            guard let user = module.options["username"], let password = module.options["password"] else {
                throw JAASConfiguration.UnusableSection(
                    "\(module.name) of a client needs username=\"...\" and password=\"...\"")
            }
            self = .password(user: user, password: password)
        case "Krb5LoginModule": self = try Self.kerberos(module)
        default:
            throw JAASConfiguration.UnusableSection(
                "\(module.className) is not known; known are DigestLoginModule and Krb5LoginModule")
        }
    }

    private static func kerberos(_ module: JAASConfiguration.LoginModule) throws(JAASConfiguration.UnusableSection)
        -> SASLCredentials
    {
        func isTrue(_ option: String) -> Bool { module.options[option]?.lowercased() == "true" }
        if isTrue("useKeyTab") {
            guard let principal = module.options["principal"].flatMap({ KerberosPrincipal($0) }) else {
                throw JAASConfiguration.UnusableSection(
                    "\(module.name) with useKeyTab=true needs principal=\"name@realm\"")
            }
            return .keytab(path: module.options["keyTab"], principal: principal)
        }
        guard isTrue("useTicketCache") else {
            throw JAASConfiguration.UnusableSection(
                "\(module.name) needs useKeyTab=true or useTicketCache=true: nobody is asked here")
        }
        return .ticketCache(path: module.options["ticketCache"])
    }

    /// Without secrets.
    package var description: String {
        switch self {
        case .password(let user, _): "user \(user) of DIGEST-MD5"
        case .keytab(_, let principal): "\(principal) of Kerberos"
        case .ticketCache: "who has the tickets of Kerberos"
        }
    }
}
