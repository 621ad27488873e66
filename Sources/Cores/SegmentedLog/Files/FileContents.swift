import Seams

extension UnsafeRawBufferPointer {
    /// The big-endian integer at `position`.
    func integer<Value: FixedWidthInteger>(at position: Int, as: Value.Type = Value.self) -> Value {
        Value(bigEndian: loadUnaligned(fromByteOffset: position, as: Value.self))
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Puts a big-endian integer at `position`.
    func store<Value: FixedWidthInteger>(_ value: Value, at position: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: position, as: Value.self)
    }
}

extension File {
    /// Up to `count` bytes from `position` on; fewer only at the file's end.
    func bytes(at position: Int, count: Int) throws(FileSystemError) -> [UInt8] {
        let target = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 8)
        defer { target.deallocate() }
        let got = try read(into: target, at: position)
        return Array(target[..<got])
    }

    func write(_ bytes: [UInt8], at position: Int) throws(FileSystemError) {
        try bytes.withUnsafeBufferPointer { buffer throws(FileSystemError) in
            try write(UnsafeRawBufferPointer(buffer), at: position)
        }
    }
}

extension FileSystem {
    /// All bytes of a small file; nil when it is absent.
    package func contents(of path: String) throws(FileSystemError) -> [UInt8]? {
        guard try attributes(path) != nil else { return nil }
        let file = try open(path, .read)
        return try file.bytes(at: 0, count: try file.size())
    }

    /// Puts a small file in the place of another so that after a crash one of them is there, whole; durable on return.
    func replace(_ path: String, with bytes: [UInt8]) throws(FileSystemError) {
        try put(bytes, into: path)
        guard let slash = path.lastIndex(of: "/") else { return }
        try synchronizeDirectory(String(path[..<slash]))
    }

    /// Likewise, but after a crash the file may not be there at all if none was before; until its directory is synced.
    func put(_ bytes: [UInt8], into path: String) throws(FileSystemError) {
        let temporary = path + ".tmp"
        try write(bytes, anew: temporary).synchronize()
        try rename(temporary, to: path)
    }

    /// Makes a file of these bytes, in the place of what is there; nothing is durable.
    func write(_ bytes: [UInt8], anew path: String) throws(FileSystemError) -> any File {
        let file = try open(path, .readWrite)
        try file.truncate(to: 0)
        try file.write(bytes, at: 0)
        return file
    }
}
