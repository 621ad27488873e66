import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import NIOCore
import Seams
import Security

/// Credentials with which users prove their passwords by SCRAM (KIP-554). They stand where Apache's brokers keep them, at
/// the user beside its quotas.
extension BrokerKernel {
    // MARK: Describing

    /// Tells of users which credentials they have, and never what those are.
    mutating func describeUserCredentials(_ request: Request, _ body: DescribeUserScramCredentialsRequest) {
        var response = DescribeUserScramCredentialsResponse()
        response.errorMessage = nil
        guard permitsOnCluster(request, .describe) else {
            response.errorCode = ErrorCode.clusterAuthorizationFailed.rawValue
            response.errorMessage = AdminRefusal.unauthorizedOnCluster.message
            return reply(to: request) { response.write(to: &$0, version: request.version) }
        }
        let names = (body.users ?? []).map(\.name)
        if names.isEmpty {
            response.results = usersWithCredentials.map { name, configs in Self.described(name, configs) }
        } else {
            let counts = Dictionary(names.map { ($0, 1) }, uniquingKeysWith: +)
            var told: Set<String> = []
            for name in names where told.insert(name).inserted {
                response.results.append(described(name, isNamedTwice: counts[name, default: 0] > 1))
            }
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    /// Users who have credentials, with all that is set for each, in order.
    var usersWithCredentials: [(name: String, configs: [String: String])] {
        image.entityConfigs.compactMap { path, configs in
            guard let entity = QuotaEntity(path: path), entity.names.count == 1, let name = entity.names[.user] ?? nil,
                configs.keys.contains(where: { SCRAMMechanism(name: $0) != nil })
            else { return nil }
            return (name, configs)
        }.sorted { $0.name < $1.name }
    }

    private func described(
        _ name: String, isNamedTwice: Bool
    ) -> DescribeUserScramCredentialsResponse.DescribeUserScramCredentialsResult {
        do throws(AdminRefusal) {
            if name.isEmpty { throw AdminRefusal(.resourceNotFound, "Username must not be empty") }
            if isNamedTwice {
                throw AdminRefusal(
                    .duplicateResource,
                    "Cannot describe SCRAM credentials for the same user twice in a single request: \(name)")
            }
            let configs = QuotaEntity(names: [.user: name]).path.flatMap { image.entityConfigs[$0] } ?? [:]
            guard configs.keys.contains(where: { SCRAMMechanism(name: $0) != nil }) else {
                throw AdminRefusal(
                    .resourceNotFound, "Attempt to describe a user credential that does not exist: \(name)")
            }
            return Self.described(name, configs)
        } catch {
            var told = DescribeUserScramCredentialsResponse.DescribeUserScramCredentialsResult()
            told.user = name
            told.errorCode = error.error.rawValue
            told.errorMessage = error.message
            return told
        }
    }

    private static func described(
        _ name: String, _ configs: [String: String]
    ) -> DescribeUserScramCredentialsResponse.DescribeUserScramCredentialsResult {
        var told = DescribeUserScramCredentialsResponse.DescribeUserScramCredentialsResult()
        told.user = name
        told.errorMessage = nil
        for mechanism in SCRAMMechanism.allCases {
            guard let text = configs[mechanism.name] else { continue }
            guard let credential = SCRAMCredential(text) else {
                told.errorCode = ErrorCode.unknownServerError.rawValue
                told.errorMessage = "What is stored for \(mechanism.name) is no credential."
                continue
            }
            var info = DescribeUserScramCredentialsResponse.CredentialInfo()
            info.mechanism = mechanism.rawValue
            info.iterations = credential.iterations
            told.credentialInfos.append(info)
        }
        return told
    }

    // MARK: Altering

    /// Alters users' credentials, all that is asked of one user or nothing, and answers when the image shows it.
    mutating func alterUserCredentials(_ request: Request, _ body: AlterUserScramCredentialsRequest) {
        let deadline = now + settings.imageTimeout
        let alterations = CredentialAlteration.all(body)
        let isPermitted = image.controllerID != settings.brokerID || permitsOnCluster(request, .alter)
        gatherRefusals(of: alterations) { kernel, alteration, done throws(AdminRefusal) in
            try kernel.checkIsController()
            guard isPermitted else { throw .unauthorizedOnCluster }
            let path = try alteration.path()
            kernel.alterEntity(path, by: deadline) { present throws(AdminRefusal) in
                try alteration.altered(present)
            } then: { kernel, refusal in
                done(&kernel, refusal)
            }
        } then: { kernel, refusals in
            var response = AlterUserScramCredentialsResponse()
            response.results = zip(alterations, refusals).map { alteration, refusal in
                var told = AlterUserScramCredentialsResponse.AlterUserScramCredentialsResult()
                told.user = alteration.user
                told.errorCode = refusal?.error.rawValue ?? 0
                told.errorMessage = refusal?.message
                return told
            }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }
}

/// What one request asks of one user's credentials.
private struct CredentialAlteration: Sendable {
    private enum Step: Sendable {
        case delete
        case set(salt: [UInt8], saltedPassword: [UInt8], iterations: Int32)
    }

    let user: String
    /// By the number of the mechanism on the wire, known or not.
    private var steps: [(mechanism: Int8, step: Step)] = []

    private init(_ user: String) { self.user = user }

    /// In the order in which users are named first.
    static func all(_ body: AlterUserScramCredentialsRequest) -> [CredentialAlteration] {
        var alterations: [CredentialAlteration] = []
        var places: [String: Int] = [:]
        func add(_ step: Step, _ mechanism: Int8, of user: String) {
            let place = places[user] ?? alterations.count
            if place == alterations.count {
                places[user] = place
                alterations.append(CredentialAlteration(user))
            }
            alterations[place].steps.append((mechanism, step))
        }
        for deletion in body.deletions { add(.delete, deletion.mechanism, of: deletion.name) }
        for upsertion in body.upsertions {
            let step = Step.set(
                salt: Array(upsertion.salt.readableBytesView),
                saltedPassword: Array(upsertion.saltedPassword.readableBytesView), iterations: upsertion.iterations)
            add(step, upsertion.mechanism, of: upsertion.name)
        }
        return alterations
    }

    /// Where the user's credentials stand, when all that is asked makes sense.
    func path() throws(AdminRefusal) -> String {
        guard !user.isEmpty, let path = QuotaEntity(names: [.user: user]).path else {
            throw AdminRefusal(.unacceptableCredential, "Username must not be empty")
        }
        for (mechanism, step) in steps {
            guard SCRAMMechanism(rawValue: mechanism) != nil else {
                throw AdminRefusal(.unsupportedSaslMechanism, "Unknown SCRAM mechanism")
            }
            guard case .set(let salt, let saltedPassword, let iterations) = step else { continue }
            if iterations < SCRAMMechanism.iterations.lowerBound {
                throw AdminRefusal(.unacceptableCredential, "Too few iterations")
            }
            if iterations > SCRAMMechanism.iterations.upperBound {
                throw AdminRefusal(.unacceptableCredential, "Too many iterations")
            }
            if salt.isEmpty || saltedPassword.isEmpty {
                throw AdminRefusal(.unacceptableCredential, "Salt and salted password must not be empty")
            }
        }
        guard Set(steps.map(\.mechanism)).count == steps.count else {
            throw AdminRefusal(
                .duplicateResource, "A user credential cannot be altered twice in the same request")
        }
        return path
    }

    /// What is set for the user becomes this.
    func altered(_ present: [String: String]) throws(AdminRefusal) -> [String: String] {
        var configs = present
        for (number, step) in steps {
            guard let mechanism = SCRAMMechanism(rawValue: number) else { continue }
            switch step {
            case .delete:
                guard configs.removeValue(forKey: mechanism.name) != nil else {
                    throw AdminRefusal(
                        .resourceNotFound, "Attempt to delete a user credential that does not exist")
                }
            case .set(let salt, let saltedPassword, let iterations):
                configs[mechanism.name] =
                    SCRAMCredential(
                        saltedPassword: saltedPassword, salt: salt, iterations: iterations, mechanism
                    ).text
            }
        }
        return configs
    }
}
