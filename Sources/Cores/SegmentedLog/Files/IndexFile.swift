import Seams

/// The entries of one index file, in order: in memory while its segment is written to, afterwards read where needed.
///
/// Entries reach the file with ``write()`` and ``seal()``; what a crash takes is built again from the log.
final class IndexFile<Entry: IndexEntry> {
    let path: String
    private let disk: any FileSystem
    private var file: (any File)?
    /// Whether there is a file that is this index's, open or not.
    private var hasFile = false
    /// nil when sealed.
    private var inMemory: [Entry]?
    private(set) var count: Int
    /// The leading entries that the file holds.
    private var writtenCount: Int
    /// Whether the file holds something that was not synced.
    private var isUnsynced = false

    /// An empty index in memory. Its file comes into being when first written, in the place of any other.
    init(creating path: String, on disk: any FileSystem) {
        self.path = path
        self.disk = disk
        inMemory = []
        count = 0
        writtenCount = 0
    }

    /// The index in a file; an absent one is empty.
    /// - Returns: nil when the file's size is no multiple of an entry's.
    init?(opening path: String, on disk: any FileSystem, sealed: Bool) throws(FileSystemError) {
        self.path = path
        self.disk = disk
        let found = try disk.attributes(path)
        hasFile = found != nil
        let size = found?.sizeInBytes ?? 0
        guard size % Entry.sizeInBytes == 0 else { return nil }
        count = size / Entry.sizeInBytes
        writtenCount = count
        guard !sealed else { return }
        inMemory = try entries(0..<count)
        letGo()
    }

    /// Closes the file until it is needed, and even what is unsynced only if `evenUnsynced`.
    func letGo(evenUnsynced: Bool = false) { if evenUnsynced || !isUnsynced { file = nil } }

    /// A complete index of `count` entries, which its file holds, synced.
    init(sealed path: String, count: Int, on disk: any FileSystem) {
        self.path = path
        self.disk = disk
        self.count = count
        writtenCount = count
    }

    private func opened() throws(FileSystemError) -> any File {
        if let file { return file }
        let opened = try disk.open(path, .readWrite)
        if writtenCount == 0 { try opened.truncate(to: 0) }
        file = opened
        hasFile = true
        return opened
    }

    func entries(_ range: Range<Int>) throws(FileSystemError) -> [Entry] {
        if let inMemory { return Array(inMemory[range]) }
        guard !range.isEmpty else { return [] }
        let size = Entry.sizeInBytes
        return Entry.entries(of: try opened().bytes(at: range.lowerBound * size, count: range.count * size))
    }

    func entry(at place: Int) throws(FileSystemError) -> Entry {
        if let inMemory { return inMemory[place] }
        let entries = try entries(place..<place + 1)
        guard let entry = entries.first else {
            throw FileSystemError(operation: "read", path: path, code: 5, reason: "the file was cut from outside")
        }
        return entry
    }

    func last() throws(FileSystemError) -> Entry? { count == 0 ? nil : try entry(at: count - 1) }

    /// The entries before the first for which `holds` is false, how many and the last of them. It must be false of all
    /// that follow.
    func leading(where holds: (Entry) -> Bool) throws(FileSystemError) -> (count: Int, last: Entry?) {
        var low = 0
        var high = count
        if let inMemory {
            while low < high {
                let middle = (low + high) / 2
                if holds(inMemory[middle]) { low = middle + 1 } else { high = middle }
            }
            return (low, low == 0 ? nil : inMemory[low - 1])
        }
        // The last page at once: cheaper than the probes it saves.
        while high - low > 4096 / Entry.sizeInBytes {
            let middle = (low + high) / 2
            if holds(try entry(at: middle)) { low = middle + 1 } else { high = middle }
        }
        let start = max(0, low - 1)
        let page = try entries(start..<high)
        let holding = page.firstIndex { !holds($0) } ?? page.count
        return (start + holding, holding == 0 ? nil : page[holding - 1])
    }

    func append(_ entry: Entry) {
        precondition(inMemory != nil, "an entry for the sealed index \(path)")
        inMemory?.append(entry)
        count += 1
    }

    /// Removes all entries after the first `count`, also from the file. A sealed index is in memory afterwards.
    func truncate(toCount count: Int) throws(FileSystemError) {
        inMemory = Array(try entries(0..<count))
        self.count = count
        guard writtenCount > count else { return }
        try opened().truncate(to: count * Entry.sizeInBytes)
        writtenCount = count
        isUnsynced = true
    }

    /// Brings into the file what it does not hold yet; creates it when `evenIfEmpty`.
    func write(evenIfEmpty: Bool) throws(FileSystemError) {
        guard let inMemory, writtenCount < count || (evenIfEmpty && !hasFile) else { return }
        let size = Entry.sizeInBytes
        var bytes = [UInt8](repeating: 0, count: (count - writtenCount) * size)
        bytes.withUnsafeMutableBytes { raw in
            for (place, entry) in inMemory[writtenCount...].enumerated() {
                entry.write(to: UnsafeMutableRawBufferPointer(rebasing: raw[place * size..<(place + 1) * size]))
            }
        }
        try opened().write(bytes, at: writtenCount * size)
        writtenCount = count
        isUnsynced = true
    }

    /// Writes all entries and lets go of the memory.
    func seal(evenIfEmpty: Bool) throws(FileSystemError) {
        try write(evenIfEmpty: evenIfEmpty)
        inMemory = nil
    }

    /// The file, when it holds something unsynced; it counts as synced from here on.
    func takeUnsynced() throws(FileSystemError) -> (any File)? {
        guard isUnsynced else { return nil }
        let file = try opened()
        isUnsynced = false
        return file
    }
}
