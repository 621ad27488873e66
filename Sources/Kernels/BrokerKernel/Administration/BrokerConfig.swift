/// One setting of the broker, as `DescribeConfigs` shows it.
package struct BrokerConfig: Sendable {
    package var name: String
    /// nil when it has neither a value nor a default.
    package var value: String?
    /// Whether the configuration sets it.
    package var isSet: Bool
    /// Whether nobody may read the value.
    package var isSensitive: Bool
    /// The type by its number on the wire (KIP-569).
    package var wireType: Int8
    /// What it is when nothing sets it.
    package var defaultValue: String?

    package init(
        name: String, value: String?, isSet: Bool, isSensitive: Bool, wireType: Int8, defaultValue: String? = nil
    ) {
        self.name = name
        self.value = value
        self.isSet = isSet
        self.isSensitive = isSensitive
        self.wireType = wireType
        self.defaultValue = defaultValue
    }
}
