import FoundationEssentials
import Mirroring
import NIOCore

/// All that stands decided about links, by their names.
package struct LinkDecisions: Sendable, Equatable {
    var known: [String: LinkDecision] = [:]
    /// About links of which the decision cannot be read: why.
    var unreadable: [String: String] = [:]

    /// What is in both is taken from `other`.
    mutating func merge(_ other: LinkDecisions) {
        known.merge(other.known) { $1 }
        unreadable.merge(other.unreadable) { $1 }
    }

    /// Those that a cluster may have: about links to it.
    func about(linksTo alias: String) -> LinkDecisions {
        LinkDecisions(
            known: known.filter { $0.key.hasSuffix("->\(alias)") },
            unreadable: unreadable.filter { $0.key.hasSuffix("->\(alias)") })
    }
}

extension LinkDecision {
    /// The form of a record's value: JSON, so that people can read the topic with any client.
    private struct Form: Codable {
        var version: Int
        var state: String
        var settings: [String: String]
        var reason: String?
        var decidedAtUnixMilliseconds: Int64
    }

    /// Why the value of a record is no decision.
    struct Unreadable: Error, CustomStringConvertible {
        var description: String
    }

    private static let version = 0

    /// Reads the value of a record.
    init(value: ByteBuffer) throws {
        let form: Form
        do {
            form = try JSONDecoder().decode(Form.self, from: Data(value.readableBytesView))
        } catch {
            throw Unreadable(description: "what was decided is no JSON of martlet mirror's: \(String(buffer: value))")
        }
        guard form.version == Self.version, let state = State(rawValue: form.state) else {
            throw Unreadable(description: "what was decided is from a later version: \(String(buffer: value))")
        }
        self.init(state, form.settings, reason: form.reason, at: form.decidedAtUnixMilliseconds)
    }

    /// The value of a record.
    func value() throws -> ByteBuffer {
        let form = Form(
            version: Self.version, state: state.rawValue, settings: settings, reason: reason,
            decidedAtUnixMilliseconds: decidedAtUnixMilliseconds)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ByteBuffer(bytes: try encoder.encode(form))
    }
}
