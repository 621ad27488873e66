import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import NIOCore
import Security
import Testing

@Suite("Credentials of users")
struct UserCredentialTests {
    private func set(
        _ user: String, _ mechanism: Int8 = 1, iterations: Int32 = 4096, salt: String = "salt",
        salted: String = "salted"
    ) -> AlterUserScramCredentialsRequest.ScramCredentialUpsertion {
        var upsertion = AlterUserScramCredentialsRequest.ScramCredentialUpsertion()
        upsertion.name = user
        upsertion.mechanism = mechanism
        upsertion.iterations = iterations
        upsertion.salt = ByteBuffer(string: salt)
        upsertion.saltedPassword = ByteBuffer(string: salted)
        return upsertion
    }

    private func alter(
        _ bench: BrokerBench, deleting: [(String, Int8)] = [],
        _ upsertions: [AlterUserScramCredentialsRequest.ScramCredentialUpsertion] = []
    ) throws -> [String: ErrorCode] {
        var request = AlterUserScramCredentialsRequest()
        request.upsertions = upsertions
        request.deletions = deleting.map { user, mechanism in
            var deletion = AlterUserScramCredentialsRequest.ScramCredentialDeletion()
            deletion.name = user
            deletion.mechanism = mechanism
            return deletion
        }
        let results = try bench.call(request).results.map { ($0.user, ErrorCode.of($0.errorCode)) }
        return Dictionary(uniqueKeysWithValues: results)
    }

    /// `user: mechanism/iterations`, or the user's error.
    private func describe(_ bench: BrokerBench, _ users: [String]?) throws -> [String] {
        var request = DescribeUserScramCredentialsRequest()
        request.users = users?.map { name in
            var user = DescribeUserScramCredentialsRequest.UserName()
            user.name = name
            return user
        }
        return try bench.call(request).results.map { told in
            guard told.errorCode == 0 else { return "\(told.user): \(ErrorCode.of(told.errorCode))" }
            let infos = told.credentialInfos.map { "\($0.mechanism)/\($0.iterations)" }
            return ([told.user + ":"] + infos).joined(separator: " ")
        }
    }

    @Test("Credentials stand where Apache's brokers keep them, beside quotas, and only their iterations are told")
    func kept() throws {
        let bench = try BrokerBench()
        try bench.changeImage { $0.entityConfigs["users/al%20ice"] = ["producer_byte_rate": "1024"] }
        #expect(
            try alter(bench, [set("al ice"), set("al ice", 2, iterations: 8192), set("bob", 2)]) == [
                "al ice": .none, "bob": .none,
            ])
        let alice = try #require(bench.image.entityConfigs["users/al%20ice"])
        #expect(alice.keys.sorted() == ["SCRAM-SHA-256", "SCRAM-SHA-512", "producer_byte_rate"])
        let expected = SCRAMCredential(
            saltedPassword: Array("salted".utf8), salt: Array("salt".utf8), iterations: 4096, .sha256)
        #expect(alice["SCRAM-SHA-256"] == expected.text)
        #expect(try describe(bench, nil) == ["al ice: 1/4096 2/8192", "bob: 2/4096"])
        #expect(try describe(bench, []) == ["al ice: 1/4096 2/8192", "bob: 2/4096"])
        #expect(try describe(bench, ["bob"]) == ["bob: 2/4096"])

