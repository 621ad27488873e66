import NIOCore
import WireCoding

/// What consumers say of themselves when they join (`ConsumerProtocolSubscription`), as far as a broker reads it.
enum ConsumerSubscription {
    /// The protocol type of groups whose members speak of themselves like this.
    static let protocolType = "consumer"

    /// The topics that any of the members reads; nil when one of them cannot be understood.
    static func topics(of subscriptions: some Sequence<ByteBuffer>) -> Set<String>? {
        var topics: Set<String> = []
        for subscription in subscriptions {
            do throws(MalformedInput) {
                topics.formUnion(try Self.topics(of: subscription))
            } catch {
                return nil
            }
        }
        return topics
    }

    /// Topics come first in every version.
    private static func topics(of subscription: ByteBuffer) throws(MalformedInput) -> [String] {
        try WireReader.read(subscription) { reader throws(MalformedInput) in
            _ = try reader.int16()
            let count = try reader.int32()
            var topics: [String] = []
            for _ in 0..<max(0, count) { topics.append(try reader.text(Int(try reader.int16()))) }
            return topics
        }
    }
}
