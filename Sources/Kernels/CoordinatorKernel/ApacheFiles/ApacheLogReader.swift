import CZlib
import NIOCore
import Seams
import WireCoding

/// Reads a file of Apache ZooKeeper's transaction log, entry by entry, and tells a torn end from damage.
///
/// After a header of 16 bytes, an entry is the Adler-32 of its body in eight bytes, the length of the body in four, the
/// body, and a `B`; zeros written ahead follow. What makes no sense with nothing sound behind it was torn by a crash.
struct ApacheLogReader {
    private static let magic: UInt32 = 0x5a4b_4c47
    private static let version: UInt32 = 2
    private static let headerSize = 16
    private static let entryHeadSize = 12
    private static let entryEnd = UInt8(ascii: "B")
    /// Header of a transaction, without its body.
    private static let leastBodySize = 32

    private let file: any File
    private let size: Int
    /// Where the next entry starts.
    private(set) var position = headerSize

    /// - Throws: damage when the file is another one's. One that a crash left without a header holds nothing.
    init(_ fileSystem: any FileSystem, path: String) throws(StorageFailure) {
        (file, size) = try onDisk { () throws(FileSystemError) in
            let file = try fileSystem.open(path, .read)
            return (file, try file.size())
        }
        var header = try bytes(at: 0, count: Self.headerSize)
        let isEmpty = header.readableBytes < Self.headerSize || header.readableBytesView.allSatisfy { $0 == 0 }
        guard
            isEmpty
                || header.readInteger(as: UInt32.self) == Self.magic
                    && header.readInteger(as: UInt32.self) == Self.version
        else { throw .damaged(file: path, position: 0, cause: "it does not start as ZooKeeper's transaction logs do") }
    }

    /// The next entry; nil where what makes sense ends.
    mutating func next() throws(StorageFailure) -> ApacheTransaction? {
        guard let body = try body(at: position) else { return nil }
        let transaction: ApacheTransaction
        do {
            transaction = try WireReader.read(body) { reader throws(MalformedInput) in
                try ApacheTransaction(reading: &reader)
            }
        } catch {
            throw damage("a transaction whose checksum is right cannot be read (\(error))")
        }
        position += Self.entryHeadSize + body.readableBytes + 1
        return transaction
    }

    /// Whether anything but zeros follows, and a sound entry among it.
    func whatFollows() throws(StorageFailure) -> (isTorn: Bool, holdsEntry: Bool) {
        let windowSize = 1 << 20
        var isTorn = false
        var start = position
        while start < size {
            let window = try bytes(at: start, count: windowSize + Self.entryHeadSize)
            let places = window.withUnsafeReadableBytes { bytes in
                if !isTorn { isTorn = bytes.contains { $0 != 0 } }
                return isTorn ? candidates(in: bytes, upTo: windowSize) : []
            }
            for place in places where try body(at: start + place) != nil { return (true, true) }
            start += windowSize
        }
        return (isTorn, false)
    }

    func damage(_ cause: String) -> StorageFailure {
        .damaged(file: file.path, position: position, cause: cause)
    }

    /// The places in `bytes` where an entry may begin: a checksum below 2³² in eight bytes, then a length.
    private func candidates(in bytes: UnsafeRawBufferPointer, upTo end: Int) -> [Int] {
        var places: [Int] = []
        for place in 0..<max(0, min(end, bytes.count - Self.entryHeadSize)) {
            let checksum = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
            let length = Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: place + 8, as: Int32.self))
            if checksum > 0, checksum <= UInt32.max, length >= Self.leastBodySize { places.append(place) }
        }
        return places
    }

    /// The body of the entry that starts at `place`; nil when none does.
    private func body(at place: Int) throws(StorageFailure) -> ByteBuffer? {
        var head = try bytes(at: place, count: Self.entryHeadSize)
        guard let checksum = head.readInteger(as: UInt64.self), let length = head.readInteger(as: Int32.self),
            length >= Self.leastBodySize, Int(length) < size - place - Self.entryHeadSize
        else { return nil }
        var body = try bytes(at: place + Self.entryHeadSize, count: Int(length) + 1)
        guard let slice = body.readSlice(length: Int(length)), body.readInteger(as: UInt8.self) == Self.entryEnd,
            Adler32.checksum(of: slice) == checksum
        else { return nil }
        return slice
    }

    private func bytes(at position: Int, count: Int) throws(StorageFailure) -> ByteBuffer {
        try onDisk { () throws(FileSystemError) in try file.bytes(at: position, count: count) }
    }
}

/// The checksum of Apache ZooKeeper's files, over any number of pieces.
struct Adler32 {
    private(set) var value: UInt64 = 1

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        value = UInt64(adler32_z(UInt(value), bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count))
    }

    static func checksum(of bytes: ByteBuffer) -> UInt64 {
        var checksum = Adler32()
        bytes.withUnsafeReadableBytes { checksum.update($0) }
        return checksum.value
    }
}