        #expect(try alter(bench, deleting: [("al ice", 1), ("al ice", 2)]) == ["al ice": .none])
        #expect(bench.image.entityConfigs["users/al%20ice"] == ["producer_byte_rate": "1024"])
        #expect(try describe(bench, nil) == ["bob: 2/4096"])
    }

    @Test("What is asked of one user is done as a whole or refused as Apache's brokers refuse it")
    func refusals() throws {
        let bench = try BrokerBench()
        #expect(try alter(bench, [set("there")]) == ["there": .none])
        let before = bench.image.entityConfigs
        #expect(try alter(bench, [set("")]) == ["": .unacceptableCredential])
        #expect(try alter(bench, [set("u", 0)]) == ["u": .unsupportedSaslMechanism])
        #expect(try alter(bench, [set("u", 3)]) == ["u": .unsupportedSaslMechanism])
        #expect(try alter(bench, [set("u", iterations: 4095)]) == ["u": .unacceptableCredential])
        #expect(try alter(bench, [set("u", iterations: 16385)]) == ["u": .unacceptableCredential])
        #expect(try alter(bench, [set("u", salt: "")]) == ["u": .unacceptableCredential])
        #expect(try alter(bench, [set("u", salted: "")]) == ["u": .unacceptableCredential])
        #expect(try alter(bench, [set("u"), set("u")]) == ["u": .duplicateResource])
        #expect(try alter(bench, deleting: [("there", 1)], [set("there")]) == ["there": .duplicateResource])
        #expect(try alter(bench, deleting: [("u", 1)]) == ["u": .resourceNotFound])
        #expect(try alter(bench, deleting: [("there", 2)], [set("there")]) == ["there": .resourceNotFound])
        #expect(try alter(bench, deleting: [("u", 7)]) == ["u": .unsupportedSaslMechanism])
        #expect(bench.image.entityConfigs == before)
        // One user's mistake is no other's.
        #expect(try alter(bench, [set("u", 9), set("w")]) == ["u": .unsupportedSaslMechanism, "w": .none])

        #expect(try describe(bench, [""]) == [": \(ErrorCode.resourceNotFound)"])
        #expect(try describe(bench, ["nobody"]) == ["nobody: \(ErrorCode.resourceNotFound)"])
        #expect(
            try describe(bench, ["there", "there", "w"]) == ["there: \(ErrorCode.duplicateResource)", "w: 1/4096"])
    }

    @Test("Only the controller alters credentials")
    func controller() throws {
        let bench = try BrokerBench()
        try bench.changeImage { $0.controllerID = BrokerID(2) }
        #expect(try alter(bench, [set("u")]) == ["u": .notController])
        #expect(bench.image.entityConfigs.isEmpty)
    }

    @Test("Who is overtaken by another hand keeps what that has set")
    func overtaken() throws {
        let bench = try BrokerBench()
        bench.overtakings = [{ $0.entityConfigs["users/u"] = ["producer_byte_rate": "5"] }]
        #expect(try alter(bench, [set("u")]) == ["u": .none])
        #expect(bench.image.entityConfigs["users/u"]?.keys.sorted() == ["SCRAM-SHA-256", "producer_byte_rate"])
    }

    @Test("What is stored and is no credential is told, without what it is")
    func malformed() throws {
        let bench = try BrokerBench()
        try bench.changeImage { $0.entityConfigs["users/u"] = ["SCRAM-SHA-256": "stored_key=secret"] }
        #expect(try describe(bench, ["u"]) == ["u: \(ErrorCode.unknownServerError)"])
    }

    @Test("Requests about quotas neither tell nor take away credentials")
    func quotas() throws {
        let bench = try BrokerBench()
        #expect(try alter(bench, [set("u")]) == ["u": .none])
        let before = bench.image.entityConfigs
        #expect(try bench.call(DescribeClientQuotasRequest()).entries?.isEmpty == true)
        var part = AlterClientQuotasRequest.EntityData()
        part.entityType = "user"
        part.entityName = "u"
        var operation = AlterClientQuotasRequest.OpData()
        operation.key = "SCRAM-SHA-256"
        operation.remove = true
        var entry = AlterClientQuotasRequest.EntryData()
        entry.entity = [part]
        entry.ops = [operation]
        var request = AlterClientQuotasRequest()
        request.entries = [entry]
        #expect(try bench.call(request).entries.map(\.errorCode) == [ErrorCode.invalidRequest.rawValue])
        #expect(bench.image.entityConfigs == before)
    }
}
