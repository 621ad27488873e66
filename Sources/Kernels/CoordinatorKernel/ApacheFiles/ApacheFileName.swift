import Records

/// The names of Apache ZooKeeper's files: `log.<zxid>`, `snapshot.<zxid>` and the latter compressed; the zxid in
/// hexadecimal digits without zeros in front.
enum ApacheFileName: Equatable {
    case log(firstZxid: Int64)
    case snapshot(zxid: Int64, CompressionCodec)

    /// nil for other files.
    init?(_ name: String) {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 2, let zxid = UInt64(parts[1], radix: 16).map(Int64.init(bitPattern:)), zxid >= 0 else {
            return nil
        }
        switch (parts[0], parts.dropFirst(2)) {
        case ("log", []): self = .log(firstZxid: zxid)
        case ("snapshot", []): self = .snapshot(zxid: zxid, .none)
        case ("snapshot", ["gz"]): self = .snapshot(zxid: zxid, .gzip)
        case ("snapshot", ["snappy"]): self = .snapshot(zxid: zxid, .snappy)
        default: return nil
        }
    }
}
