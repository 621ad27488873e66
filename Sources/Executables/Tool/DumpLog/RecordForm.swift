import ClusterModel
import KafkaProtocolTransactions
import NIOCore
import Records
import WireCoding

/// What a topic's keys and values are.
enum RecordForm {
    case text
    /// Those of `__consumer_offsets`.
    case groups
    /// Those of `__transaction_state`.
    case transactions

    /// What the records of a partition's directory are, by its topic.
    init(topicOf directory: String) {
        if directory.hasPrefix("__consumer_offsets-") {
            self = .groups
        } else if directory.hasPrefix("__transaction_state-") {
            self = .transactions
        } else {
            self = .text
        }
    }

    /// Key and value as text; nil for what is not printed.
    func text(of record: Record) -> (key: String?, value: String?) {
        switch self {
        case .text: return (record.key.map { String(buffer: $0) }, record.value.map { String(buffer: $0) })
        case .groups, .transactions: break
        }
        guard let key = record.key else {
            return ("Error at offset \(record.offset), skipping. The key is missing", nil)
        }
        do {
            if case .groups = self { return try GroupRecordText.text(of: key, record.value, at: record.offset) }
            return try Self.transaction(key, record.value, at: record.offset)
        } catch {
            return ("Error at offset \(record.offset), skipping. \(error)", nil)
        }
    }

    private static func transaction(
        _ key: ByteBuffer, _ value: ByteBuffer?, at offset: Offset
    ) throws -> (key: String?, value: String?) {
        let id = try WireReader.read(key) { reader throws(MalformedInput) -> String? in
            let version = try reader.int16()
            guard TransactionLogKey.validVersions.contains(version) else { return nil }
            return try TransactionLogKey(reading: &reader, version: version).transactionalId
        }
        guard let id else { return ("Unknown record type at offset \(offset), skipping.", nil) }
        let keyText = "transaction_metadata::transactionalId=\(id)"
        guard let value else { return (keyText, "<DELETE>") }
        let log = try WireReader.read(value) { reader throws(MalformedInput) in
            try TransactionLogValue(reading: &reader, version: try reader.int16())
        }
        let partitions = (log.transactionPartitions ?? []).flatMap { topic in
            topic.partitionIds.map { "\(topic.topic)-\($0)" }
        }
        return (
            keyText,
            "producerId:\(log.producerId),producerEpoch:\(log.producerEpoch),state=\(state(log.transactionStatus)),"
                + "partitions=[\(partitions.joined(separator: ","))],"
                + "txnLastUpdateTimestamp=\(log.transactionLastUpdateTimestampMs),"
                + "txnTimeoutMs=\(log.transactionTimeoutMs)"
        )
    }

    private static func state(_ status: Int8) -> String {
        let names = [
            "Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead",
            "PrepareEpochFence",
        ]
        return names.indices.contains(Int(status)) ? names[Int(status)] : "\(status)"
    }
}
