import Controller
import KafkaProtocol
import KafkaProtocolClusters
import NIOCore
import Seams
import Security

/// Credentials of users with their keys, which only links between Martlet's clusters hand on.
extension BrokerKernel {
    /// Tells the credentials of all users, as they are stored.
    mutating func mirrorCredentials(_ request: Request) {
        var response = MirrorCredentialsResponse()
        do throws(AdminRefusal) {
            guard permitsOnCluster(request, .clusterAction) else { throw .unauthorizedOnCluster }
            try Self.checkMayHandleKeys(request.origin)
            for (user, configs) in usersWithCredentials {
                for mechanism in SCRAMMechanism.allCases {
                    guard let text = configs[mechanism.name], let credential = SCRAMCredential(text) else { continue }
                    var told = MirrorCredentialsResponse.MirroredCredential()
                    told.user = user
                    told.mechanism = mechanism.rawValue
                    told.iterations = credential.iterations
                    told.salt = ByteBuffer(bytes: credential.salt)
                    told.storedKey = ByteBuffer(bytes: credential.storedKey)
                    told.serverKey = ByteBuffer(bytes: credential.serverKey)
                    response.credentials.append(told)
                }
            }
        } catch {
            response.errorCode = error.error.rawValue
            response.errorMessage = error.message
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    /// Stores credentials, all of one user or none, where nobody has changed what is there; answers when the image shows
    /// it.
    mutating func mirrorAlterCredentials(_ request: Request, _ body: MirrorAlterCredentialsRequest) {
        let deadline = now + settings.imageTimeout
        let isPermitted = permitsOnCluster(request, .clusterAction)
        gatherRefusals(of: body.users) { kernel, user, done throws(AdminRefusal) in
            guard isPermitted else { throw .unauthorizedOnCluster }
            try Self.checkMayHandleKeys(request.origin)
            try kernel.checkIsController()
            guard !user.name.isEmpty, let path = QuotaEntity(names: [.user: user.name]).path else {
                throw AdminRefusal(.unacceptableCredential, "Username must not be empty")
            }
            kernel.alterEntity(path, by: deadline) { present throws(AdminRefusal) in
                try Self.altered(present, user.credentials)
            } then: { kernel, refusal in
                done(&kernel, refusal)
            }
        } then: { kernel, refusals in
            var response = MirrorAlterCredentialsResponse()
            response.users = zip(body.users, refusals).map { user, refusal in
                var told = MirrorAlterCredentialsResponse.AlteredUserResult()
                told.name = user.name
                told.errorCode = refusal?.error.rawValue ?? 0
                told.errorMessage = refusal?.message
                return told
            }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    /// Whom keys may be told to, or taken from: somebody who has proved who it is, on a connection that nobody can listen
    /// to. What access rules say of that comes before.
    private static func checkMayHandleKeys(_ origin: RequestOrigin) throws(AdminRefusal) {
        guard origin.isEncrypted, origin.principal != .anonymous else {
            throw AdminRefusal(
                .clusterAuthorizationFailed,
                "Keys of users' credentials are handled only on TLS connections of who has proved who it is "
                    + "(listener \(origin.listener), \(origin.principal)).")
        }
    }

    /// What is set for a user becomes this.
    private static func altered(
        _ present: [String: String], _ credentials: [MirrorAlterCredentialsRequest.AlteredCredential]
    ) throws(AdminRefusal) -> [String: String] {
        var configs = present
        for one in credentials {
            guard let mechanism = SCRAMMechanism(rawValue: one.mechanism) else {
                throw AdminRefusal(.unsupportedSaslMechanism, "Unknown SCRAM mechanism")
            }
            let wanted = try one.iterations == 0 ? nil : credential(one, mechanism)
            // Who asks twice, for an answer was lost, finds it done.
            if present[mechanism.name] == wanted?.text { continue }
            guard
                present[mechanism.name].flatMap({ SCRAMCredential($0)?.salt })
                    == one.expectedSalt.map({ Array($0.readableBytesView) })
            else {
                throw AdminRefusal(
                    .invalidUpdateVersion, "Somebody else has changed \(mechanism.name) of the user meanwhile.")
            }
            configs[mechanism.name] = wanted?.text
        }
        return configs
    }

    private static func credential(
        _ one: MirrorAlterCredentialsRequest.AlteredCredential, _ mechanism: SCRAMMechanism
    ) throws(AdminRefusal) -> SCRAMCredential {
        let credential = SCRAMCredential(
            salt: Array(one.salt.readableBytesView), storedKey: Array(one.storedKey.readableBytesView),
            serverKey: Array(one.serverKey.readableBytesView), iterations: one.iterations)
        guard SCRAMMechanism.iterations.contains(one.iterations), !credential.salt.isEmpty,
            credential.storedKey.count == mechanism.sizeInBytes, credential.serverKey.count == mechanism.sizeInBytes
        else { throw AdminRefusal(.unacceptableCredential, "This is no credential of \(mechanism.name)") }
        return credential
    }
}
