import CoordinatorKernel
import NIOCore
import WireCoding
import ZooKeeperProtocol

/// What clients do and what they make of the answers.
extension EnsembleRun {
    mutating func act(_ client: Int) {
        switch clients[client].phase {
        case .away: connect(client)
        case .connecting: if now - clients[client].connectionBegan > 700_000_000 { leave(client) }
        case .connected:
            if !clients[client].waiting.isEmpty, isSilent(client, for: 1300) { return leave(client) }
            guard clients[client].waiting.count < 10 else { return }
            ask(client)
        }
    }

    private func isSilent(_ client: Int, for milliseconds: Int64) -> Bool {
        now - clients[client].heard > milliseconds * 1_000_000
    }

    private mutating func connect(_ client: Int) {
        connectionCount += 1
        clients[client].connection = connectionCount
        let started = servers.indices.filter { servers[$0].hasEverRun }
        clients[client].server = started[random.below(started.count)]
        clients[client].waiting = []
        clients[client].watched = [:]
        let server = clients[client].server
        guard servers[server].isRunning, servers[server].pausedUntil <= now else { return }
        clients[client].phase = .connecting
        clients[client].connectionBegan = now
        let id = ConnectionID(connectionCount)
        step(server, .connected(id, address: "client\(client):1", host: "client\(client)", subject: nil))
        send(client, [clients[client].connectFrame])
    }

    /// Closes the connection without a word.
    mutating func leave(_ client: Int) {
        guard clients[client].phase != .away else { return }
        clients[client].phase = .away
        let server = clients[client].server
        agenda.plan(
            .left(connection: clients[client].connection, server: server, life: servers[server].life),
            at: now + Int64(random.below(100_000_000)))
    }

    private mutating func send(_ client: Int, _ frames: [ByteBuffer]) {
        agenda.plan(
            .asked(client: client, connection: clients[client].connection, frames: frames), at: now + 300_000)
    }

    /// Sends one request more.
    mutating func ask(_ client: Int, _ request: SimulatedClient.Request) {
        send(client, [clients[client].frame(request)])
    }

    private mutating func ask(_ client: Int) {
        var frames: [ByteBuffer] = []
        if !clients[client].hasEphemeral { frames.append(clients[client].frame(.createEphemeral)) }
        for _ in 0..<random.within(1...4) {
            let register = random.below(Self.registerCount)
            switch isEnding ? 20 : random.below(12) {
            case 0...4:
                // The first to come makes the registers; the others try in vain.
                if clients[client].seen[register] < 0 {
                    frames.append(clients[client].frame(.createRegister(register)))
                } else {
                    writeCount += 1
                    oracle.writeWasSent(to: register)
                    frames.append(
                        clients[client].frame(
                            .write(
                                register: register, text: "<\(client)-\(writeCount)>",
                                after: oracle.acknowledged[register])))
                }
            case 5, 6: frames.append(clients[client].frame(.read(register: register, watches: false)))
            case 7, 8: frames.append(clients[client].frame(.read(register: register, watches: true)))
            case 9: frames.append(clients[client].frame(.ping))
            case 10: if clients[client].hasEphemeral { frames.append(clients[client].frame(.seeEphemeral)) }
            default:
                let after = oracle.acknowledged[register]
                frames.append(clients[client].frame(.sync))
                frames.append(clients[client].frame(.synced(register: register, after: after)))
            }
        }
        if !frames.isEmpty { send(client, frames) }
    }

    // MARK: - Answers

    mutating func answered(_ client: Int, _ frame: ByteBuffer) {
        var frame = frame
        frame.moveReaderIndex(forwardBy: 4)
        do throws(MalformedInput) {
            if clients[client].phase == .connecting {
                let response = try WireReader.read(frame) { reader throws(MalformedInput) in
                    try ConnectResponse(reading: &reader)
                }
                connected(client, response)
            } else {
                try WireReader.read(frame) { reader throws(MalformedInput) in try answered(client, &reader) }
            }
        } catch {
            oracle.violate("client \(client) cannot read an answer: \(error)")
        }
    }

    private mutating func connected(_ client: Int, _ response: ConnectResponse) {
        guard response.sessionID != 0 else {
            // None was opened: the leader has no room for it.
            guard clients[client].session != 0 else { return clients[client].phase = .away }
            // A member that has ended may have been the only one to have heard of the client, and members' clocks differ.
            let silence = (now - clients[client].heard) / 1_000_000
            if silence < Int64(response.timeout == 0 ? SimulatedClient.timeout : response.timeout) * 7 / 10 {
                oracle.violate("the session of client \(client) is gone after \(silence) ms")
            }
            clients[client].session = 0
            clients[client].password = ByteBuffer()
            clients[client].hasEphemeral = false
            clients[client].phase = .away
            trace?.note(now, "client \(client) has lost its session")
            return
        }
        if clients[client].session != 0, clients[client].session != response.sessionID {
            oracle.violate("client \(client) asked for session \(clients[client].session) and got another one")
        }
        trace?.note(now, "client \(client) is served by \(clients[client].server + 1)")
        clients[client].session = response.sessionID
        clients[client].password = response.password
        clients[client].phase = .connected
        clients[client].heard = now
    }

