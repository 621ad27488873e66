import Glibc

/// The lines of earlier shells, in a file that its owner alone can read. Lines that hold passwords are not kept.
struct ShellHistory {
    /// So many lines are kept.
    static let capacity = 1000
    private static let ownerOnly: mode_t = 0o600

    /// Why lines cannot be kept.
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    let path: String

    /// The oldest first. Cuts the file down when it holds many more.
    func lines() throws(Failure) -> [String] {
        let descriptor = try opened(O_RDONLY | O_CREAT)
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 1)
        defer { piece.deallocate() }
        while true {
            let count = read(descriptor, piece.baseAddress, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("cannot be read") }
            if count == 0 { break }
            bytes += piece[..<count]
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { String($0) }
        if lines.count > 2 * Self.capacity { try write(lines.suffix(Self.capacity), O_TRUNC) }
        return lines.suffix(Self.capacity)
    }

    func append(_ line: String) throws(Failure) {
        if Self.keeps(line) { try write([line], O_APPEND) }
    }

    static func keeps(_ line: String) -> Bool {
        let words = ShellLine.words(line)
        guard let first = words.first else { return false }
        return first != "addauth"
    }

    private func write(_ lines: some Sequence<String>, _ flag: Int32) throws(Failure) {
        let descriptor = try opened(O_WRONLY | O_CREAT | flag)
        defer { close(descriptor) }
        let bytes = Array(lines.map { $0 + "\n" }.joined().utf8)
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else { throw failure("cannot be written") }
    }

    private func opened(_ flags: Int32) throws(Failure) -> Int32 {
        let descriptor = open(path, flags | O_CLOEXEC, Self.ownerOnly)
        guard descriptor >= 0 else { throw failure("cannot be opened") }
        // One that was there before may be open to others.
        guard fchmod(descriptor, Self.ownerOnly) == 0 else {
            close(descriptor)
            throw failure("cannot be kept from others")
        }
        return descriptor
    }

    private func failure(_ what: String) -> Failure {
        Failure(description: "history is not kept: \(path) \(what): \(String(cString: strerror(errno)))")
    }
}
