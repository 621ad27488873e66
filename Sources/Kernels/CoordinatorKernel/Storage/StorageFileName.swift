/// The names of the coordinator's files: `log.<zxid>` holds changes from that zxid on, `snapshot.<zxid>` the tree as
/// it was after that zxid. A snapshot is a `.partial` one until it is finished, and again when it is superfluous; one that a
/// leader sends is `.receiving` until it is complete, and `.installing` until it has taken the place of everything else.
/// Zxids in 16 hexadecimal digits, so that names sort as zxids do.
package enum StorageFileName: Equatable {
    case log(firstZxid: Int64)
    case snapshot(zxid: Int64)
    case partialSnapshot(zxid: Int64)
    case receivingSnapshot(zxid: Int64)
    case installingSnapshot(zxid: Int64)

    /// nil for files that are not the coordinator's.
    package init?(_ name: String) {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[1].utf8.count == 16, let zxid = Int64(parts[1], radix: 16), zxid >= 0 else {
            return nil
        }
        switch (parts[0], parts.dropFirst(2)) {
        case ("log", []): self = .log(firstZxid: zxid)
        case ("snapshot", []): self = .snapshot(zxid: zxid)
        case ("snapshot", ["partial"]): self = .partialSnapshot(zxid: zxid)
        case ("snapshot", ["receiving"]): self = .receivingSnapshot(zxid: zxid)
        case ("snapshot", ["installing"]): self = .installingSnapshot(zxid: zxid)
        default: return nil
        }
    }

    var text: String {
        switch self {
        case .log(let zxid): "log.\(Self.digits(zxid))"
        case .snapshot(let zxid): "snapshot.\(Self.digits(zxid))"
        case .partialSnapshot(let zxid): "snapshot.\(Self.digits(zxid)).partial"
        case .receivingSnapshot(let zxid): "snapshot.\(Self.digits(zxid)).receiving"
        case .installingSnapshot(let zxid): "snapshot.\(Self.digits(zxid)).installing"
        }
    }

    /// Whether what it holds is of no use: it was being written when the process ended, or was superfluous.
    var isUnfinished: Bool {
        switch self {
        case .partialSnapshot, .receivingSnapshot: true
        case .log, .snapshot, .installingSnapshot: false
        }
    }

    private static func digits(_ zxid: Int64) -> String {
        let digits = String(zxid, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
