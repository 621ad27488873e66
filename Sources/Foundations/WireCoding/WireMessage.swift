/// A message of Apache Kafka's: one structure for all its versions.
///
/// Fields that a version lacks keep their defaults when read in it and are left out when written in it.
package protocol WireMessage: Sendable {
    /// All versions that can be coded.
    static var validVersions: ClosedRange<Int16> { get }
    /// The versions with compact lengths and tagged fields; nil when there are none.
    static var flexibleVersions: ClosedRange<Int16>? { get }

    init()
    /// Reads the fields of `version`; refuses other than ``validVersions``. Leaves what follows unread.
    init(reading reader: inout WireReader, version: Int16) throws(MalformedInput)
    /// Writes the fields of `version`, one of ``validVersions``.
    func write(to writer: inout WireWriter, version: Int16)
}

/// A request, with the type of what answers it.
package protocol KafkaRequest: WireMessage {
    associatedtype Response: WireMessage
    static var apiKey: ApiKey { get }
}
