import NIOCore
import Records
import Seams
import SegmentedLog
import WireCoding

/// Records for consumers that are older than magic 2: read into memory and written anew, so many bytes at a time.
extension BrokerKernel {
    /// Puts the records that were found into the format of `magic`, or says why that cannot be.
    mutating func convert(_ finding: inout FetchFinding, of partition: Partition, to magic: Int8) {
        guard let range = finding.slice?.range else { return }
        guard partition.log.settings.servesOldFormats else {
            finding.slice = nil
            finding.error = .unsupportedVersion
            return
        }
        let bytes = onLog { () throws(LogFailure) in try range.contents() }
        guard let bytes else {
            finding.slice = nil
            finding.error = .kafkaStorageError
            return
        }
        do throws(InvalidRecords) {
            finding.converted = try FormatConversion.downgraded(bytes, to: magic)
        } catch {
            finding.slice = nil
            finding.error = error.isUnknownCodec ? .unsupportedCompressionType : .corruptMessage
        }
    }
}

extension InvalidRecords {
    fileprivate var isUnknownCodec: Bool { if case .unknownCodec = self { true } else { false } }
}

extension FileRange {
    /// Reads the range into memory.
    func contents() throws(LogFailure) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        var failure: FileSystemError?
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
            do throws(FileSystemError) {
                return try file.read(into: UnsafeMutableRawBufferPointer(rebasing: target[..<count]), at: position)
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw .disk(failure) }
        return buffer
    }
}
