import Groups
import Settings

/// What a `server.properties` says of groups of the new protocol (KIP-848).
extension BrokerSettings {
    /// The names that `group.consumer.assignors` may have: Apache Kafka's classes, and their short names.
    static let assignors: [String: PartitionAssignor] = {
        let package = "org.apache.kafka.coordinator.group.assignor."
        return [
            "uniform": .uniform, "range": .range, "\(package)UniformAssignor": .uniform,
            "\(package)RangeAssignor": .range,
        ]
    }()

    static func readConsumerProtocol(
        _ values: SettingValues, problems: inout [String]
    ) -> ConsumerProtocolSettings {
        var consumer = ConsumerProtocolSettings()
        consumer.isEnabled = values.list("group.coordinator.rebalance.protocols").contains("consumer")
        consumer.maximumSize = Int(values.integer("group.consumer.max.size"))
        consumer.sessionTimeout = .milliseconds(
            readBounded("session.timeout.ms", values, problems: &problems))
        consumer.heartbeatIntervalInMilliseconds = Int32(
            readBounded("heartbeat.interval.ms", values, problems: &problems))
        let assignors = values.list("group.consumer.assignors").compactMap { Self.assignors[$0] }
        if assignors.isEmpty {
            let key = "group.consumer.assignors"
            problems.append("\(values.place(of: key))\(key)='' is not allowed: one assignor at least")
        } else {
            consumer.assignors = assignors
        }
        return consumer
    }

    /// A value of `group.consumer.*` that has bounds of its own, which are settings, too.
    private static func readBounded(_ name: String, _ values: SettingValues, problems: inout [String]) -> Int64 {
        let key = "group.consumer.\(name)"
        let value = values.integer(key)
        let (low, high) = (values.integer("group.consumer.min.\(name)"), values.integer("group.consumer.max.\(name)"))
        if value < low || value > high {
            problems.append(
                "\(values.place(of: key))\(key)=\(value) is not allowed: group.consumer.min.\(name) and "
                    + "group.consumer.max.\(name) make it \(low) to \(high)")
        }
        return value
    }
}
