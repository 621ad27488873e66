import NIOCore
import Quorum
import Seams
import Simulation
import Testing

@testable import CoordinatorKernel

@Suite struct PromiseFileTests {
    private let disk = SimulatedDisk()
    private let settings = StorageSettings(snapshotDirectory: "/d")

    init() throws { try disk.createDirectory("/d") }

    private var file: PromiseFile { PromiseFile(disk, settings) }
    private let ensemble = [UInt8](1...16)

    @Test func nothingIsPromisedAtFirst() throws {
        #expect(try file.read() == PromiseFile.Contents())
    }

    @Test func aDirectoryThatIsDeclaredNewVotesAtOnceAndOnlyOnce() throws {
        _ = try disk.open("/d/initialize", .createNew)
        #expect(try file.begin().promise.standing == .voting)
        #expect(try file.read().promise.standing == .voting)
        #expect(try disk.attributes("/d/initialize") == nil)
        try file.write(PromiseFile.Contents(QuorumPromise(epoch: 3, standing: .rebuilding)))
        _ = try disk.open("/d/initialize", .createNew)
        #expect(try file.begin().promise.standing == .rebuilding, "what was lost is not declared away")
    }

    @Test func whatIsWrittenComesBack() throws {
        let promises = [
            PromiseFile.Contents(QuorumPromise(epoch: 7, votedFor: MemberID(3), standing: .voting), ensemble: ensemble),
            PromiseFile.Contents(
                QuorumPromise(epoch: 8, standing: .rebuilding, settledVersion: 1 << 40), ensemble: ensemble),
            PromiseFile.Contents(QuorumPromise(epoch: .max, votedFor: MemberID(.min))),
        ]
        for promise in promises {
            try file.write(promise)
            #expect(try file.read() == promise)
        }
    }

    @Test func everyChangedByteIsDamage() throws {
        try file.write(PromiseFile.Contents(QuorumPromise(epoch: 7, votedFor: MemberID(3)), ensemble: ensemble))
        for position in 0..<55 {
            disk.rot("/d/promise", at: position)
            #expect(throws: StorageFailure.self) { try file.read() }
            disk.rot("/d/promise", at: position)
        }
        #expect(try file.read().promise.epoch == 7)
        let opened = try disk.open("/d/promise", .readWrite)
        try opened.truncate(to: 54)
        #expect(throws: StorageFailure.self) { try file.read() }
        try opened.truncate(to: 0)
        #expect(throws: StorageFailure.self) { try file.read() }
    }

    /// Ends at every moment: a promise that was given stands, also one that was only read.
    @Test(arguments: 1...100) func noPromiseIsForgotten(_ seed: UInt64) throws {
        let disk = SimulatedDisk(seed: seed)
        try disk.createDirectory("/d")
        try disk.synchronizeDirectory("/")
        let file = PromiseFile(disk, settings)
        var random = SeededRandom(seed: seed)
        var given: Int32 = 0
        var tried: Int32 = 0
        for _ in 0..<20 {
            disk.stop(afterChanges: Int.random(in: 0...12, using: &random))
            do {
                while true {
                    tried += 1
                    try file.write(
                        PromiseFile.Contents(
                            QuorumPromise(epoch: tried, votedFor: MemberID(Int64(tried))), ensemble: ensemble))
                    given = tried
                }
            } catch StorageFailure.disk {
                if Bool.random(using: &random) { disk.crash() } else { disk.endStop() }
            }
            let found = try file.read().promise
            #expect(found.epoch >= given && found.epoch <= tried)
            #expect(found.epoch == 0 || found.votedFor == MemberID(Int64(found.epoch)))
            given = found.epoch
        }
    }
}
