import Controller
import KafkaProtocol
import KafkaProtocolClusters
import Replication
import Seams

/// Topics that clients may write only while a link says that the home has not moved.
extension BrokerKernel {
    /// In milliseconds: no link asks for more than an hour.
    private static let longestLease: Int64 = 3_600_000

    /// Begins or ceases to need a lease, as the topic's settings have it.
    mutating func takeLease(_ partition: Partition) {
        guard partition.isLeader, let link = partition.leaseLink else {
            partition.lease = nil
            return
        }
        if partition.lease?.link != link { partition.lease = HeldLease(link) }
    }

    /// Why clients may not write now, and what to do; nil when they may.
    mutating func leaseObjection(to partition: Partition) -> String? {
        guard let lease = partition.lease, !lease.isHeld(at: now) else { return nil }
        if !lease.isMissed, lease.end != nil {
            partition.lease?.isMissed = true
            perform(
                .report(
                    "link \(lease.link) does not say any more that the home of \(partition.name) is here: clients cannot "
                        + "write until it does"))
        }
        return
            "the lease of \(partition.name) is not renewed by link \(lease.link): its home may have moved; let the mirror "
            + "run, or take \(HomeLease.linkKey) back where that is certain not to be so"
    }

    /// A link has shown a moment of this broker's after which its target has said that the home is here.
    mutating func renewLease(of partition: Partition, _ body: MirrorConfirmRequest) {
        guard let link = partition.lease?.link, link == body.linkName, body.brokerEpoch == ownEpoch, ownEpoch != -1,
            (0...now.nanoseconds).contains(body.moment), (1...Self.longestLease).contains(body.leaseMs)
        else { return }
        let moment = Instant(nanoseconds: body.moment, unixMilliseconds: now.unixMilliseconds)
        partition.lease?.renew(since: moment, for: .milliseconds(body.leaseMs))
        if let lease = partition.lease, lease.isMissed, lease.isHeld(at: now) {
            partition.lease?.isMissed = false
            perform(.note("link \(link) says again that the home of \(partition.name) is here: clients may write"))
        }
    }

    /// Another one after every start, so that moments of an earlier process say nothing; -1 while there is none.
    var ownEpoch: Int64 { image.brokers[settings.brokerID]?.epoch ?? -1 }

    /// Says whether topics are mirror topics still, by one transaction that changes nothing.
    mutating func affirmHomes(_ request: Request, _ body: MirrorAlterRequest) {
        let isPermitted = permitsOnCluster(request, .clusterAction)
        var refusals: [AdminRefusal?] = []
        var affirmations: [HomeAffirmation] = []
        for topic in body.topics {
            do throws(AdminRefusal) {
                guard isPermitted else { throw .unauthorizedOnCluster }
                affirmations.append(try affirmation(topic))
                refusals.append(nil)
            } catch {
                refusals.append(error)
            }
        }
        guard !affirmations.isEmpty else { return answerAlteration(request, body, refusals, []) }
        change(.affirmHomes(affirmations)) { [refusals] kernel, outcome in
            let refusal = AdminRefusal(outcome)
            kernel.answerAlteration(request, body, refusals.map { $0 ?? refusal }, [])
        }
    }

    /// What is asked for, checked against the image.
    private func affirmation(_ wanted: MirrorAlterRequest.AlteredTopic) throws(AdminRefusal) -> HomeAffirmation {
        try checkIsController()
        let configs = Dictionary(wanted.configs.map { ($0.name, $0.value ?? "") }) { first, _ in first }
        let limit = HomeLease.limit(configs)
        if let text = configs[HomeLease.limitKey], limit == nil {
            throw AdminRefusal(.invalidRequest, "\(text) is no \(HomeLease.limitKey).")
        }
        let affirmation = HomeAffirmation(
            topic: wanted.name, link: wanted.linkName, homeEpoch: wanted.homeEpoch, limit: limit)
        do throws(ChangeRefusal) { _ = try affirmation.check(on: image) } catch { throw AdminRefusal(error) }
        return affirmation
    }
}
