import Synchronization

/// Names that match a list of patterns and none of another: `topics` and `topics.exclude`, `groups`,
/// `config.properties.exclude`. A name matches as a whole.
///
/// Patterns are Java's dialect in the settings; Swift's parser of run-time patterns reads what such lists use.
package final class NameSelection: Sendable {
    /// A pattern that is no regular expression.
    package struct Unreadable: Error, Sendable, Equatable {
        package var pattern: String
    }

    /// The patterns of which a name has to match one.
    package let patterns: [String]
    /// Behind a lock only because `Regex` is not Sendable.
    private let compiled: Mutex<(included: [Regex<AnyRegexOutput>], excluded: [Regex<AnyRegexOutput>])>

    package init(including included: [String], excluding excluded: [String] = []) throws(Unreadable) {
        patterns = included
        compiled = Mutex((try included.map(Self.compiled), try excluded.map(Self.compiled)))
    }

    private static func compiled(_ pattern: String) throws(Unreadable) -> Regex<AnyRegexOutput> {
        do {
            return try Regex(pattern)
        } catch {
            throw Unreadable(pattern: pattern)
        }
    }

    package func contains(_ name: String) -> Bool {
        compiled.withLock { compiled in
            compiled.included.contains { name.wholeMatch(of: $0) != nil }
                && !compiled.excluded.contains { name.wholeMatch(of: $0) != nil }
        }
    }

    /// Those of ``patterns`` that the name matches, whether it is excluded or not.
    package func patterns(matching name: String) -> [String] {
        compiled.withLock { compiled in
            zip(patterns, compiled.included).filter { name.wholeMatch(of: $0.1) != nil }.map(\.0)
        }
    }
}
