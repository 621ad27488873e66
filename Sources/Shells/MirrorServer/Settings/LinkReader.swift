import Mirroring
import Settings

/// Reads one link: its own keys before those that stand alone.
struct LinkReader {
    /// In milliseconds; shorter ones would end while they are renewed.
    private static let shortestLease: Int64 = 1000

    var source: String
    var target: String
    var values: SettingValues

    func read() throws(InvalidSettings) -> LinkSettings {
        let mode = mode()
        let keepsNames =
            mode != .compatible || values.text(key("replication.policy.class")).hasSuffix("IdentityReplicationPolicy")
        let separator = values.text(key("replication.policy.separator"))
        guard !separator.isEmpty else {
            let key = key("replication.policy.separator")
            throw InvalidSettings(problems: ["\(values.place(of: key))\(key)= is not allowed: at least one character"])
        }
        let separatesInternal = boolean("replication.policy.internal.topic.separator.enabled")
        let plan = TopicPlan(
            source: source, target: target,
            policy: ReplicationPolicy(
                naming: keepsNames ? .identity : .prefixed, separator: separator,
                internalSeparator: separatesInternal ? separator : "."),
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
            recoveryLimits: try recoveryLimits(), homeLease: try homeLease(mode),
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
            sources: MirrorSchema.linkKeys.map { source(of: $0.name) })
    }

    /// Where the value of a key comes from.
    private func source(of name: String) -> SettingSource {
        let key = key(name)
        let place: SettingSource.Place =
            switch values.line(of: key) {
            case nil: .standard
            case 0?: .decision
            case let line?: .file(path: values.path, line: line, key: key)
            }
        return SettingSource(key: name, value: values[key], place: place)
    }

    /// Topics of exact links keep their names; there is nothing that could tell a prefix from a name.
    private func mode() -> LinkSettings.Mode {
        guard values.text(key("mode")) == "exact" else { return .compatible }
        return .exact(GapPolicy(rawValue: values.text(key("mirror.gap.policy"))) ?? .stop)
    }

    /// What an operator should know of a link that was read; nil for nothing.
    func warning(_ link: LinkSettings) -> String? {
        let key = key("replication.policy.class")
        guard link.isEnabled, link.mode != .compatible, values.isSet(key),
            !values.text(key).hasSuffix("IdentityReplicationPolicy")
        else { return nil }
        return "\(values.place(of: key))\(key) has no effect on link \(link.name): exact mirroring keeps topics' names"
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

    private func recoveryLimits() throws(InvalidSettings) -> RecoveryLimits {
        let key = key("mirror.recovery.point.limits")
        do throws(RecoveryLimits.Unreadable) {
            return try RecoveryLimits(values[key] == nil ? [] : values.list(key))
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
