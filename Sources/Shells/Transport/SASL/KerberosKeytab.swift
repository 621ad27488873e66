import Glibc
import Security

/// Where Kerberos finds keys and tickets. It is known to the whole process by environment variables, so these are for the
/// start, before other threads look at the environment.
package enum KerberosKeytab {
    /// The file with the keys by which servers of this process authenticate their clients.
    package static func use(_ file: String) {
        setenv("KRB5_KTNAME", file, 1)
    }

    /// The keys or tickets by which clients of this process authenticate; of a file with keys of several principals the
    /// first one acts.
    package static func use(_ credentials: SASLCredentials) {
        switch credentials {
        case .password: break
        case .keytab(let path, _):
            if let path { setenv("KRB5_CLIENT_KTNAME", path, 1) }
            // Tickets are got by the keys, and nobody else's are used.
            setenv("KRB5CCNAME", "MEMORY:martlet", 1)
        case .ticketCache(let path):
            if let path { setenv("KRB5CCNAME", path, 1) }
        }
    }
}
