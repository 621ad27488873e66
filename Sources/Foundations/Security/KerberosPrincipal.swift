/// A name of Kerberos: `primary/instance@realm`, of which instance and realm may be absent. Users are a primary alone;
/// servers have their host as instance.
package struct KerberosPrincipal: Sendable, Equatable, CustomStringConvertible {
    package var primary: String
    package var instance: String?
    package var realm: String?

    package init(primary: String, instance: String? = nil, realm: String? = nil) {
        self.primary = primary
        self.instance = instance
        self.realm = realm
    }

    /// nil when a part is empty or there are too many.
    package init?(_ text: String) {
        let sides = text.split(separator: "@", omittingEmptySubsequences: false)
        let parts = sides[0].split(separator: "/", omittingEmptySubsequences: false)
        guard sides.count <= 2, parts.count <= 2, (sides + parts).allSatisfy({ !$0.isEmpty }) else { return nil }
        primary = String(parts[0])
        instance = parts.count == 2 ? String(parts[1]) : nil
        realm = sides.count == 2 ? String(sides[1]) : nil
    }

    package var description: String { primary + (instance.map { "/\($0)" } ?? "") + (realm.map { "@\($0)" } ?? "") }
}
