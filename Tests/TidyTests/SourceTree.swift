import FoundationEssentials

/// The sources of this package.
struct SourceTree {
    /// The package's folder.
    let root: String

    init() {
        root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    }

    /// The paths below a folder of the package that end in `.swift`.
    /// - Parameter folder: from the package's folder on, as the paths.
    func swiftFiles(in folder: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: "\(root)/\(folder)").filter { $0.hasSuffix(".swift") }
            .map { "\(folder)/\($0)" }.sorted()
    }

    func folders(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(root)/\(folder)").filter { name in
            var isFolder = false
            return FileManager.default.fileExists(atPath: "\(root)/\(folder)/\(name)", isDirectory: &isFolder)
                && isFolder
        }.sorted()
    }

    func text(of path: String) throws -> String { try String(contentsOfFile: "\(root)/\(path)", encoding: .utf8) }
}
