import CoordinatorKernel
import NIOCore
import Security
import Transport

/// The exchanges of SASL that are under way, one a connection at most.
struct ClientExchanges {
    /// The name that clients of DIGEST-MD5 authenticate to, and its realm: every server of Apache ZooKeeper's has it.
    private static let digestHost = "zk-sasl-md5"

    private struct Exchange {
        var mechanism: SASLMechanism
        var server: SASLServerExchange
    }

    private let settings: SASLSettings
    private var exchanges: [ConnectionID: Exchange] = [:]

    init(_ settings: SASLSettings) { self.settings = settings }

    var count: Int { exchanges.count }

    mutating func forget(_ id: ConnectionID) { exchanges[id] = nil }

    /// Takes a client's next token. An exchange that has ended makes room for another one.
    mutating func take(_ token: ByteBuffer, from id: ConnectionID) -> SASLOutcome {
        let exchange = exchanges[id] ?? begin(with: token)
        do throws(SASLFailure) {
            switch try exchange.server.step(Array(token.readableBytesView)) {
            case .challenge(let answer):
                exchanges[id] = exchange
                return .challenged(ByteBuffer(bytes: answer))
            case .done(let lastToken):
                exchanges[id] = nil
                guard let user = exchange.server.user else { preconditionFailure("\(id) authenticated as nobody") }
                let identity = identity(of: user, by: exchange.mechanism)
                return .proven(identity: identity, lastToken: lastToken.map { ByteBuffer(bytes: $0) })
            }
        } catch {
            exchanges[id] = nil
            return .refused(cause: error.description)
        }
    }

    /// No name of a mechanism goes over this wire. Clients that begin with an empty token wait for the challenge of
    /// DIGEST-MD5; those of Kerberos begin with a ticket.
    private func begin(with token: ByteBuffer) -> Exchange {
        if let kerberos = settings.kerberos, token.readableBytes > 0 || settings.passwords.isEmpty {
            var server = SASLServerSettings(
                service: kerberos.principal.primary, host: kerberos.principal.instance ?? "", password: { _ in nil })
            server.kerberosRealm = kerberos.principal.realm
            return Exchange(mechanism: .gssapi, server: SASLServerExchange(.gssapi, server))
        }
        let passwords = settings.passwords
        let server = SASLServerSettings(service: "zookeeper", host: Self.digestHost) { passwords[$0] }
        return Exchange(mechanism: .digestMD5, server: SASLServerExchange(.digestMD5, server))
    }

    private func identity(of user: String, by mechanism: SASLMechanism) -> String {
        mechanism == .gssapi ? settings.mapping.identity(of: user) : user
    }
}
