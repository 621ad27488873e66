import ClusterModel
import Controller
import SegmentedLog

/// Why a partition that is to be on this broker cannot be served by it.
package enum OfflineReason: Sendable {
    /// Its own files made no sense and were put aside. It can begin anew as a follower that is not in sync.
    case unusable
    /// Its directory failed; until the broker starts again there is no telling what is in it.
    case directoryFailed
}

extension BrokerKernel {
    /// Ends the service of what failed in this step.
    mutating func retireFailedLogs() {
        guard !logFailures.isEmpty else { return }
        let failures = logFailures
        logFailures.removeAll()
        for failure in failures { retire(failure) }
    }

    /// Lets the controller know when other partitions than before cannot be served.
    mutating func tellOfflineReplicas() {
        if offline.isEmpty && toldOffline.isEmpty { return }
        let names = offline.keys.sorted()
        guard names != toldOffline else { return }
        toldOffline = names
        perform(.replicasOffline(names))
    }

    /// Forgets what the tree does not place here any more.
    mutating func dropOfflinePartitions() {
        for name in offline.keys.sorted() {
            if image.topics[name.topic]?.places(name.partition, on: settings.brokerID) ?? false { continue }
            offline[name] = nil
            logStore.forgetUnusable(name)
            // A copy that was to take its place, in a directory that is in use.
            if logStore.future(of: name) != nil { deleteLog(of: name) }
        }
    }

    private mutating func retire(_ failure: LogFailure) {
        guard failure.concernsOnePartition else { return retireDirectory(failure) }
        do throws(LogFailure) {
            if let (partition, report) = try logStore.putAside(because: failure, at: now) {
                perform(.report(report))
                takeOffline(partition, .unusable)
            } else {
                perform(.report("of no log in use: \(failure)"))
            }
        } catch {
            retireDirectory(error)
        }
    }

    private mutating func retireDirectory(_ failure: LogFailure) {
        // What failed may belong to a directory that failed before.
        guard let (partitions, path) = logStore.fail(failure) else { return }
        if logStore.directories.isEmpty {
            perform(.stop(reason: "no data directory is left, \(path) failed: \(failure)"))
        } else {
            perform(
                .report("data directory \(path) failed, its \(partitions.count) partitions are offline: \(failure)"))
        }
        for partition in partitions { takeOffline(partition, .directoryFailed) }
    }

    private mutating func takeOffline(_ name: TopicPartition, _ reason: OfflineReason) {
        offline[name] = reason
        if let partition = partitions[name] { stopServing(partition) }
    }

    /// Whether a partition that the tree places here must wait because a log of it existed that cannot be used.
    ///
    /// A replica that is not in sync loses nothing when it begins anew; one that is in sync must not, for its leader,
    /// or clients, count on what it had.
    mutating func mustStayOffline(_ name: TopicPartition, inSync: [BrokerID]) -> Bool {
        guard logStore.log(of: name) == nil else { return false }
        // What the tree places here from the start may be in a directory that could not be opened.
        if !hasFollowed && !logStore.failures.isEmpty { offline[name] = .directoryFailed }
        if logStore.isUnusable(name) && offline[name] == nil { offline[name] = .unusable }
        guard let reason = offline[name] else { return false }
        if reason == .directoryFailed || inSync.contains(settings.brokerID) { return true }
        offline[name] = nil
        return false
    }
}
