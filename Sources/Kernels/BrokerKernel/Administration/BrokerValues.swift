import ClusterModel
import Controller

/// The values of a broker's settings, in the order in which they count: those of this broker alone that were set while
/// it ran, those of all brokers that were, and those of its configuration file.
struct BrokerValues: Equatable {
    struct Layer: Equatable {
        var source: ConfigSource
        var values: [String: String]
    }

    let layers: [Layer]

    init(configured: [String: String], ofBroker: [String: String] = [:], ofAllBrokers: [String: String] = [:]) {
        layers = [
            Layer(source: .dynamicBroker, values: ofBroker), Layer(source: .dynamicDefaultBroker, values: ofAllBrokers),
            Layer(source: .staticBroker, values: configured),
        ]
    }

    /// All values that stand for `key`, the one that counts first.
    func values(of key: String) -> [(text: String, source: ConfigSource)] {
        layers.compactMap { layer in layer.values[key].map { ($0, layer.source) } }
    }

    /// The first value of `key` that is one of its values; nil when none stands anywhere.
    func number(_ key: String) -> Int64? {
        values(of: key).lazy.filter { DynamicBrokerKeys.named(key)?.objection(to: $0.text) == nil }
            .compactMap { Int64($0.text) }.first
    }
}

extension BrokerKernel {
    /// As file and image have them now.
    var brokerValues: BrokerValues {
        BrokerValues(
            configured: settings.configured, ofBroker: image.brokerConfigs[settings.brokerID] ?? [:],
            ofAllBrokers: image.defaultBrokerConfigs)
    }
}
