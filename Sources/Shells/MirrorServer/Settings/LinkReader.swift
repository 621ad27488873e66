import Mirroring
import Settings

/// Reads one link: its own keys before those that stand alone.
struct LinkReader {
    /// In milliseconds; shorter ones would end while they are renewed.
    private static let shortestLease: Int64 = 1000
    private static let policyClass = "replication.policy.class"
    private static let separator = "replication.policy.separator"

    var source: String
    var target: String
    var values: SettingValues

    func read() throws(InvalidSettings) -> LinkSettings {
        let mode = mode()
        let plan = TopicPlan(
            source: source, target: target, policy: try policy(),
            topics: try selection("topics", excluding: "topics.exclude"),
            excludedSettings: try selection("config.properties.exclude", excluding: nil),
            copiesHeartbeats: boolean("emit.heartbeats.enabled") && boolean("heartbeats.replication.enabled"),
            synchronizesSettings: boolean("sync.topic.configs.enabled"))
        return LinkSettings(
            source: source, target: target, mode: mode,
            gapPolicy: compatibleGapPolicy(),
            deletionPolicy: DeletionPolicy(rawValue: values.text(key("mirror.deletion.policy"))) ?? .ask,
            limits: Bandwidth.Limits(
                link: rate("mirror.rate.bytes.per.second"), topic: rate("mirror.topic.rate.bytes.per.second")),
            recoveryLimits: try recoveryLimits(plan.names), homeLease: try homeLease(mode),
            sessionTimeout: boolean("mirror.sharing.enabled")
                ? .milliseconds(values.integer(key("mirror.session.timeout.ms"))) : nil,
            isEnabled: boolean("enabled"), plan: plan,
            groups: try selection("groups", excluding: "groups.exclude"),
            topicsInterval: interval("refresh.topics") ?? .seconds(365 * 86_400),
            topicSettingsInterval: interval("sync.topic.configs"), heartbeatsInterval: interval("emit.heartbeats"),
            checkpointsInterval: interval("emit.checkpoints"), groupOffsetsInterval: groupOffsetsInterval(mode),
            quotasInterval: interval("sync.client.quotas"), credentialsInterval: interval("sync.scram.credentials"),
            rulesInterval: interval(mode == .compatible ? "sync.topic.acls" : "sync.acls"),
            emitsOffsetSyncs: boolean("emit.offset-syncs.enabled"),
            syncsLocation: values.text(key("offset-syncs.topic.location")) == "target" ? .target : .source,
            replication: ReplicationFactors(
                remoteTopics: replicas("replication.factor"),
                offsetSyncs: replicas("offset-syncs.topic.replication.factor"),
                checkpoints: replicas("checkpoints.topic.replication.factor"),
                heartbeats: replicas("heartbeats.topic.replication.factor")),
            formerMirror: formerMirror(),
            sources: try MirrorSchema.linkKeys.map { key throws(InvalidSettings) in try source(of: key.name) },
            names: names(mode == .compatible ? ReplicationPolicy(naming: .identity) : plan.policy),
            homeNames: names(try homePolicy()))
    }

    // MARK: Names

    private func names(_ policy: ReplicationPolicy) -> LinkNames {
        LinkNames(source: source, target: target, policy: policy)
    }

    private func policy() throws(InvalidSettings) -> ReplicationPolicy {
        let policyKey = try namingKey(Self.policyClass)
        let separatorKey = try namingKey(Self.separator)
        let changesNames = mode() == .compatible || values.isSet(policyKey)
        let keepsNames = !changesNames || values.text(policyKey).hasSuffix("IdentityReplicationPolicy")
        let separator = values.text(separatorKey)
        guard !separator.isEmpty else {
            throw InvalidSettings(problems: [
                "\(values.place(of: separatorKey))\(separatorKey)= is not allowed: at least one character"
            ])
        }
        let separatesInternal = boolean("replication.policy.internal.topic.separator.enabled")
        return ReplicationPolicy(
            naming: keepsNames ? .identity : .prefixed, separator: separator,
            internalSeparator: separatesInternal ? separator : ".")
    }

    /// Of topics whose homes move by this link, or by the other way round.
    private func homePolicy() throws(InvalidSettings) -> ReplicationPolicy {
        if mode() != .compatible { return try policy() }
        let back = LinkReader(source: target, target: source, values: values)
        return back.mode() == .compatible ? ReplicationPolicy(naming: .identity) : try back.policy()
    }

    /// Where the value of a key comes from.
    private func source(of name: String) throws(InvalidSettings) -> SettingSource {
        let key = [Self.policyClass, Self.separator].contains(name) ? try namingKey(name) : key(name)
        let place: SettingSource.Place =
            switch values.line(of: key) {
            case nil: .standard
            case 0?: .decision
            case let line?: .file(path: values.path, line: line, key: key)
            }
        return SettingSource(key: name, value: values[key], place: place)
    }

