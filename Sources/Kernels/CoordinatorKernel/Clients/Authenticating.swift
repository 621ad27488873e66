import NIOCore
import ZooKeeperProtocol

extension CoordinatorKernel {
    /// The identity that an auth packet proves, and whether it is that of the super user; nil when it proves none.
    func identities(
        provenBy credentials: ByteBuffer, scheme: String, on client: ClientConnection
    ) -> [ZooKeeperID]? {
        switch scheme {
        case DigestIdentity.scheme:
            let identity = DigestIdentity.of(credentials, hashedBy: settings.digestAlgorithm)
            return identity.id == settings.superDigest
                ? [identity, ZooKeeperID(scheme: "super", id: "")] : [identity]
        case "ip", "x509":
            // Known since the connection came, if at all.
            let known = client.identities.filter { $0.scheme == scheme }
            return known.isEmpty ? nil : known
        default:
            return nil
        }
    }
}
