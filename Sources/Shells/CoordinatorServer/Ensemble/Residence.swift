import CoordinatorKernel
import Logging
import Quorum
import Seams
import Settings
import Transport

/// Where a member lives: when the ensemble changes, it listens where its new server line says, and writes down for its
/// next start what was agreed on.
///
/// Ports for other members are opened as soon as a change is proposed, for they come at once; everything else follows
/// when the change is agreed on. One change is dealt with at a time, in order.
final class Residence: Sendable {
    enum Change: Sendable {
        /// This is the ensemble, unless that is taken back.
        case proposed(Membership)
        case agreed(Membership)
    }

    private let changes: AsyncStream<Change>.Continuation
    private let task: Task<Void, Never>

    /// - Parameter moved: called when clients are served on other ports.
    init(
        _ settings: EnsembleSettings, _ links: PeerLinks, _ listening: Listening, logger: Logger,
        moved: @escaping @Sendable (ClientPorts) -> Void
    ) {
        let (stream, continuation) = AsyncStream.makeStream(of: Change.self)
        changes = continuation
        let steps = Moving(settings: settings, links: links, listening: listening, logger: logger, moved: moved)
        task = Task {
            // The listeners of a member's settings are those of this line, whatever they are.
            var line = settings.membership[settings.id]
            for await change in stream { await steps.follow(change, from: &line) }
        }
    }

    func tell(_ change: Change) { changes.yield(change) }

    /// Returns when what was begun has been finished; changes that wait are not dealt with any more.
    func stop() async {
        task.cancel()
        changes.finish()
        await task.value
    }
}

/// What a member does about one change after the other.
private struct Moving: Sendable {
    let settings: EnsembleSettings
    let links: PeerLinks
    let listening: Listening
    let logger: Logger
    let moved: @Sendable (ClientPorts) -> Void

    /// - Parameter line: the server line by which this member listens; the new one on return, when it is agreed on.
    func follow(_ change: Residence.Change, from line: inout Membership.Member?) async {
        switch change {
        case .proposed(let membership):
            guard let own = membership[settings.id], own.address != line?.address else { return }
            _ = await open(own, isReplacing: false)
        case .agreed(let membership):
            writeDown(membership)
            // Who does not belong to the ensemble any more stays where it is, for it may come back.
            guard let own = membership[settings.id] else { return }
            if own.address != line?.address, await move(to: own) { line = own }
            await serveClients(of: own)
        }
    }

    private func open(_ own: Membership.Member, isReplacing: Bool) async -> Bool {
        do {
            try await links.listen(at: settings.listeners(of: own), isReplacing: isReplacing)
            return true
        } catch {
            logger.error("other members do not find this one where the ensemble has it: \(error)")
            return false
        }
    }

    private func move(to own: Membership.Member) async -> Bool {
        guard await open(own, isReplacing: true) else { return false }
        do {
            try await links.abandonAll(but: settings.listeners(of: own))
        } catch {
            logger.warning("ports that the ensemble does not know any more stay open: \(error)")
        }
        logger.info("other members find this one at \(own.address)")
        return true
    }

    private func serveClients(of own: Membership.Member) async {
        guard let client = MemberAddress(of: own)?.client else { return }
        do {
            let place = CoordinatorSettings.Endpoint(host: client.host, port: client.port)
            guard try await listening.move(to: place) else { return }
            logger.info("serving clients on port \(client.port), plaintext, from now on")
        } catch {
            logger.error("clients are not served where the ensemble has it: \(error)")
        }
        moved(listening.ports)
    }

    /// A directory that cannot be written to is no reason to end: the coordinator's own data knows the ensemble too.
    private func writeDown(_ membership: Membership) {
        guard let files = settings.files, membership[settings.id] != nil else { return }
        do {
            try files.write(membership, own: settings.id)
        } catch {
            logger.warning("the ensemble that was agreed on is not written down: \(error)")
        }
    }
}
