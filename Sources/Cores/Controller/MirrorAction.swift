/// What MirrorAlter does to a topic, by its number on the wire.
package enum MirrorAction: Int8, Sendable {
    case mirror = 0
    case beginPromotion = 1
    case promote = 2
    case fence = 3
    case rewind = 4
    case unfence = 5
    /// Changes nothing, and is not mixed with others: says whether a lease may be renewed.
    case affirm = 6
    case reclaim = 7
}
