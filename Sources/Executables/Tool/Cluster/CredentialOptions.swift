import ArgumentParser
import MartletClient
import Security

/// Changes of a user's credentials, as `kafka-configs.sh` writes them among settings:
/// `SCRAM-SHA-256=[iterations=8192,password=secret]`.
struct CredentialOptions {
    private static let defaultIterations: Int32 = 4096

    private(set) var changes: [SCRAMMechanism: Administrator.CredentialChange] = [:]
    /// What is no credential's.
    private(set) var others: [String: String?] = [:]

    /// - Parameter changes: settings by name; nil takes one back.
    init(_ changes: [String: String?]) throws {
        for (name, value) in changes {
            guard let mechanism = SCRAMMechanism(name: name) else {
                others.updateValue(value, forKey: name)
                continue
            }
            self.changes[mechanism] = try value.map { try Self.credential(mechanism, $0) } ?? .delete
        }
    }

    /// `iterations=number,password=text` or `password=text`, of which the password is all the rest. Never says what it is:
    /// it may be a part of what cannot be read.
    private static func credential(
        _ mechanism: SCRAMMechanism, _ text: String
    ) throws -> Administrator.CredentialChange {
        var rest = text[...]
        var iterations = defaultIterations
        if rest.hasPrefix("iterations="), let end = rest.firstIndex(of: ",") {
            guard let number = Int32(rest[..<end].dropFirst("iterations=".count)),
                SCRAMMechanism.iterations.contains(number)
            else {
                throw ValidationError(
                    "\(mechanism.name): iterations must be \(SCRAMMechanism.iterations.lowerBound) to "
                        + "\(SCRAMMechanism.iterations.upperBound)")
            }
            iterations = number
            rest = rest[rest.index(after: end)...]
        }
        let password = rest.dropFirst("password=".count)
        guard rest.hasPrefix("password="), !password.isEmpty else {
            throw ValidationError("\(mechanism.name)=[iterations=number,password=text] is what is known")
        }
        return .set(password: String(password), iterations: iterations)
    }
}
