import Glibc

/// The place of one process among all that mirror with the same configuration: its name in the groups in which they share
/// links (KIP-345). Who is started again after its process died takes the same place, and so its work, at once.
///
/// Of several processes on one machine each holds a number, by a socket's name that the kernel takes back however the
/// process ends.
struct MemberSeat: Sendable {
    private static let mostOnOneMachine = 1_000

    let name: String

    /// - Parameters:
    ///   - given: what the configuration says; nil for the machine's name and a number.
    ///   - configuration: tells mirrors on one machine apart that have different ones.
    static func take(_ given: String?, configuration: String) -> MemberSeat {
        if let given { return MemberSeat(name: given) }
        let scope = "\(machine)-\(mark(of: configuration))"
        for number in 0..<mostOnOneMachine where hold("martlet-mirror/\(scope)-\(number)") {
            return MemberSeat(name: "\(scope)-\(number)")
        }
        return MemberSeat(name: "\(scope)-0").another()
    }

    /// For who finds its place taken.
    func another() -> MemberSeat { MemberSeat(name: "\(name)-\(String(UInt32.random(in: 0...(.max)), radix: 36))") }

    private static var machine: String {
        var names = utsname()
        guard uname(&names) == 0 else { return "host" }
        return withUnsafeBytes(of: &names.nodename) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// FNV-1a, in 32 bits.
    private static func mark(of text: String) -> String {
        String(text.utf8.reduce(2_166_136_261 as UInt32) { ($0 ^ UInt32($1)) &* 16_777_619 }, radix: 36)
    }

    /// Holds a name for the life of this process; false when another does, also this one.
    private static func hold(_ name: String) -> Bool {
        let socket = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return false }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // A first byte of zero: a name without a file.
        let count = withUnsafeMutableBytes(of: &address.sun_path) { path in
            let bytes = name.utf8.prefix(path.count - 1)
            path[1...].copyBytes(from: bytes)
            return bytes.count + 1
        }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + count)
        let isBound = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, length) == 0 }
        }
        if !isBound { close(socket) }
        return isBound
    }
}
