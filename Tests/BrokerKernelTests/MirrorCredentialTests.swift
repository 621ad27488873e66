import BrokerKernel
import ClusterModel
import KafkaProtocol
import KafkaProtocolClusters
import NIOCore
import Security
import Testing

@Suite("Keys of users' credentials that links hand on")
struct MirrorCredentialTests {
    private let credential = SCRAMCredential(
        saltedPassword: [1, 2, 3], salt: Array("salt".utf8), iterations: 4096, .sha256)

    private func origin(_ name: String?, isEncrypted: Bool) -> RequestOrigin {
        RequestOrigin(
            listener: "SSL", principal: name.map { KafkaPrincipal(name: $0) } ?? .anonymous, clientAddress: "127.0.0.1",
            isEncrypted: isEncrypted)
    }

    private func bench() throws -> BrokerBench {
        let bench = try BrokerBench()
        bench.origin = origin("CN=mirror", isEncrypted: true)
        return bench
    }

    private func altered(
        _ credential: SCRAMCredential?, expecting salt: String? = nil
    ) -> MirrorAlterCredentialsRequest.AlteredCredential {
        var altered = MirrorAlterCredentialsRequest.AlteredCredential()
        altered.mechanism = 1
        altered.expectedSalt = salt.map { ByteBuffer(string: $0) }
        guard let credential else { return altered }
        altered.iterations = credential.iterations
        altered.salt = ByteBuffer(bytes: credential.salt)
        altered.storedKey = ByteBuffer(bytes: credential.storedKey)
        altered.serverKey = ByteBuffer(bytes: credential.serverKey)
        return altered
    }

    private func store(
        _ bench: BrokerBench, _ user: String, _ credential: MirrorAlterCredentialsRequest.AlteredCredential
    ) throws -> ErrorCode {
        var altered = MirrorAlterCredentialsRequest.AlteredUser()
        altered.name = user
        altered.credentials = [credential]
        var request = MirrorAlterCredentialsRequest()
        request.users = [altered]
        return .of(try #require(try bench.call(request).users.first).errorCode)
    }

    @Test("Keys are told, and taken, as they are")
    func asTheyAre() throws {
        let bench = try bench()
        try bench.changeImage { $0.entityConfigs["users/bob"] = ["producer_byte_rate": "1"] }
        #expect(try store(bench, "bob", altered(credential)) == .none)
        let kept = ["producer_byte_rate": "1", "SCRAM-SHA-256": credential.text]
        #expect(bench.image.entityConfigs["users/bob"] == kept)
        let told = try bench.call(MirrorCredentialsRequest())
        #expect(told.errorCode == 0 && told.credentials.map(\.user) == ["bob"])
        let one = try #require(told.credentials.first)
        #expect(Array(one.storedKey.readableBytesView) == credential.storedKey && one.mechanism == 1)
        #expect(Array(one.serverKey.readableBytesView) == credential.serverKey && one.iterations == 4096)
        #expect(try store(bench, "bob", altered(nil, expecting: "salt")) == .none)
        #expect(bench.image.entityConfigs["users/bob"] == ["producer_byte_rate": "1"])
        // Asked again, for the answer was lost.
        #expect(try store(bench, "bob", altered(nil, expecting: "salt")) == .none)
    }

    @Test("Nobody who could be anybody, and nobody on a line that others can read, gets or gives keys")
    func refused() throws {
        let bench = try bench()
        #expect(try store(bench, "bob", altered(credential)) == .none)
        let before = bench.image.entityConfigs
        for origin in [
            origin(nil, isEncrypted: true), origin("CN=mirror", isEncrypted: false), origin(nil, isEncrypted: false),
        ] {
            bench.origin = origin
            let told = try bench.call(MirrorCredentialsRequest())
            #expect(ErrorCode.of(told.errorCode) == .clusterAuthorizationFailed && told.credentials.isEmpty)
            #expect(try store(bench, "bob", altered(nil, expecting: "salt")) == .clusterAuthorizationFailed)
        }
        #expect(bench.image.entityConfigs == before)
    }

    @Test("What somebody else has set meanwhile is not overwritten")
    func overtaken() throws {
        let bench = try bench()
        #expect(try store(bench, "bob", altered(credential)) == .none)
        let other = SCRAMCredential(saltedPassword: [4], salt: Array("other".utf8), iterations: 4096, .sha256)
        #expect(try store(bench, "bob", altered(other)) == .invalidUpdateVersion)
        #expect(try store(bench, "bob", altered(nil, expecting: "older")) == .invalidUpdateVersion)
        #expect(bench.image.entityConfigs["users/bob"] == ["SCRAM-SHA-256": credential.text])
        #expect(try store(bench, "bob", altered(other, expecting: "salt")) == .none)
        bench.overtakings = [{ [credential] in $0.entityConfigs["users/bob"] = ["SCRAM-SHA-256": credential.text] }]
        #expect(try store(bench, "bob", altered(nil, expecting: "other")) == .invalidUpdateVersion)
        #expect(bench.image.entityConfigs["users/bob"] == ["SCRAM-SHA-256": credential.text])
    }

    @Test("What is no credential is not stored")
    func malformed() throws {
        let bench = try bench()
        var cut = altered(credential)
        cut.storedKey = ByteBuffer(bytes: credential.storedKey.dropLast())
        var saltless = altered(credential)
        saltless.salt = ByteBuffer()
        var weak = altered(credential)
        weak.iterations = 1
        for wrong in [cut, saltless, weak] { #expect(try store(bench, "bob", wrong) == .unacceptableCredential) }
        var unknown = altered(credential)
        unknown.mechanism = 9
        #expect(try store(bench, "bob", unknown) == .unsupportedSaslMechanism)
        #expect(try store(bench, "", altered(credential)) == .unacceptableCredential)
        #expect(bench.image.entityConfigs.isEmpty)
        try bench.changeImage { $0.controllerID = BrokerID(2) }
        #expect(try store(bench, "bob", altered(credential)) == .notController)
    }
}
