/// Where a group stands between two generations (Apache Kafka's classic protocol).
///
///     state                | JoinGroup         | SyncGroup      | Heartbeat   | OffsetCommit | left when
///     ---------------------+-------------------+----------------+-------------+--------------+---------------------------
///     empty                | begins rebalance  | unknown member | unknown m.  | without      | a member joins:
///                          |                   |                |             | member       |   → preparingRebalance
///     preparingRebalance   | waits             | rebalance      | rebalance   | of members   | all joined or time is up:
///                          |                   |                |             |              |   → completingRebalance,
///                          |                   |                |             |              |   nobody left → empty
///     completingRebalance  | same: told again; | waits          | yes         | rebalance    | the leader syncs: → stable;
///                          | else rebalance    |                |             |              |   any change:
///                          |                   |                |             |              |   → preparingRebalance
///     stable               | same: told again; | the assignment | yes         | of members   | any change, or somebody did
///                          | else rebalance    |                |             |              |   not sync in time:
///                          |                   |                |             |              |   → preparingRebalance
///
/// A generation begins with → completingRebalance and with → empty. "rebalance" as an answer is
/// REBALANCE_IN_PROGRESS. A change is a member that joins, leaves, expires or changes its metadata, or a leader that
/// joins again. A group that is gone is shown as `Dead`.
enum GroupState: String {
    case empty = "Empty"
    case preparingRebalance = "PreparingRebalance"
    case completingRebalance = "CompletingRebalance"
    case stable = "Stable"
}
