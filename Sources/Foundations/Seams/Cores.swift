/// A decision maker: what happened goes in, what to do comes out. The shell performs the effects in order
/// and reports their outcomes as further events.
package protocol ProtocolCore {
    associatedtype Event
    associatedtype Effect
    mutating func step(_ event: Event, at now: Instant, into effects: inout [Effect])
}

/// What a ``ReplicatedCore`` makes of an event: records to append to its log, in order, and effects to perform once
/// they are committed.
package struct Decision<Record, Effect> {
    package var records: [Record]
    package var effects: [Effect]

    package init(records: [Record] = [], effects: [Effect] = []) {
        self.records = records
        self.effects = effects
    }
}

/// A state machine whose lasting state is the replay of a replicated log. Hard state changes only in `apply`.
package protocol ReplicatedCore {
    associatedtype Event
    associatedtype Record
    associatedtype Effect
    associatedtype HardState: Equatable
    var hard: HardState { get }
    mutating func decide(_ event: Event, at now: Instant) -> Decision<Record, Effect>
    mutating func apply(_ record: Record, into effects: inout [Effect])
}
