import KafkaProtocol
import KafkaProtocolClusters
import NIOCore
import Security

/// Users' credentials with their keys; Martlet's brokers only, on TLS connections only.
extension Administrator {
    /// By user and mechanism.
    package typealias Credentials = [String: [SCRAMMechanism: SCRAMCredential]]

    /// One change of a credential, done only while the credential there has the expected salt.
    package struct KeyChange: Sendable {
        package var mechanism: SCRAMMechanism
        /// What becomes of it; nil takes it away.
        package var credential: SCRAMCredential?
        /// nil: there is none.
        package var expectedSalt: [UInt8]?

        package init(_ mechanism: SCRAMMechanism, _ credential: SCRAMCredential?, expecting salt: [UInt8]?) {
            self.mechanism = mechanism
            self.credential = credential
            expectedSalt = salt
        }
    }

    /// All that brokers have stored.
    package func credentials() async throws -> Credentials {
        try await client.retrying {
            let answer = try await client.send(MirrorCredentialsRequest(), to: .any)
            try ClientFault.check(answer.errorCode, "keys of users", answer.errorMessage)
            var found: Credentials = [:]
            for one in answer.credentials {
                guard let mechanism = SCRAMMechanism(rawValue: one.mechanism) else { continue }
                found[one.user, default: [:]][mechanism] = SCRAMCredential(
                    salt: Array(one.salt.readableBytesView), storedKey: Array(one.storedKey.readableBytesView),
                    serverKey: Array(one.serverKey.readableBytesView), iterations: one.iterations)
            }
            return found
        }
    }

    /// Stores keys by user. Throws the first refusal, when the others are done.
    package func storeCredentials(_ changes: [String: [KeyChange]]) async throws {
        guard !changes.isEmpty else { return }
        var request = MirrorAlterCredentialsRequest()
        for (user, changes) in changes.sorted(by: { $0.key < $1.key }) {
            var altered = MirrorAlterCredentialsRequest.AlteredUser()
            altered.name = user
            altered.credentials = changes.map { MirrorAlterCredentialsRequest.AlteredCredential($0) }
            request.users.append(altered)
        }
        try await client.retrying { [request] in
            for result in try await client.send(request, to: .controller).users {
                try ClientFault.check(result.errorCode, "credentials of user \(result.name)", result.errorMessage)
            }
        }
    }
}

extension MirrorAlterCredentialsRequest.AlteredCredential {
    fileprivate init(_ change: Administrator.KeyChange) {
        self.init()
        mechanism = change.mechanism.rawValue
        expectedSalt = change.expectedSalt.map { ByteBuffer(bytes: $0) }
        guard let credential = change.credential else { return }
        iterations = credential.iterations
        salt = ByteBuffer(bytes: credential.salt)
        storedKey = ByteBuffer(bytes: credential.storedKey)
        serverKey = ByteBuffer(bytes: credential.serverKey)
    }
}
