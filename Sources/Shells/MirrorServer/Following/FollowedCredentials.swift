import KafkaProtocol
import MartletClient
import Mirroring
import Security

/// Credentials of users with their keys, from Martlet's brokers to Martlet's.
struct FollowedCredentials: FollowedKind {
    let source: Administrator
    let target: Administrator

    static var words: String { "credentials" }

    func atSource() async throws -> [CredentialName: SCRAMCredential]? {
        do {
            // Tells no keys, and so asks for nothing where there are none to bring.
            if try await source.userCredentials().isEmpty { return [:] }
        } catch let fault as ClientFault where fault.isUnsupported {
            return nil
        }
        return try await Self.keys(of: source, "source")
    }

    func atTarget() async throws -> [CredentialName: SCRAMCredential] { try await Self.keys(of: target, "target") }

    private static func keys(of cluster: Administrator, _ end: String) async throws -> [CredentialName: SCRAMCredential]
    {
        do {
            var named: [CredentialName: SCRAMCredential] = [:]
            for (user, credentials) in try await cluster.credentials() {
                for (mechanism, credential) in credentials {
                    named[CredentialName(of: user, mechanism.name)] = credential
                }
            }
            return named
        } catch let fault as ClientFault where fault.isUnsupported {
            throw NotFollowed(
                "the \(end) is none of Martlet's, and no other broker hands on keys: make its users there yourself")
        } catch let fault as ClientFault where fault.code == .clusterAuthorizationFailed {
            throw NotFollowed(
                "the \(end) does not hand on keys to this mirror: give it security.protocol=SSL with a certificate, "
                    + "and CLUSTER_ACTION on the cluster where brokers have an authorizer (\(fault))")
        }
    }

    func change(
        _ changes: [CredentialName: SCRAMCredential?], from present: [CredentialName: SCRAMCredential]
    ) async throws {
        var users: [String: [Administrator.KeyChange]] = [:]
        for (name, credential) in changes.sorted(by: { $0.key < $1.key }) {
            guard let mechanism = SCRAMMechanism(name: name.mechanism) else { continue }
            users[name.user, default: []].append(
                Administrator.KeyChange(mechanism, credential, expecting: present[name]?.salt))
        }
        try await target.storeCredentials(users)
    }

    func mark(of value: SCRAMCredential) -> [UInt8] { value.fingerprint }

    func text(of value: SCRAMCredential) -> String? { nil }
}
