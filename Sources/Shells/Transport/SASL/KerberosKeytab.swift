import Glibc

/// The file with the keys by which servers of this process authenticate their clients.
package enum KerberosKeytab {
    /// Makes Kerberos use `file`. It is known to the whole process by an environment variable, so this is for the start,
    /// before other threads look at the environment.
    package static func use(_ file: String) {
        setenv("KRB5_KTNAME", file, 1)
    }
}
