import ClusterModel
import NIOCore
import Records
import Seams
import SegmentedLog

/// Prints a segment, batch by batch.
struct LogFileDump {
    enum Detail {
        case batches
        case records
        /// With keys and values.
        case contents(RecordForm)
    }

    /// What one read brings.
    private static let windowSizeInBytes = 1 << 20

    let detail: Detail

    /// - Parameter name: by which the output calls the file.
    func run(
        _ disk: some FileSystem, _ path: String, calledAs name: String, _ complaints: inout DumpComplaints,
        to output: inout some TextOutputStream
    ) throws {
        let fileName = name.split(separator: "/").last.map { String($0) } ?? name
        guard let base = LogFileName.offset(of: fileName, LogFileName.log) else { return }
        print("Dumping \(name)\nLog starting offset: \(base)", to: &output)
        let file = try disk.open(path, .read)
        let size = try file.size()
        var scanner = BatchScanner(file, from: 0, to: size, windowSizeInBytes: Self.windowSizeInBytes)
        var lastOffset: Offset?
        while case .batch(let header) = try scanner.header() {
            let bytes = ByteBuffer(bytes: try scanner.wholeBatch(header))
            let batch = RecordBatch(header: header, bytes: bytes)
            print(Self.line(of: batch, at: scanner.position), to: &output)
            if case .batches = detail {
            } else {
                writeRecords(of: batch, name, &lastOffset, &complaints, to: &output)
            }
            scanner.step(over: header)
        }
        if scanner.position < size {
            print("Found \(size - scanner.position) invalid bytes at the end of \(fileName)", to: &output)
        }
    }

    private static func line(of batch: RecordBatch, at position: Int) -> String {
        let header = batch.header
        var isValid = true
        do { try batch.checkCRC() } catch { isValid = false }
        var line: String
        if header.magic >= 2 {
            let horizon = header.deleteHorizon.map { "OptionalLong[\($0)]" } ?? "OptionalLong.empty"
            line = "baseOffset: \(header.baseOffset) lastOffset: \(header.lastOffset) count: \(header.recordCount)"
            line += " baseSequence: \(header.baseSequence) lastSequence: \(header.lastSequence)"
            line += " producerId: \(header.producerID) producerEpoch: \(header.producerEpoch)"
            line += " partitionLeaderEpoch: \(header.leaderEpoch)"
            line += " isTransactional: \(header.attributes.isTransactional) isControl: \(header.attributes.isControl)"
            line += " deleteHorizonMs: \(horizon)"
        } else {
            line = "offset: \(header.lastOffset)"
        }
        let codec = header.attributes.codec.map { "\($0)" } ?? "unknown(\(header.attributes.codecBits))"
        line += " position: \(position) \(timestampType(of: header)): \(header.maxTimestamp)"
        line += " size: \(header.sizeInBytes) magic: \(header.magic) compresscodec: \(codec)"
        return line + " crc: \(header.crc) isvalid: \(isValid)"
    }

    private static func timestampType(of header: RecordBatchHeader) -> String {
        if header.magic == 0 { return "NoTimestampType" }
        return header.attributes.timestampType == .createTime ? "CreateTime" : "LogAppendTime"
    }

    private func writeRecords(
        of batch: RecordBatch, _ name: String, _ lastOffset: inout Offset?, _ complaints: inout DumpComplaints,
        to output: inout some TextOutputStream
    ) {
        do throws(InvalidRecords) {
            var records = try RecordIterator(batch)
            while let record = try records.next() {
                if let last = lastOffset, record.offset != last + 1 {
                    complaints.gap(in: name, from: last, to: record.offset)
                }
                lastOffset = record.offset
                print(try line(of: record, in: batch.header), to: &output)
            }
        } catch {
            print("| the records cannot be read: \(error)", to: &output)
        }
    }

    private func line(of record: Record, in header: RecordBatchHeader) throws(InvalidRecords) -> String {
        var line = "| offset: \(record.offset) \(Self.timestampType(of: header)): \(record.timestamp)"
        line += " keySize: \(record.key?.readableBytes ?? -1) valueSize: \(record.value?.readableBytes ?? -1)"
        if header.magic >= 2 {
            let names = record.headers.map(\.name).joined(separator: ",")
            line += " sequence: \(Self.sequence(of: record, in: header)) headerKeys: [\(names)]"
        }
        if header.attributes.isControl {
            if case .endTransaction(let isCommit, let coordinatorEpoch) = try ControlRecord(record) {
                line += " endTxnMarker: \(isCommit ? "COMMIT" : "ABORT") coordinatorEpoch: \(coordinatorEpoch)"
            }
        } else if case .contents(let form) = detail {
            let (key, value) = form.text(of: record)
            if let key { line += " key: \(key)" }
            if let value { line += " payload: \(value)" }
        }
        return line
    }

    /// -1 without sequences; after the largest `Int32` comes 0.
    private static func sequence(of record: Record, in header: RecordBatchHeader) -> Int64 {
        guard header.baseSequence >= 0 else { return -1 }
        return (Int64(header.baseSequence) + record.offset - header.baseOffset) & Int64(Int32.max)
    }
}
