import NIOCore
import Quorum
import Seams
import Simulation
import Testing
import ZNodes
import ZooKeeperProtocol

@testable import CoordinatorKernel

@Suite struct ApacheTakeoverTests {
    @Test(arguments: ApacheFixture.names) func theTreeIsWhatItsClientsSaw(_ name: String) throws {
        let fixture = try ApacheFixture(name)
        let before = try fixture.apacheFiles()
        let recovery = try fixture.recover()
        try fixture.check(recovery)
        #expect(recovery.snapshotZxid == fixture.expected.zxid && recovery.replayedCount == 0)
        #expect(
            recovery.warnings.count == 1 && recovery.warnings[0].hasPrefix("took over Apache ZooKeeper's /d/version-2"))
        #expect(try fixture.apacheFiles() == before)
    }

    @Test(arguments: ApacheFixture.names) func everySnapshotLeadsToTheSameTree(_ name: String) throws {
        let names = try ApacheFixture(name).disk.list("/d/version-2").sorted()
        for kept in names {
            let fixture = try ApacheFixture(name)
            for other in names where other != kept { try fixture.disk.remove("/d/version-2/\(other)") }
            try fixture.check(try fixture.recover())
        }
    }

    @Test func itHappensOnce() throws {
        let fixture = try ApacheFixture()
        _ = try fixture.recover()
        for path in try fixture.apacheFiles().keys { try fixture.disk.remove(path) }
        let second = try fixture.recover()
        try fixture.check(second)
        #expect(second.warnings.isEmpty)
    }

    @Test(arguments: 0..<120) func itMayEndAnywhere(_ seed: UInt64) throws {
        let fixture = try ApacheFixture(seed: seed)
        let before = try fixture.apacheFiles()
        for changes in 0..<30 {
            fixture.disk.stop(afterChanges: (changes + Int(seed)) % 30)
            do {
                _ = try fixture.recover()
            } catch StorageFailure.disk {}
            if seed % 2 == 0 { fixture.disk.crash() } else { fixture.disk.endStop() }
            #expect(try fixture.apacheFiles() == before)
        }
        try fixture.check(try fixture.recover())
        #expect(
            try TakeoverFile(fixture.disk, fixture.settings).read()?.sessions == fixture.expected.sessions.keys.sorted()
        )
    }

    // MARK: What crashes leave

    /// The newest log file of the fixture, and where its last entry ends.
    private func newestLog(_ fixture: ApacheFixture) throws -> (path: String, end: Int) {
        let path = try #require(try fixture.logs().last?.path)
        var reader = try ApacheLogReader(fixture.disk, path: path)
        while try reader.next() != nil {}
        return (path, reader.position)
    }

    @Test func aTornEndIsTheEnd() throws {
        let fixture = try ApacheFixture()
        let (path, end) = try newestLog(fixture)
        for cut in [end - 1, end - 20] {
            var bytes = try fixture.bytes(path)
            bytes.setRepeatingByte(0, count: bytes.readableBytes - cut, at: cut)
            try fixture.write(bytes, to: path)
            var recovery = ApacheRecovery(fixture.disk, fixture.settings)
            let tree = try #require(try recovery.read())
            #expect(tree.lastZxid == fixture.expected.zxid - 1)
            #expect(recovery.warnings.count == 1 && recovery.warnings[0].contains("a crash tore the last write"))
        }
    }

    @Test func aFileWithoutHeaderIsAnEnd() throws {
        for bytes in [ByteBuffer(), ByteBuffer(bytes: [0x5a, 0x4b]), ByteBuffer(repeating: 0, count: 1024)] {
            let fixture = try ApacheFixture()
            try fixture.write(bytes, to: "/l/version-2/log.6a")
            try fixture.check(try fixture.recover())
        }
    }

    @Test func anUnfinishedSnapshotIsPassedOver() throws {
        let fixture = try ApacheFixture()
        let newest = try #require(try fixture.snapshots().last?.path)
        let whole = try fixture.bytes(newest)
        for count in [0, 3, 100, whole.readableBytes - 34, whole.readableBytes - 1] {
            let fixture = try ApacheFixture()
            try fixture.write(try #require(whole.getSlice(at: 0, length: count)), to: newest)
            let recovery = try fixture.recover()
            try fixture.check(recovery)
            #expect(recovery.warnings[0].hasSuffix("trying an older snapshot"))
        }
    }

    // MARK: Damage

    @Test func aWrongChecksumInTheMiddleIsDamage() throws {
        let fixture = try ApacheFixture()
        let path = try #require(try fixture.logs().last?.path)
        var reader = try ApacheLogReader(fixture.disk, path: path)
        for _ in 0..<3 { _ = try reader.next() }
        let position = reader.position
        fixture.disk.rot(path, at: position + 30)
        #expect(
            throws: StorageFailure.damaged(
                file: path, position: position, cause: "sound transactions follow what cannot be read")
        ) { try fixture.recover() }
        #expect(try fixture.disk.list("/d") == ["version-2"])
    }

    @Test func everyRottenByteIsNoticed() throws {
        let (path, end) = try newestLog(try ApacheFixture())
        for position in stride(from: 20, to: end - 200, by: 7) {
            let fixture = try ApacheFixture()
            fixture.disk.rot(path, at: position)
            let error = try #require(throws: StorageFailure.self) { try fixture.recover() }
            guard case .damaged(path, _, _) = error else { throw error }
        }
    }

    @Test func aMissingLogFileIsNoticed() throws {
        let fixture = try ApacheFixture()
        let logs = try fixture.logs()
        for snapshot in try fixture.snapshots() where snapshot.zxid >= logs[1].zxid {
            try fixture.disk.remove(snapshot.path)
        }
        try fixture.disk.remove(logs[1].path)
        #expect(
            throws: StorageFailure.gap(file: logs[2].path, from: logs[2].zxid - 1, expected: logs[1].zxid - 1)
        ) { try fixture.recover() }
    }

    @Test func aLogWithoutSnapshotHasToBeTrusted() throws {
        var fixture = try ApacheFixture()
        for name in try fixture.disk.list("/d/version-2") { try fixture.disk.remove("/d/version-2/\(name)") }
        #expect(throws: StorageFailure.apacheWithoutSnapshot("/d/version-2")) { try fixture.recover() }
        fixture.settings.trustsEmptySnapshot = true
        let recovery = try fixture.recover()
        try fixture.check(recovery)
        #expect(recovery.warnings[0].contains("snapshot.trust.empty"))
    }

    @Test func anEmptyDirectoryHoldsNothing() throws {
        let fixture = try ApacheFixture()
        for path in try fixture.apacheFiles().keys { try fixture.disk.remove(path) }
        let recovery = try fixture.recover()
        #expect(recovery.lastZxid == 0 && recovery.snapshotZxid == nil && recovery.warnings.isEmpty)
    }

    // MARK: What releases add to snapshots

    @Test func theTailsOfReleasesAreRead() throws {
        let fixture = try ApacheFixture()
        let (path, zxidOfName) = try #require(try fixture.snapshots().last)
        let whole = try fixture.bytes(path)
        let body = try #require(whole.getSlice(at: 0, length: whole.readableBytes - 33))
        let zxid = ByteBuffer(integer: zxidOfName)
        var textDigest = zxid
        textDigest.writeInteger(Int32(1))
        textDigest.writeInteger(Int32(3))
        textDigest.writeString("abc")
        let tails = [[], [zxid], [textDigest]]
        for snapshot in [whole, sealed(whole, zxid)] + tails.map({ $0.reduce(body) { sealed($0, $1) } }) {
            try fixture.write(snapshot, to: path)
            var reader = try ApacheSnapshotReader(fixture.disk, path: path, .none)
            #expect(try reader.read(zxid: zxidOfName).lastZxid == zxidOfName)
        }
        var rotten = sealed(whole, zxid)
        rotten.setInteger(UInt8(1), at: whole.readableBytes + 2)
        try fixture.write(rotten, to: path)
        #expect(throws: StorageFailure.self) {
            var reader = try ApacheSnapshotReader(fixture.disk, path: path, .none)
            _ = try reader.read(zxid: zxidOfName)
        }
    }

    private func sealed(_ snapshot: ByteBuffer, _ tail: ByteBuffer) -> ByteBuffer {
        var result = snapshot
        result.writeImmutableBuffer(tail)
        result.writeInteger(Adler32.checksum(of: result))
        result.writeInteger(Int32(1))
        result.writeString("/")
        return result
    }

    // MARK: Epochs and sessions

    @Test func theEpochIsPromised() throws {
        let fixture = try ApacheFixture()
        try fixture.write(ByteBuffer(string: "7\n"), to: "/d/version-2/acceptedEpoch")
        try fixture.write(ByteBuffer(string: "6"), to: "/d/version-2/currentEpoch")
        _ = try fixture.recover()
        #expect(
            try PromiseFile(fixture.disk, fixture.settings).read()
                == PromiseFile.Contents(QuorumPromise(epoch: 7, standing: .voting)))
        #expect(try TakeoverFile(fixture.disk, fixture.settings).read()?.epoch == 7)
    }

    @Test func anEpochThatIsNoNumberIsDamage() throws {
        let fixture = try ApacheFixture()
        try fixture.write(ByteBuffer(string: "x"), to: "/d/version-2/currentEpoch")
        #expect(
            throws: StorageFailure.damaged(
                file: "/d/version-2/currentEpoch", position: 0, cause: "it is no number of an epoch")
        ) { try fixture.recover() }
    }

    @Test func aMemberThatRebuildsTakesNothingOver() throws {
        let fixture = try ApacheFixture()
        try PromiseFile(fixture.disk, fixture.settings).write(
            .init(QuorumPromise(epoch: 3, standing: .rebuilding)))
        #expect(try fixture.recover().lastZxid == 0)
    }

    @Test func clientsGoOnWithTheirSessions() throws {
        let fixture = try ApacheFixture()
        let recovery = try fixture.recover()
        var settings = KernelSettings(sessionSecret: Array(repeating: 7, count: SessionSecret.size))
        settings.inheritedSessions = Set(try TakeoverFile(fixture.disk, fixture.settings).read()?.sessions ?? [])
        var harness = KernelHarness()
        harness.kernel = CoordinatorKernel(settings, restored: recovery.state, at: harness.now)
        for (connection, id) in fixture.expected.sessions.keys.sorted().enumerated() {
            let text = try #require(fixture.expected.sessions[id]?.password)
            let digits = Array(text.utf8)
            let password = stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
            }
            var request = ConnectRequest(timeout: 30_000)
            request.sessionID = id
            request.password = ByteBuffer(bytes: password)
            harness.arrive(UInt64(connection))
            let response = try harness.connect(UInt64(connection), request)
            #expect(response.sessionID == id)
            #expect(response.password == harness.kernel.passwords.password(of: id))
            request.password.setInteger(password[0] ^ 1, at: 0)
            harness.arrive(UInt64(connection) + 100)
            #expect(try harness.connect(UInt64(connection) + 100, request).sessionID == 0)
        }
    }

    @Test func noOtherSessionHasSuchAPassword() throws {
        let fixture = try ApacheFixture()
        let id = try #require(fixture.expected.sessions.keys.min())
        let text = try #require(fixture.expected.sessions[id]?.password)
        let inherited = SessionPassword(secret: Array(repeating: 7, count: SessionSecret.size), inherited: [id])
        let own = SessionPassword(secret: Array(repeating: 7, count: SessionSecret.size))
        let digits = Array(text.utf8)
        let password = ByteBuffer(
            bytes: stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
            })
        #expect(inherited.isPassword(password, of: id))
        #expect(!own.isPassword(password, of: id))
    }
}
