/// Which Martlet this is.
package enum Release {
    /// As `--version` of every program prints it, and as clients name it to brokers (KIP-511).
    package static let version = "1.0"
}
