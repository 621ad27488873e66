import FoundationEssentials

/// All generated files of the package, as they should be.
package struct GeneratedTree {
    /// The modules with messages, each with its schema folder.
    package static let modules = [
        "KafkaProtocol", "KafkaProtocolGroups", "KafkaProtocolTransactions", "KafkaProtocolAdmin",
        "KafkaProtocolClusters",
    ]
    private static let foundations = "Sources/Foundations"
    private static let json = "\(foundations)/KafkaProtocolJSON/Generated"

    /// By path, from the package's root.
    package private(set) var files: [String: String] = [:]

    /// Reads all schema files under the package at `root`.
    package init(root: String) throws {
        var messages: [MessageSchema] = []
        for module in Self.modules {
            let folder = "\(Self.foundations)/\(module)"
            for name in try FileManager.default.contentsOfDirectory(atPath: "\(root)/\(folder)/Schema").sorted() {
                let path = "\(folder)/Schema/\(name)"
                let text = try String(contentsOfFile: "\(root)/\(path)", encoding: .utf8)
                if name == "ErrorCodes.table" {
                    files["\(folder)/Generated/KnownErrorCodes.swift"] = try ErrorCodeCode(text, file: path).text()
                    continue
                }
                let message = try SchemaReader.read(text, file: path)
                guard name == "\(message.name).message" else {
                    throw SchemaError(file: path, line: 1, reason: "holds the message \(message.name)")
                }
                messages.append(message)
                files["\(Self.json)/\(message.name)+JSON.swift"] = JSONCode(message, module: module).text()
                files["\(folder)/Generated/\(message.name).swift"] = MessageCode(message).text()
            }
        }
        let names = messages.map(\.name)
        files["\(Self.json)/WireJSON+Messages.swift"] = JSONCode.catalog(names, modules: Self.modules)
        files["\(Self.foundations)/WireCoding/Generated/ApiKey.swift"] = ApiKeyCode(messages).text()
    }

    /// Paths that are missing, different or superfluous under the package at `root`, in order.
    package func differences(root: String) throws -> [String] {
        var differences: [String] = []
        for (path, text) in files {
            let present = FileManager.default.contents(atPath: "\(root)/\(path)")
            if present != Data(text.utf8) { differences.append(path) }
        }
        for folder in Set(files.keys.map(Self.folder)) where FileManager.default.fileExists(atPath: "\(root)/\(folder)")
        {
            for name in try FileManager.default.contentsOfDirectory(atPath: "\(root)/\(folder)")
            where files["\(folder)/\(name)"] == nil {
                differences.append("\(folder)/\(name)")
            }
        }
        return differences.sorted()
    }

    /// Makes the package at `root` agree, touching only what differs; says which paths it touched.
    package func write(root: String) throws -> [String] {
        let differences = try differences(root: root)
        for path in differences {
            guard let text = files[path] else {
                try FileManager.default.removeItem(atPath: "\(root)/\(path)")
                continue
            }
            try FileManager.default.createDirectory(
                atPath: "\(root)/\(Self.folder(path))", withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(filePath: "\(root)/\(path)"))
        }
        return differences
    }

    private static func folder(_ path: String) -> String {
        path.split(separator: "/").dropLast().joined(separator: "/")
    }
}
