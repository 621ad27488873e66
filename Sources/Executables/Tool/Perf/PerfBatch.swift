import ClusterModel
import NIOCore
import Records

/// A batch of records of random letters that is made once and sent many times, with new timestamps.
struct PerfBatch {
    private let recordSize: Int
    private let codec: CompressionCodec
    private let template: ByteBuffer
    private let header: RecordBatchHeader
    let recordCount: Int

    /// As many records as `batchSize` bytes hold before compression, at least one.
    /// - Parameter recordSize: bytes of each record's value.
    init(recordSize: Int, batchSize: Int, codec: CompressionCodec, atMost limit: Int = .max) throws {
        self.recordSize = recordSize
        self.codec = codec
        var builder = RecordBatchBuilder(codec: codec)
        var generator = SystemRandomNumberGenerator()
        repeat {
            let value = ByteBuffer(bytes: (0..<recordSize).map { _ in UInt8.random(in: 65...90, using: &generator) })
            builder.append(timestamp: 0, key: nil, value: value)
        } while builder.sizeInBytes + recordSize + 16 <= batchSize && Int(builder.count) < limit
        recordCount = Int(builder.count)
        template = builder.finish()
        header = try RecordBatch(reading: template).header
    }

    /// A batch of the same kind with so many records.
    func shortened(to count: Int) throws -> PerfBatch {
        try PerfBatch(recordSize: recordSize, batchSize: .max, codec: codec, atMost: count)
    }

    /// The batch with all its records of one time, in milliseconds since 1970.
    func stamped(_ time: Int64) -> ByteBuffer {
        var bytes = template
        var header = header
        header.baseTimestamp = time
        header.maxTimestamp = time
        bytes.withUnsafeMutableReadableBytes { raw in
            header.write(to: UnsafeMutableRawBufferPointer(rebasing: raw[..<RecordBatchHeader.sizeInBytes]))
            BatchRewriting.renewCRC(of: raw)
        }
        return bytes
    }
}
