import Seams
import ZooKeeperProtocol

/// What clients meet while the disk has no room for changes: reads are answered and sessions live on; changes are
/// refused, new sessions too. Closing and expiring sessions waits until there is room again.
extension CoordinatorKernel {
    /// Clients take it for trouble that passes: kazoo and Curator try again, at growing intervals, and every client
    /// knows it, which is not so for `THROTTLEDOP`. For a lost connection, which the change may have survived, Apache
    /// Kafka's brokers would try again without a pause.
    static let refusalWithoutRoom = ZooKeeperError.operationTimeout

    mutating func postpone(
        _ request: ZooKeeperRequest, _ asked: Asked, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        guard case .closeSession = request else {
            return reply(.failure(Self.refusalWithoutRoom), to: asked, at: now, into: &effects)
        }
        postponedCloses.append(asked)
        // Nothing that it still sends counts.
        leave(asked.connection)
        clients[asked.connection]?.phase = .ending
    }

    mutating func spaceRanOut(at now: Instant, into effects: inout [CoordinatorEffect]) {
        hasRoom = false
        // Another member may have room.
        if ensemble?.isLeading == true { stepQuorum(.resigned, at: now, into: &effects) }
    }

    mutating func spaceCameBack(at now: Instant, into effects: inout [CoordinatorEffect]) {
        hasRoom = true
        let closes = postponedCloses
        postponedCloses = []
        // Who leads no longer has ended all connections, and the sessions end by their timeout.
        guard isDeciding else { return }
        for asked in closes { closeSession(asked, at: now, into: &effects) }
    }
}

extension ZooKeeperRequest {
    /// Whether it cannot be answered without writing to the log.
    var isChange: Bool {
        switch self {
        case .change, .multi, .setACL, .reconfig, .closeSession: true
        default: false
        }
    }
}
