import CoordinatorKernel
import Quorum
import Security
import Settings

/// Reads the files that a configuration names.
typealias SettingsFileReader = (String) throws(UnreadableSettings) -> PropertiesFile

extension CoordinatorSettings {
    /// Reads who belongs to the ensemble, and which of them this is.
    ///
    /// - Parameter lines: the server, group and weight lines of the file itself.
    mutating func readEnsemble(
        _ lines: [PropertiesFile.Entry], _ values: inout SettingValues, _ open: SettingsFileReader,
        problems: inout [String]
    ) {
        var source = PropertiesFile(path: values.path, entries: lines)
        if let path = values["dynamicConfigFile"] {
            if let line = lines.first {
                problems.append(
                    "\(values.path):\(line.line): \(line.key): who belongs to the ensemble stands here and in "
                        + "dynamicConfigFile; leave it in one of them")
                return
            }
            do throws(UnreadableSettings) {
                source = try open(path)
            } catch {
                problems.append("\(values.place(of: "dynamicConfigFile"))dynamicConfigFile: \(error)")
                return
            }
        }
        guard !source.entries.isEmpty, let membership = Self.membership(source, problems: &problems) else { return }
        if membership.members.count == 1, let only = membership.members.first, values.boolean("standaloneEnabled") {
            return readOwnLine(only, of: source, values, problems: &problems)
        }
        guard let id = memberID(open, problems: &problems) else { return }
        guard let own = membership[id] else {
            let known = membership.members.map { "\($0.id)" }.joined(separator: ", ")
            problems.append(
                "\(storage.snapshotDirectory)/myid: this is member \(id), and \(source.path) has no server.\(id), only \(known)"
            )
            return
        }
        readOwnLine(own, of: source, values, problems: &problems)
        readEnsemble(EnsembleSettings(id: id, membership: membership, listeners: []), own, &values, &problems)
    }

    private static func membership(_ source: PropertiesFile, problems: inout [String]) -> Membership? {
        let known = problems.count
        var lines = MembershipLines()
        for entry in source.entries {
            guard MembershipLines.know(entry.key) else {
                problems.append("\(source.path):\(entry.line): \(entry.key) says nothing about an ensemble")
                continue
            }
            do throws(InvalidMembership) {
                try lines.add(entry.key, entry.value)
            } catch {
                problems.append("\(source.path):\(entry.line): \(error)")
            }
        }
        guard problems.count == known else { return nil }
        do throws(InvalidMembership) {
            var membership = try lines.membership()
            // A file is where an ensemble begins; which version it is at is told by what its members have agreed on.
            membership.version = 0
            return membership
        } catch {
            problems.append("\(source.path): \(error)")
            return nil
        }
    }

    /// The number in `myid`.
    private func memberID(_ open: SettingsFileReader, problems: inout [String]) -> MemberID? {
        let path = "\(storage.snapshotDirectory)/myid"
        do throws(UnreadableSettings) {
            let entries = try open(path).entries
            guard entries.count == 1, let entry = entries.first, entry.value.isEmpty, let number = Int64(entry.key),
                MembershipLines.memberNumbers.contains(number)
            else {
                problems.append("\(path): belongs one number, 0 to 255: the N of this member's server.N")
                return nil
            }
            return MemberID(number)
        } catch {
            problems.append("\(error); it holds the number of this member, the N of its server.N")
            return nil
        }
    }

    /// Takes over what the own server line says about clients.
    private mutating func readOwnLine(
        _ own: Membership.Member, of source: PropertiesFile, _ values: SettingValues, problems: inout [String]
    ) {
        if let type = values["peerType"], (type == "participant") != own.isVoter {
            problems.append(
                "\(values.place(of: "peerType"))peerType=\(type), and server.\(own.id) of \(source.path) is "
                    + (own.isVoter ? "a participant" : "an observer"))
        }
        guard let client = Self.address(of: own, problems: &problems)?.client else { return }
        if values.isSet("clientPort"), Int(values.integer("clientPort")) != client.port {
            problems.append(
                "\(values.place(of: "clientPort"))clientPort=\(values.integer("clientPort")), and server.\(own.id) of "
                    + "\(source.path) serves clients on \(client.port)")
        }
        plaintext = Endpoint(host: client.host, port: client.port)
    }

    private static func address(of member: Membership.Member, problems: inout [String]) -> MemberAddress? {
        do throws(InvalidMembership) {
            return try MemberAddress(member.address)
        } catch {
            problems.append("server.\(member.id): \(error)")
            return nil
        }
    }

    private mutating func readEnsemble(
        _ settings: EnsembleSettings, _ own: Membership.Member, _ values: inout SettingValues,
        _ problems: inout [String]
    ) {
        var settings = settings
        settings.listensOnAllAddresses = values.boolean("quorumListenOnAllIPs")
        settings.listeners = settings.listeners(of: own)
        settings.bindAttempts = Int(values.integer("electionPortBindRetry"))
        settings.connectTimeout = values.milliseconds("cnxTimeout")
        settings.allowsReconfiguration = values.boolean("reconfigEnabled")
        if settings.allowsReconfiguration {
            settings.files = ConfigurationFiles(path: values.path, skipsBackup: values.boolean("skipReconfigBackup"))
        }
        settings.quorum = QuorumSettings(
            heartbeatInterval: values.milliseconds("quorum.heartbeatIntervalMs"),
            electionTimeout: values.milliseconds("quorum.electionTimeoutMs"))
        if settings.quorum.electionTimeout < settings.quorum.heartbeatInterval * 3 {
            problems.append(
                "\(values.path): quorum.electionTimeoutMs (\(values.integer("quorum.electionTimeoutMs"))) is below three "
                    + "times quorum.heartbeatIntervalMs (\(values.integer("quorum.heartbeatIntervalMs")))")
        }
        if values.boolean("sslQuorum") {
            settings.tls = Self.tls(values, prefix: "ssl.quorum.", for: "sslQuorum", problems: &problems)
            settings.tls?.verifiesHostName = values.boolean("ssl.quorum.hostnameVerification")
        }
        settings.authentication = Self.peerAuthentication(values, problems: &problems)
        let count = settings.membership.voters.count
        if count % 2 == 0 {
            values.warnings.append(
                "\(values.path): \(count) participants stand the loss of no more members than \(count - 1) would")
        }
        ensemble = settings
    }
}
