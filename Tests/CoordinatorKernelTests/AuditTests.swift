import Testing
import ZNodes
import ZooKeeperProtocol

@testable import CoordinatorKernel

@Suite struct AuditTests {
    private static let stat = Stat()
    private static let create = CreateOperation(path: "/a/s-", data: nil, acl: ACL.open, mode: .ephemeralSequential)

    private func lines(
        _ request: ZooKeeperRequest, _ answer: Result<ZooKeeperReply, ZooKeeperError>
    ) -> [String] {
        AuditEntry.entries(of: request, answer).map { $0.line(server: "root") }
    }

    @Test func aLineHasZooKeepersFields() {
        var entry = AuditEntry(.create, .success)
        entry.session = 0x1_0001_5f9c_e700
        entry.identities = [
            ZooKeeperID(scheme: "ip", id: "10.0.0.1"), ZooKeeperID(scheme: "digest", id: "user:hash="),
            ZooKeeperID(scheme: "super", id: ""), ZooKeeperID(scheme: "x509", id: "CN=alice"),
        ]
        entry.path = "/a"
        entry.mode = .persistentWithTTL
        #expect(
            entry.line(server: "root")
                == "session=0x100015f9ce700\tuser=10.0.0.1,user,CN=alice\tip=10.0.0.1\toperation=create\tznode=/a"
                + "\tznode_type=persistent_with_ttl\tresult=success")
        #expect(
            AuditEntry(.serverStop, .invoked).line(server: "zk") == "user=zk\toperation=serverStop\tresult=invoked")
    }

    @Test func whatClientsSendEndsNoField() {
        #expect(
            lines(.change(.delete(path: "/a\tresult=success\n\u{9b}", version: -1)), .failure(.badArguments))
                == ["user=root\toperation=delete\tznode=/a\\u{9}result=success\\u{a}\\u{9b}\tresult=failure"])
    }

    @Test func changesAreToldAndReadsAreNot() {
        #expect(
            lines(.change(.create(Self.create)), .success(.path("/a/s-0000000007")))
                == [
                    "user=root\toperation=create\tznode=/a/s-0000000007\tznode_type=ephemeral_sequential\tresult=success"
                ])
        #expect(
            lines(.change(.create2(Self.create)), .failure(.nodeExists))
                == ["user=root\toperation=create\tznode=/a/s-\tznode_type=ephemeral_sequential\tresult=failure"])
        #expect(
            lines(.change(.setData(path: "/a", data: nil, version: 3)), .failure(.badVersion))
                == ["user=root\toperation=setData\tznode=/a\tresult=failure"])
        let acl = [
            ACL([.create, .read, .admin], ZooKeeperID(scheme: "auth", id: "")),
            ACL(.write, ZooKeeperID(scheme: "ip", id: "10.0.0.0/8")),
        ]
        #expect(
            lines(.setACL(path: "/a", acl: acl, version: -1), .success(.empty))
                == ["user=root\toperation=setAcl\tznode=/a\tacl=auth::cra,ip:10.0.0.0/8:w\tresult=success"])
        #expect(lines(.getData(path: "/a", watch: true), .success(.empty)).isEmpty)
    }

    @Test func aMultiIsToldByPartsUnlessItFails() {
        let operations: [ZooKeeperProtocol.Operation] = [
            .check(path: "/", version: 0), .create(Self.create), .delete(path: "/b", version: -1),
        ]
        #expect(
            lines(.multi(operations), .success(.results([.checked, .created(path: "/a/s-1"), .deleted]))) == [
                "user=root\toperation=create\tznode=/a/s-1\tznode_type=ephemeral_sequential\tresult=success",
                "user=root\toperation=delete\tznode=/b\tresult=success",
            ])
        let failed = OperationResult.failed(.noNode)
        #expect(
            lines(.multi(operations), .success(.results([.failed(.ok), .failed(.ok), failed])))
                == ["user=root\toperation=multiOperation\tresult=failure"])
    }
}
