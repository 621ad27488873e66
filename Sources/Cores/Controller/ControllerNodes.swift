import ClusterModel

/// What `/controller` holds: who the controller is. Version 2 is written, 1 is read too.
package struct ControllerNode: Sendable, Equatable {
    package var broker: BrokerID
    /// When it became controller, by its calendar.
    package var unixMilliseconds: Int64

    package init(broker: BrokerID, unixMilliseconds: Int64) {
        self.broker = broker
        self.unixMilliseconds = unixMilliseconds
    }

    package init(parsing text: [UInt8]) throws(MalformedNode) {
        let fields = try NodeFields(TreePath.controller, text, versions: 1...2)
        guard let time = Int64(try fields.string("timestamp")) else { throw fields.malformed("timestamp") }
        self.init(broker: BrokerID(try fields.integer32("brokerid")), unixMilliseconds: time)
    }

    package var text: [UInt8] {
        JSONValue.object([
            "version": .integer(2), "brokerid": .integer(Int64(broker.value)),
            "timestamp": .string(String(unixMilliseconds)), "kraftControllerEpoch": .integer(-1),
        ]).text
    }
}

/// What `/controller_epoch` holds: a decimal number, not JSON.
package enum ControllerEpochNode {
    package static func parse(_ text: [UInt8]) throws(MalformedNode) -> Int32 {
        let string = String(decoding: text, as: UTF8.self)
        guard let epoch = Int32(string), epoch >= 0 else {
            throw MalformedNode(node: TreePath.controllerEpoch, reason: "not a number: \(string)")
        }
        return epoch
    }

    package static func text(_ epoch: Int32) -> [UInt8] { Array(String(epoch).utf8) }
}

/// What a node below `/admin/martlet_deleted_topics` holds: the last leader epoch that a partition of the topic had, as a
/// decimal number. A mirror topic that is made anew with the topic's id goes on behind it, so that nobody takes what is
/// left of the old logs for the new ones'.
package enum DeletedTopicNode {
    package static func parse(_ text: [UInt8], of id: KafkaUUID) throws(MalformedNode) -> LeaderEpoch {
        let string = String(decoding: text, as: UTF8.self)
        guard let epoch = LeaderEpoch(string), epoch >= 0, epoch < .max else {
            throw MalformedNode(node: TreePath.deletedTopic(id), reason: "not a leader epoch: \(string)")
        }
        return epoch
    }

    package static func text(_ epoch: LeaderEpoch) -> [UInt8] { Array(String(epoch).utf8) }
}

/// What `/cluster/id` holds.
package enum ClusterIDNode {
    package static func parse(_ text: [UInt8]) throws(MalformedNode) -> String {
        try NodeFields(TreePath.clusterID, text, versions: 1...1).string("id")
    }

    package static func text(_ id: String) -> [UInt8] {
        JSONValue.object(["version": .string("1"), "id": .string(id)]).text
    }
}

/// What `/feature` holds in a cluster without versioned features: status 1 is "enabled".
package enum FeatureNode {
    package static let text = JSONValue.object([
        "features": .object([:]), "version": .integer(2), "status": .integer(1),
    ]).text
}

/// What the nodes below `/config` hold: the settings of one entity.
package enum ConfigNode {
    /// An empty node, as old tools left them, has no settings.
    package static func parse(_ text: [UInt8]) throws(MalformedNode) -> [String: String] {
        if text.isEmpty { return [:] }
        return try NodeFields("settings", text, versions: 1...1).strings("config")
    }

    package static func text(_ configs: [String: String]) -> [UInt8] {
        JSONValue.object(["version": .integer(1), "config": .strings(configs)]).text
    }

    /// What a node ``TreePath/configChange`` holds, by which Apache's brokers hear of a change.
    /// - Parameter entity: such as `topics/orders`.
    package static func changeText(entity: String) -> [UInt8] {
        JSONValue.object(["version": .integer(2), "entity_path": .string(entity)]).text
    }
}
