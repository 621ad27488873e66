import Glibc
import NIOCore
import Records

/// How records are printed (`--property` of `kafka-console-consumer.sh`).
final class RecordFormat {
    private static let flushedFrom = 64 << 10

    private(set) var count = 0
    private var lines = ByteBuffer()
    private let printsKey: Bool
    private let printsValue: Bool
    private let printsTimestamp: Bool
    private let printsPartition: Bool
    private let printsOffset: Bool
    private let printsHeaders: Bool
    private let keySeparator: String
    private let lineSeparator: String

    init(_ properties: [String: String]) {
        func flag(_ key: String, default value: Bool = false) -> Bool { properties[key].map { $0 == "true" } ?? value }
        printsKey = flag("print.key")
        printsValue = flag("print.value", default: true)
        printsTimestamp = flag("print.timestamp")
        printsPartition = flag("print.partition")
        printsOffset = flag("print.offset")
        printsHeaders = flag("print.headers")
        keySeparator = properties["key.separator"] ?? "\t"
        lineSeparator = properties["line.separator"] ?? "\n"
    }

    func write(_ record: Record, of batch: RecordBatchHeader, _ partition: Int32) {
        var fields: [ByteBuffer] = []
        if printsTimestamp {
            let kind = batch.attributes.timestampType == .logAppendTime ? "LogAppendTime" : "CreateTime"
            fields.append(ByteBuffer(string: "\(kind):\(record.timestamp)"))
        }
        if printsPartition { fields.append(ByteBuffer(string: "Partition:\(partition)")) }
        if printsOffset { fields.append(ByteBuffer(string: "Offset:\(record.offset)")) }
        if printsHeaders { fields.append(headers(of: record)) }
        let null = ByteBuffer(string: "null")
        if printsKey { fields.append(record.key ?? null) }
        if printsValue { fields.append(record.value ?? null) }
        var line = ByteBuffer()
        for (place, var field) in fields.enumerated() {
            if place > 0 { line.writeString(keySeparator) }
            line.writeBuffer(&field)
        }
        line.writeString(lineSeparator)
        lines.writeBuffer(&line)
        count += 1
        if lines.readableBytes >= Self.flushedFrom { flush() }
    }

    /// Writes out what was not yet.
    func flush() {
        FileOutput.write(lines, to: STDOUT_FILENO)
        lines.clear()
    }

    private func headers(of record: Record) -> ByteBuffer {
        guard !record.headers.isEmpty else { return ByteBuffer(string: "NO_HEADERS") }
        var text = ByteBuffer()
        for (place, header) in record.headers.enumerated() {
            if place > 0 { text.writeString(",") }
            text.writeString(header.name + ":")
            if var value = header.value { text.writeBuffer(&value) } else { text.writeString("null") }
        }
        return text
    }
}

/// Bytes written to a file descriptor, all of them.
enum FileOutput {
    /// Text for people, beside the data on standard output.
    static func standardError(_ text: String) { write(ByteBuffer(string: text), to: STDERR_FILENO) }

    /// Ends the process quietly when nobody reads any more, as a filter should.
    static func write(_ buffer: ByteBuffer, to descriptor: CInt) {
        var rest = buffer
        while rest.readableBytes > 0 {
            let written = rest.withUnsafeReadableBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 {
                if errno == EINTR { continue }
                exit(1)
            }
            rest.moveReaderIndex(forwardBy: written)
        }
    }
}
