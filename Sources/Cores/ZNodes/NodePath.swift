/// Rules for paths, by Apache ZooKeeper's programmer's guide.
enum NodePath {
    /// Nodes that are always there.
    static let fixed: Set<String> = ["/", "/zookeeper", "/zookeeper/quota", configuration]
    /// Shows the ensemble.
    static let configuration = "/zookeeper/config"

    /// Whether `path` may name a node: absolute, without empty, `.` and `..` elements, without control characters.
    static func isValid(_ path: String) -> Bool {
        if path == "/" { return true }
        guard path.utf8.first == slash, path.utf8.last != slash else { return false }
        var element = 0
        var dots = 0
        for scalar in path.unicodeScalars.dropFirst() {
            if scalar == "/" {
                if element == 0 || element == dots && dots <= 2 { return false }
                element = 0
                dots = 0
                continue
            }
            if isForbidden(scalar) { return false }
            element += 1
            if scalar == "." { dots += 1 }
        }
        return !(element == dots && dots <= 2)
    }

    private static let slash = UInt8(ascii: "/")

    private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        // Java sees the last of these, those above 16 bits, as pairs of the forbidden ones.
        case 0...0x1f, 0x7f...0x9f, 0xd800...0xf8ff, 0xfff0...: true
        default: false
        }
    }

    /// The node above; nil for the root.
    static func parent(of path: String) -> String? {
        guard path != "/", let last = path.utf8.lastIndex(of: slash) else { return nil }
        return last == path.startIndex ? "/" : String(path[..<last])
    }

    /// The last element.
    static func name(of path: String) -> String {
        guard let last = path.utf8.lastIndex(of: slash) else { return path }
        return String(path[path.utf8.index(after: last)...])
    }

    static func child(_ name: String, of path: String) -> String { path == "/" ? "/" + name : "\(path)/\(name)" }

    /// The suffix of a sequential node: ten digits, more for what has overflown into negative numbers.
    static func sequence(_ number: Int32) -> String {
        let digits = String(number.magnitude)
        let width = number < 0 ? 9 : 10
        return (number < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
