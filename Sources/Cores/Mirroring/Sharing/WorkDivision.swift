import ClusterModel

/// Who of the processes that share a link brings which partitions: by weight, and so that little moves.
///
/// * What nobody brings goes to whoever carries least, the heaviest first.
/// * Who has just come gets from those that carry more than the mean until it carries nearly the mean.
/// * What a living member brings moves for no other reason, unless the caller asks to even out what has drifted apart.
///
/// What moves is given to nobody before its former owner has said that it writes it no more (as in KIP-429).
package struct WorkDivision: Sendable {
    package struct Member: Sendable {
        package var id: String
        /// What it brings now, with weights.
        package var claims: [TopicPartition: Int64]

        package init(_ id: String, claims: [TopicPartition: Int64] = [:]) {
            self.id = id
            self.claims = claims
        }
    }

    /// Parts of the mean weight: how far from it nobody is moved about.
    private static let tolerance = 0.1
    /// How far the heaviest and the lightest may be apart before that is evened out, and after it.
    private static let driftBegins = 0.5
    private static let driftEnds = 0.25

    /// In the order of their ids.
    private let members: [Member]
    /// How heavy every partition is.
    package let weights: [TopicPartition: Int64]
    /// Who is to bring what, by the places of members.
    private var owners: [TopicPartition: Int] = [:]
    private var loads: [Int64]

    /// - Parameters:
    ///   - partitions: all that the link brings. What members claim is brought too.
    ///   - members: at least one, with different ids.
    ///   - known: weights of partitions that nobody claims, as far as they were told before.
    ///   - intended: for whom, by its id, others were told to let go of partitions; perhaps they have not done so yet.
    ///   - evensOut: whether partitions move between those that have been there before, when one carries much more than
    ///     another.
    package init(
        of partitions: Set<TopicPartition>, among members: [Member], known: [TopicPartition: Int64] = [:],
        intended: [TopicPartition: String] = [:], evensOut: Bool = false
    ) {
        precondition(!members.isEmpty, "work is divided among nobody")
        self.members = members.sorted { $0.id < $1.id }
        loads = Array(repeating: 0, count: members.count)
        weights = Self.weights(partitions, self.members, known)
        give(intended)
        keepClaims()
        giveOrphans()
        fillNewcomers()
        if evensOut { evenOut() }
    }

    /// Who was never heard of weighs as much as the others on an average.
    private static func weights(
        _ partitions: Set<TopicPartition>, _ members: [Member], _ known: [TopicPartition: Int64]
    ) -> [TopicPartition: Int64] {
        var weights = known.filter { partitions.contains($0.key) }
        for member in members { weights.merge(member.claims) { max($0, $1) } }
        let mean = weights.isEmpty ? PartitionWeights.least : weights.values.reduce(0, +) / Int64(weights.count)
        for partition in partitions where weights[partition] == nil { weights[partition] = mean }
        return weights
    }

    private func weight(_ partition: TopicPartition) -> Int64 { weights[partition] ?? PartitionWeights.least }

    // MARK: What comes of it

    /// What all together carry, for each of them.
    package var meanWeight: Int64 { loads.reduce(0, +) / Int64(loads.count) }

    /// What each member is to bring in the end, by its id.
    package var goals: [String: Set<TopicPartition>] {
        var goals = Dictionary(uniqueKeysWithValues: members.map { ($0.id, Set<TopicPartition>()) })
        for (partition, place) in owners { goals[members[place].id, default: []].insert(partition) }
        return goals
    }

    /// For whom, by their ids, partitions are that others have not let go of yet.
    package var intended: [TopicPartition: String] {
        let shares = shares
        return owners.reduce(into: [:]) { intended, one in
            let id = members[one.value].id
            if shares[id]?[one.key] == nil { intended[one.key] = id }
        }
    }

    /// What each member may bring now, by its id: its goal without what another has not let go of yet.
    package var shares: [String: [TopicPartition: Int64]] {
        var claimants: [TopicPartition: Set<Int>] = [:]
        for (place, member) in members.enumerated() {
            for partition in member.claims.keys { claimants[partition, default: []].insert(place) }
        }
        var shares = Dictionary(uniqueKeysWithValues: members.map { ($0.id, [TopicPartition: Int64]()) })
        for (partition, place) in owners where claimants[partition, default: []].subtracting([place]).isEmpty {
            shares[members[place].id]?[partition] = weight(partition)
        }
        return shares
    }

    // MARK: How it comes about

    private mutating func give(_ partition: TopicPartition, to place: Int) {
        if let before = owners[partition] { loads[before] -= weight(partition) }
        owners[partition] = place
        loads[place] += weight(partition)
    }

    private mutating func keepClaims() {
        for (place, member) in members.enumerated() {
            for partition in member.claims.keys where owners[partition] == nil { give(partition, to: place) }
        }
    }

    private mutating func give(_ intended: [TopicPartition: String]) {
        for (place, member) in members.enumerated() {
            for (partition, id) in intended where id == member.id && owners[partition] == nil {
                if weights[partition] != nil { give(partition, to: place) }
            }
        }
    }

    /// The heaviest first; of equals, the first by name.
    private func inOrder(_ partitions: some Sequence<TopicPartition>) -> [TopicPartition] {
        partitions.map { (weight($0), $0) }.sorted { ($1.0, $0.1) < ($0.0, $1.1) }.map(\.1)
    }

    /// Of these members the one that carries least; of equals, the first by id.
    private func lightest(_ places: some Sequence<Int>) -> Int? {
        places.min { (loads[$0], $0) < (loads[$1], $1) }
    }

    private mutating func giveOrphans() {
        for partition in inOrder(weights.keys.filter { owners[$0] == nil }) {
            if let place = lightest(loads.indices) { give(partition, to: place) }
        }
    }

    private mutating func fillNewcomers() {
        let newcomers = members.indices.filter { members[$0].claims.isEmpty }
        guard !newcomers.isEmpty, newcomers.count < members.count else { return }
        let mean = Double(meanWeight)
        let enough = Int64(mean * (1 - Self.tolerance))
        let most = Int64(mean * (1 + Self.tolerance))
        let movable = owners.filter { !members[$0.value].claims.isEmpty && Double(loads[$0.value]) > mean }.keys
        for partition in inOrder(movable) {
            guard let place = lightest(newcomers), loads[place] < enough else { return }
            guard let owner = owners[partition], Double(loads[owner]) > mean else { continue }
            let load = loads[place] + weight(partition)
            // Rather less than it could carry than more; and whoever gives is not to carry less for it than who takes.
            if load <= max(most, loads[owner] - weight(partition)) { give(partition, to: place) }
        }
    }

    private mutating func evenOut() {
        let mean = Double(meanWeight)
        var isBegun = false
        while let light = lightest(loads.indices), let heavy = loads.indices.max(by: { loads[$0] < loads[$1] }) {
            let gap = loads[heavy] - loads[light]
            guard Double(gap) > mean * (isBegun ? Self.driftEnds : Self.driftBegins) else { return }
            isBegun = true
            let own = owners.filter { $0.value == heavy }.keys
            // What closes the gap in the fewest moves.
            guard let best = inOrder(own).first(where: { weight($0) * 2 <= gap }) else { return }
            // Many light ones cost more to move than they weigh.
            guard Double(weight(best)) * 100 >= mean else { return }
            give(best, to: light)
        }
    }
}