    private mutating func answered(_ client: Int, _ reader: inout WireReader) throws(MalformedInput) {
        let header = try ZooKeeperReplyHeader(reading: &reader)
        clients[client].heard = now
        if header.xid == -1 { return notified(client, try WatchedEvent(reading: &reader)) }
        guard let (xid, request, opCode) = clients[client].waiting.first, xid == header.xid else {
            let expected = clients[client].waiting.first.map { "\($0.xid)" } ?? "none"
            return oracle.violate("client \(client) is answered \(header.xid), and \(expected) is next")
        }
        clients[client].waiting.removeFirst()
        if header.zxid < clients[client].lastZxid {
            oracle.violate(
                "client \(client) sees \(zxid: header.zxid) after \(zxid: clients[client].lastZxid)")
        }
        clients[client].lastZxid = max(clients[client].lastZxid, header.zxid)
        if header.zxid > 0, !agreement.isCommitted(header.zxid) {
            oracle.violate("client \(client) is told of \(zxid: header.zxid), which nobody has committed")
        }
        guard header.error == .ok else { return refused(client, request, header.error) }
        understand(client, request, try ZooKeeperReply(to: opCode, reading: &reader))
    }

    private mutating func refused(_ client: Int, _ request: SimulatedClient.Request, _ error: ZooKeeperError) {
        switch (request, error) {
        case (.createRegister(let register), .nodeExists):
            clients[client].seen[register] = max(0, clients[client].seen[register])
        case (.createEphemeral, .nodeExists): clients[client].hasEphemeral = true
        case (.read(let register, _), .noNode), (.synced(let register, 0), .noNode):
            if clients[client].seen[register] >= 0 {
                oracle.violate("client \(client) does not find \(register) any more")
            }
        case (_, .sessionMoved), (_, .sessionExpired), (_, .connectionLoss): break
        case (.write, .operationTimeout), (.createRegister, .operationTimeout), (.createEphemeral, .operationTimeout),
            (.reconfigure, .operationTimeout), (.reconfigure, .reconfigInProgress), (.reconfigure, .newConfigNoQuorum):
            break
        default: oracle.violate("client \(client) is refused \(request): \(error)")
        }
    }

    private mutating func understand(
        _ client: Int, _ request: SimulatedClient.Request, _ reply: ZooKeeperReply
    ) {
        switch (request, reply) {
        case (.write(let register, let text, let after), .stat(let stat)):
            oracle.wrote(text, to: register, stat, sentAfter: after, by: client)
            shown(client, register, stat.version)
        case (.read(let register, let watches), .data(let data, let stat)):
            read(client, register, data, stat)
            if watches, clients[client].watched[register] == nil { clients[client].watched[register] = stat.version }
        case (.synced(let register, let after), .data(let data, let stat)):
            read(client, register, data, stat)
            if stat.version < after {
                oracle.violate("client \(client) reads \(stat.version) of \(register), behind a sync after \(after)")
            }
        case (.createRegister(let register), _): clients[client].seen[register] = max(0, clients[client].seen[register])
        case (.createEphemeral, _): clients[client].hasEphemeral = true
        case (.seeEphemeral, .stat(let stat)):
            if stat.ephemeralOwner != clients[client].session {
                oracle.violate("the node of client \(client) belongs to \(stat.ephemeralOwner)")
            }
        case (.sync, _), (.ping, _), (.reconfigure, _): break
        default: oracle.violate("client \(client) is answered \(reply) to \(request)")
        }
    }

    private mutating func read(_ client: Int, _ register: Int, _ data: ByteBuffer?, _ stat: Stat) {
        shown(client, register, stat.version)
        guard stat.version > 0 else { return }
        let text = data.map { String(buffer: $0) } ?? ""
        if clients[client].isWaiting(toWrite: text) {
            oracle.violate("client \(client) reads \(text), which it asked to write behind the read")
        }
        oracle.saw(text, in: register, version: stat.version, mzxid: stat.mzxid, by: client)
        if let version = clients[client].watched[register], stat.version > version {
            oracle.violate(
                "client \(client) reads \(stat.version) of \(register), and was not told that it changed from \(version)"
            )
        }
    }

    /// What a session has seen never goes back.
    private mutating func shown(_ client: Int, _ register: Int, _ version: Int32) {
        if version < clients[client].seen[register] {
            oracle.violate(
                "client \(client) sees version \(version) of \(register) after \(clients[client].seen[register])")
        }
        clients[client].seen[register] = max(version, clients[client].seen[register])
    }

    /// A watch is told of once, and only while it stands.
    private mutating func notified(_ client: Int, _ event: WatchedEvent) {
        guard let register = (0..<Self.registerCount).first(where: { SimulatedClient.path($0) == event.path }),
            event.kind == .nodeDataChanged
        else { return oracle.violate("client \(client) is told \(event)") }
        if clients[client].watched.removeValue(forKey: register) == nil {
            // The answer that sets a watch and the event may stand in one burst, the answer first.
            oracle.violate("client \(client) is told of \(register), which it does not watch")
        }
    }
}
