/// The rules for paths of nodes, in the words of ZooKeeper's clients, which look before they ask.
enum ShellPath {
    /// - Parameter isPrefix: whether the server appends a number, so that the name may be empty.
    static func check(_ path: String, isPrefix: Bool = false) throws(ShellFailure) {
        let units = Array((isPrefix ? path + "1" : path).utf16)
        let slash = UInt16(UInt8(ascii: "/"))
        guard let first = units.first, let last = units.last else { throw ShellFailure("Path length must be > 0") }
        guard first == slash else { throw ShellFailure("Path must start with / character") }
        if units.count == 1 { return }
        guard last != slash else { throw ShellFailure("Path must not end with / character") }
        var start = 1
        for place in 1...units.count {
            if place < units.count, units[place] != slash {
                if let fault = fault(of: units[place]) { throw refusal(path, "\(fault) @\(place)") }
                continue
            }
            switch units[start..<place] {
            case []: throw refusal(path, "empty node name specified @\(place)")
            case [dot], [dot, dot]: throw refusal(path, "relative paths not allowed @\(place - 1)")
            default: start = place + 1
            }
        }
    }

    private static let dot = UInt16(UInt8(ascii: "."))

    private static func refusal(_ path: String, _ reason: String) -> ShellFailure {
        ShellFailure("Invalid path string \"\(path)\" caused by \(reason)")
    }

    private static func fault(of unit: UInt16) -> String? {
        switch unit {
        case 0: "null character not allowed"
        case 0x01...0x1f, 0x7f...0x9f, 0xd800...0xf8ff, 0xfff0...0xffff: "invalid character"
        default: nil
        }
    }

    /// The path of a child.
    static func child(_ name: String, of path: String) -> String { path == "/" ? "/\(name)" : "\(path)/\(name)" }

    /// The node above; nil of the root.
    static func parent(of path: String) -> String? {
        guard path != "/", let slash = path.lastIndex(of: "/") else { return nil }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
