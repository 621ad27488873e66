/// What a broker is told of how its cluster's partitions get their leaders.
package struct LeadershipSettings: Sendable {
    /// `unclean.leader.election.enable`, for topics that do not say.
    package var mayBeUnclean = false
    /// `auto.leader.rebalance.enable`
    package var isRebalanced = true
    /// `leader.imbalance.check.interval.seconds`
    package var imbalanceCheckInterval = Duration.seconds(300)
    /// `leader.imbalance.per.broker.percentage`
    package var imbalancePercentage = 10
    /// How long the broker waits before it stops until others lead what it leads: `controlled.shutdown.max.retries`
    /// times `controlled.shutdown.retry.backoff.ms`; zero where `controlled.shutdown.enable` is off.
    package var controlledShutdownTime = Duration.seconds(15)

    package init() {}
}
