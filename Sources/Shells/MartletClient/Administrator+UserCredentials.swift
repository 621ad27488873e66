import KafkaProtocol
import KafkaProtocolAdmin
import NIOCore
import Security

/// Users' credentials (KIP-554).
extension Administrator {
    /// What to do with one credential of a user.
    package enum CredentialChange: Sendable {
        /// - Parameter iterations: in ``SCRAMMechanism/iterations``.
        case set(password: String, iterations: Int32)
        case delete
    }

    /// With how many iterations each credential of each user was salted; of all users, or those named. Users without
    /// credentials are absent.
    package func userCredentials(_ users: [String]? = nil) async throws -> [String: [SCRAMMechanism: Int32]] {
        var request = DescribeUserScramCredentialsRequest()
        request.users = users?.map { name in
            var user = DescribeUserScramCredentialsRequest.UserName()
            user.name = name
            return user
        }
        return try await client.retrying { [request] in
            let answer = try await client.send(request, to: .any)
            try ClientFault.check(answer.errorCode, "credentials of users", answer.errorMessage)
            var found: [String: [SCRAMMechanism: Int32]] = [:]
            for user in answer.results where user.errorCode != ErrorCode.resourceNotFound.rawValue {
                try ClientFault.check(user.errorCode, "credentials of user \(user.user)", user.errorMessage)
                for one in user.credentialInfos {
                    guard let mechanism = SCRAMMechanism(rawValue: one.mechanism) else { continue }
                    found[user.user, default: [:]][mechanism] = one.iterations
                }
            }
            return found
        }
    }

    /// Changes credentials of one user, all or none. The password stays here: what follows from it is sent.
    package func alterCredentials(of user: String, _ changes: [SCRAMMechanism: CredentialChange]) async throws {
        guard !changes.isEmpty else { return }
        var request = AlterUserScramCredentialsRequest()
        for (mechanism, change) in changes.sorted(by: { $0.key < $1.key }) {
            switch change {
            case .delete:
                var deletion = AlterUserScramCredentialsRequest.ScramCredentialDeletion()
                deletion.name = user
                deletion.mechanism = mechanism.rawValue
                request.deletions.append(deletion)
            case .set(let password, let iterations):
                let salt = Self.newSalt()
                var upsertion = AlterUserScramCredentialsRequest.ScramCredentialUpsertion()
                upsertion.name = user
                upsertion.mechanism = mechanism.rawValue
                upsertion.iterations = iterations
                upsertion.salt = ByteBuffer(bytes: salt)
                upsertion.saltedPassword = ByteBuffer(
                    bytes: mechanism.saltedPassword(password, salt: salt, iterations: iterations))
                request.upsertions.append(upsertion)
            }
        }
        try await client.retrying { [request] in
            for result in try await client.send(request, to: .controller).results {
                try ClientFault.check(result.errorCode, "credentials of user \(result.user)", result.errorMessage)
            }
        }
    }

    /// 128 bits that nobody can guess.
    private static func newSalt() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}
