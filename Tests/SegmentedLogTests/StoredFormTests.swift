import ClusterModel
import Platform
import Testing

@testable import SegmentedLog

/// The small files beside segments, as bytes.
@Suite struct StoredFormTests {
    @Test func checkpointsAreText() {
        let offsets = [
            TopicPartition(topic: "b", partition: 0): Offset(7), TopicPartition(topic: "a", partition: 10): 0,
        ]
        let bytes = CheckpointText.write(offsets)
        #expect(String(decoding: bytes, as: UTF8.self) == "0\n2\na 10 0\nb 0 7\n")
        #expect(CheckpointText.readOffsets(bytes) == offsets)
        #expect(CheckpointText.readOffsets([]) == [:])
    }

    @Test(arguments: [
        "1\n0\n", "0\n", "0\n1\n", "0\n1\na 0 7\nb 0 7\n", "0\n-1\n", "0\n1\na 0\n", "0\n1\na -1 7\n", "0\n1\na 0 x\n",
        "0\n99999999999999999999\n", "\u{0}\u{0}\u{0}\u{0}",
    ]) func nonsenseIsNoCheckpoint(text: String) {
        #expect(CheckpointText.readOffsets(Array(text.utf8)) == nil)
    }

    @Test func bytesThatAreNoTextAreNoCheckpoint() {
        #expect(CheckpointText.readOffsets([0xff, 0x30]) == nil)
        #expect(CheckpointText.readLeaderEpochs([0xff]) == nil)
    }

    @Test func epochsRise() {
        let history = LeaderEpochHistory([.init(epoch: 0, startOffset: 0), .init(epoch: 3, startOffset: 9)])
        #expect(String(decoding: CheckpointText.write(history), as: UTF8.self) == "0\n2\n0 0\n3 9\n")
        #expect(CheckpointText.readLeaderEpochs(CheckpointText.write(history)) == history)
        for text in ["0\n2\n3 0\n1 9\n", "0\n2\n1 9\n3 0\n", "0\n1\n-1 0\n"] {
            #expect(CheckpointText.readLeaderEpochs(Array(text.utf8)) == nil)
        }
    }

    @Test func producerSnapshotsAreApachesAndCarryAChecksum() throws {
        let path = StoredDirectory.path + "/assigned-0/" + LogFileName.name(96, LogFileName.snapshot)
        let bytes = try #require(try PosixFileSystem().contents(of: path))
        let entries = try #require(ProducerSnapshot.read(bytes))
        #expect(entries.map(\.producerID) == [2000, 1, 2001])
        #expect(ProducerSnapshot.write(entries) == bytes)
        for place in bytes.indices {
            var damaged = bytes
            damaged[place] ^= 1
            #expect(ProducerSnapshot.read(damaged) == nil)
            #expect(ProducerSnapshot.read(Array(bytes[..<place])) == nil)
        }
    }

    @Test func producerSnapshotsKnowEarlierBatchesBehindApaches() throws {
        func entry(_ id: ProducerID, earlier: Int32) -> ProducerSnapshot.Entry {
            ProducerSnapshot.Entry(
                producerID: id, epoch: 1, lastSequence: 9, lastOffset: 19, offsetDelta: 0, timestamp: 5,
                coordinatorEpoch: -1, transactionFirstOffset: -1,
                earlierBatches: (0..<earlier).map {
                    .init(lastSequence: 5 + $0, lastOffset: Int64(10 + $0), offsetDelta: 1, timestamp: 4)
                })
        }
        let entries = [entry(7, earlier: 4), entry(8, earlier: 0), entry(9, earlier: 1)]
        let bytes = ProducerSnapshot.write(entries)
        #expect(ProducerSnapshot.read(bytes) == entries)
        let bare = ProducerSnapshot.write(entries.map { entry($0.producerID, earlier: 0) })
        // But for the CRC, Apache's brokers read the same.
        #expect(Array(bytes[6..<bare.count]) == Array(bare[6...]))
        for place in bytes.indices {
            var damaged = bytes
            damaged[place] ^= 1
            #expect(ProducerSnapshot.read(damaged) == nil)
            #expect(ProducerSnapshot.read(Array(bytes[..<place])) == nil)
        }
    }

    @Test func metaProperties() throws {
        let text = "#Sat Nov 21\nbroker.id=3\nversion=0\ndirectory.id=AAAAAAAAAAEAAAAAAAAAAg\ncluster.id=xyz=\n"
        let read = try MetaProperties(reading: Array(text.utf8))
        #expect(read.brokerID == BrokerID(3) && read.clusterID == "xyz=")
        #expect(read.directoryID == KafkaUUID(high: 1, low: 2))
        #expect(try MetaProperties(reading: read.bytes) == read)
        for text in ["", "version=1\n", "version=0\nbroker.id=x\n", "version=0\ndirectory.id=!\n"] {
            #expect(throws: LogDirectoryFailure.self) { try MetaProperties(reading: Array(text.utf8)) }
        }
    }

    @Test func partitionMetadata() {
        let id = KafkaUUID(high: 1, low: 2)
        #expect(PartitionMetadata.read(PartitionMetadata.write(id)) == id)
        for text in ["", "version: 1\ntopic_id: AAAAAAAAAAEAAAAAAAAAAg", "version: 0\n", "version: 0\ntopic_id: ?"] {
            #expect(PartitionMetadata.read(Array(text.utf8)) == nil)
        }
    }
}