    /// The key of how topics are named that counts for this link. Of an exact one: its own, that of the way back, where it is
    /// exact too, or that of all links. Both ways give the same pairs of names, or what went there would not find its way
    /// back.
    private func namingKey(_ name: String) throws(InvalidSettings) -> String {
        if mode() == .compatible { return key(name) }
        let own = "\(source)->\(target).\(name)"
        let back = LinkReader(source: target, target: source, values: values)
        let other = "\(target)->\(source).\(name)"
        // What was decided at run time the other end alone knows.
        guard back.mode() != .compatible, values.isSet(other) else { return key(name) }
        guard values.isSet(own) else { return values.line(of: other) == 0 ? name : other }
        guard isSame(values.text(own), values.text(other)) else {
            throw InvalidSettings(problems: [
                "\(values.place(of: own))\(own)=\(values.text(own)) and \(other)=\(values.text(other)): topics that are "
                    + "mirrored exactly need the same names both ways"
            ])
        }
        return own
    }

    /// Of policies the short name says the same.
    private func isSame(_ one: String, _ other: String) -> Bool {
        one == other || one.hasSuffix(".\(other)") && !other.isEmpty || other.hasSuffix(".\(one)") && !one.isEmpty
    }

    private func mode() -> LinkSettings.Mode {
        guard values.text(key("mode")) == "exact" else { return .compatible }
        return .exact(GapPolicy(rawValue: values.text(key("mirror.gap.policy"))) ?? .stop)
    }

    /// MirrorMaker 2 goes on behind a gap; so does a compatible link of which nobody says otherwise.
    private func compatibleGapPolicy() -> GapPolicy {
        let key = key("mirror.gap.policy")
        return (values.isSet(key) ? GapPolicy(rawValue: values.text(key)) : nil) ?? .continue
    }

    /// With exact mirroring offsets of groups need no translation: they follow from second to second unless that is
    /// switched off.
    private func groupOffsetsInterval(_ mode: LinkSettings.Mode) -> Duration? {
        let feature = "sync.group.offsets"
        guard mode != .compatible else { return interval(feature) }
        if values.isSet(key("\(feature).enabled")), !boolean("\(feature).enabled") { return nil }
        guard values.isSet(key("\(feature).interval.seconds")) else { return .seconds(1) }
        return .seconds(values.integer(key("\(feature).interval.seconds")))
    }

    /// MirrorMaker 2 sets both for all clusters or for the target; without that it names them after the source.
    private func formerMirror() -> FormerMirrorNames {
        func set(_ name: String) -> String? { values["\(target).\(name)"] ?? values[name] }
        return FormerMirrorNames(
            offsetsTopics: [set("offset.storage.topic") ?? "mm2-offsets.\(source).internal"],
            groups: ["\(source)-mm2"] + (set("group.id").map { [$0] } ?? []))
    }

    /// The patterns of the topics that a link copies.
    static func patterns(_ link: LinkSettings, _ values: SettingValues) -> [String] {
        let reader = LinkReader(source: link.source, target: link.target, values: values)
        return values.list(reader.key("topics"))
    }

    /// The key that counts for this link.
    private func key(_ name: String) -> String {
        let own = "\(source)->\(target).\(name)"
        return values.isSet(own) ? own : name
    }

    private func boolean(_ name: String) -> Bool { values.boolean(key(name)) }

    /// nil when the feature is disabled.
    private func interval(_ feature: String) -> Duration? {
        boolean("\(feature).enabled") ? .seconds(values.integer(key("\(feature).interval.seconds"))) : nil
    }

    private func homeLease(_ mode: LinkSettings.Mode) throws(InvalidSettings) -> Duration? {
        let key = key("mirror.home.lease.ms")
        let milliseconds = values.integer(key)
        guard mode != .compatible, milliseconds != 0 else { return nil }
        guard milliseconds >= Self.shortestLease else {
            throw InvalidSettings(problems: [
                "\(values.place(of: key))\(key)=\(milliseconds) is not allowed: 0, or \(Self.shortestLease) and more"
            ])
        }
        return .milliseconds(milliseconds)
    }

    private func rate(_ name: String) -> Int64? {
        values[key(name)] == nil ? nil : values.integer(key(name))
    }

    private func recoveryLimits(_ names: LinkNames) throws(InvalidSettings) -> RecoveryLimits {
        let key = key("mirror.recovery.point.limits")
        do throws(RecoveryLimits.Unreadable) {
            return try RecoveryLimits(values[key] == nil ? [] : values.list(key), names: names)
        } catch {
            throw InvalidSettings(problems: [
                "\(values.place(of: key))\(key)='\(error.entry)' is not allowed: a comma-separated list of "
                    + "pattern:milliseconds"
            ])
        }
    }

    private func replicas(_ name: String) -> Int16? {
        values[key(name)] == nil ? nil : Int16(clamping: values.integer(key(name)))
    }

    private func selection(_ name: String, excluding excluded: String?) throws(InvalidSettings) -> NameSelection {
        let included = values.list(key(name))
        let left = excluded.map { values.list(key($0)) } ?? []
        do throws(NameSelection.Unreadable) {
            return try NameSelection(including: included, excluding: left)
        } catch {
            let owner = included.contains(error.pattern) ? key(name) : key(excluded ?? name)
            throw InvalidSettings(problems: [
                "\(values.place(of: owner))\(owner)='\(error.pattern)' is not allowed: "
                    + "a comma-separated list of regular expressions"
            ])
        }
    }
}
