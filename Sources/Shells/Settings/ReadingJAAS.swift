import Security

extension JAASConfiguration {
    /// The section `name` of the file at `path`.
    package static func section(_ name: String, of path: String) throws(UnusableSection) -> [LoginModule] {
        let file: JAASConfiguration
        do {
            file = try JAASConfiguration(try PropertiesFile.text(reading: path))
        } catch {
            throw UnusableSection("\(error)")
        }
        guard let section = file.sections[name] else {
            throw UnusableSection("there is no section \(name)", isAbsent: true)
        }
        return section
    }
}
