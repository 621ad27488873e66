/// Whether a partition's leader answers acks=all only when the target of a link has the records too.
package enum Synchrony: Int8, Sendable {
    /// Nobody has asked for that.
    case asynchronous = 0
    case synchronous = 1
    /// It was asked for, but the link does not keep up: answers wait for it no more until it does.
    case degraded = 2

    /// The setting of a topic by which its users ask for it: the link, `source->target`. It counts where the topic's home
    /// is.
    package static let linkKey = "mirror.synchronous.link"
    /// The setting that says for how long an answer waits for the link at most.
    package static let limitKey = "mirror.synchronous.timeout.ms"
    /// Both, sorted. Each cluster has its own.
    package static let keys = [linkKey, limitKey]

    /// For people and programs; nil for what nobody has asked for.
    package var name: String? {
        switch self {
        case .asynchronous: nil
        case .synchronous: "synchronous"
        case .degraded: "degraded"
        }
    }
}
