import Seams

/// The bytes of a simulated file: as the process sees them, as the platter holds them, and what lies between.
struct SimulatedContents {
    enum Change {
        case write(position: Int, bytes: [UInt8])
        case resize(Int)
    }

    /// What a disk writes as a whole or not at all.
    private static let sectorSizeInBytes = 512

    private(set) var live: [UInt8] = []
    private(set) var durable: [UInt8] = []
    private var unsynced: [Change] = []
    var modifiedUnixMilliseconds: Int64 = 0

    mutating func make(_ change: Change) {
        Self.apply(change, to: &live)
        unsynced.append(change)
    }

    mutating func synchronize() {
        for change in unsynced { Self.apply(change, to: &durable) }
        unsynced.removeAll()
    }

    /// What a failed sync does on Linux: the changes stay visible, and no later sync writes them.
    mutating func failSynchronizing() { unsynced.removeAll() }

    /// Changes a byte as rot does: on the platter.
    mutating func rot(at position: Int) {
        live[position] ^= 0x40
        if position < durable.count { durable[position] ^= 0x40 }
    }

    /// Keeps of the unsynced changes nothing, all, a torn beginning, or sectors here and there.
    mutating func crash(_ random: inout SeededRandom) {
        switch Int.random(in: 0...3, using: &random) {
        case 0: break
        case 1: synchronize()
        case 2: keepBeginning(&random)
        default: keepSectors(&random)
        }
        unsynced.removeAll()
        live = durable
    }

    private mutating func keepBeginning(_ random: inout SeededRandom) {
        guard !unsynced.isEmpty else { return }
        let kept = Int.random(in: 0..<unsynced.count, using: &random)
        for change in unsynced[..<kept] { Self.apply(change, to: &durable) }
        guard case .write(let position, let bytes) = unsynced[kept] else { return }
        let count = Int.random(in: 0...bytes.count, using: &random)
        Self.apply(.write(position: position, bytes: Array(bytes[..<count])), to: &durable)
    }

    private mutating func keepSectors(_ random: inout SeededRandom) {
        for change in unsynced {
            switch change {
            case .resize:
                if Bool.random(using: &random) { Self.apply(change, to: &durable) }
            case .write(let position, let bytes):
                var start = 0
                while start < bytes.count {
                    let sectorEnd = ((position + start) / Self.sectorSizeInBytes + 1) * Self.sectorSizeInBytes
                    let end = min(bytes.count, sectorEnd - position)
                    if Bool.random(using: &random) {
                        let sector = Array(bytes[start..<end])
                        Self.apply(.write(position: position + start, bytes: sector), to: &durable)
                    }
                    start = end
                }
            }
        }
    }

    private static func apply(_ change: Change, to bytes: inout [UInt8]) {
        switch change {
        case .resize(let size): resize(&bytes, to: size)
        case .write(let position, let new):
            guard !new.isEmpty else { return }
            if bytes.count < position { resize(&bytes, to: position) }
            bytes.replaceSubrange(position..<min(bytes.count, position + new.count), with: new)
        }
    }

    private static func resize(_ bytes: inout [UInt8], to size: Int) {
        if bytes.count > size { bytes.removeLast(bytes.count - size) }
        if bytes.count < size { bytes.append(contentsOf: repeatElement(0, count: size - bytes.count)) }
    }
}

/// An open file of a ``SimulatedDisk``; of no use after the disk's crash.
final class SimulatedFile: File {
    let path: String
    private let inode: Int
    private let life: Int
    private let disk: SimulatedDisk

    init(_ path: String, inode: Int, life: Int, on disk: SimulatedDisk) {
        self.path = path
        self.inode = inode
        self.life = life
        self.disk = disk
    }

    deinit { disk.fileClosed() }

    func size() throws(FileSystemError) -> Int {
        try disk.contents(inode, of: life, for: .read, path) { $0.live.count }
    }

    func read(into target: UnsafeMutableRawBufferPointer, at position: Int) throws(FileSystemError) -> Int {
        let bytes = try disk.contents(inode, of: life, for: .read, path) { contents in
            Array(contents.live.dropFirst(position).prefix(target.count))
        }
        target.copyBytes(from: bytes)
        return bytes.count
    }

    func write(_ source: UnsafeRawBufferPointer, at position: Int) throws(FileSystemError) {
        try disk.write(Array(source), at: position, to: inode, of: life, path)
    }

    func truncate(to size: Int) throws(FileSystemError) {
        try disk.contents(inode, of: life, for: .truncate, path) { $0.make(.resize(size)) }
    }

    func synchronize() throws(FileSystemError) {
        do throws(FileSystemError) {
            try disk.contents(inode, of: life, for: .synchronize, path) { $0.synchronize() }
        } catch {
            // A process that is killed in a sync leaves its changes to the system, which still writes them.
            if !disk.isStopped { disk.failSynchronizing(inode, of: life) }
            throw error
        }
    }
}
