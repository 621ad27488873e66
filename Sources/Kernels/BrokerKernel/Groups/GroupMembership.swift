import Groups
import KafkaProtocol
import KafkaProtocolGroups

/// What members of groups ask for, by the group's name: joining, syncing, staying, leaving.
extension BrokerKernel {
    mutating func joinGroup(_ request: Request, _ body: JoinGroupRequest) {
        let partition: Int32
        switch coordinated(body.groupId, request, .read) {
        case .success(let found): partition = found
        case .failure(let error):
            var response = JoinGroupResponse()
            response.errorCode = error.rawValue
            response.memberId = body.memberId
            return reply(to: request) { response.write(to: &$0, version: request.version) }
        }
        ask(partition) { ticket in
            let client = JoiningClient(
                ticket: ticket, version: request.version, clientID: request.clientID ?? "",
                host: "/" + request.origin.clientAddress)
            return .joinRequested(body, client)
        } answer: { kernel, reply in
            guard case .joinGroup(let response) = reply else { preconditionFailure("a join was answered by \(reply)") }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    mutating func syncGroup(_ request: Request, _ body: SyncGroupRequest) {
        let partition: Int32
        switch coordinated(body.groupId, request, .read) {
        case .success(let found): partition = found
        case .failure(let error):
            var response = SyncGroupResponse()
            response.errorCode = error.rawValue
            return reply(to: request) { response.write(to: &$0, version: request.version) }
        }
        ask(partition) {
            .syncRequested(body, $0)
        } answer: { kernel, reply in
            guard case .syncGroup(let response) = reply else { preconditionFailure("a sync was answered by \(reply)") }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    mutating func heartbeat(_ request: Request, _ body: HeartbeatRequest) {
        let partition: Int32
        switch coordinated(body.groupId, request, .read) {
        case .success(let found): partition = found
        case .failure(let error):
            var response = HeartbeatResponse()
            response.errorCode = error.rawValue
            return reply(to: request) { response.write(to: &$0, version: request.version) }
        }
        ask(partition) {
            .heartbeatReceived(body, $0)
        } answer: { kernel, reply in
            guard case .heartbeat(let response) = reply else {
                preconditionFailure("a heartbeat was answered by \(reply)")
            }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    mutating func leaveGroup(_ request: Request, _ body: LeaveGroupRequest) {
        let partition: Int32
        switch coordinated(body.groupId, request, .read) {
        case .success(let found): partition = found
        case .failure(let error):
            var response = LeaveGroupResponse()
            response.errorCode = error.rawValue
            return reply(to: request) { response.write(to: &$0, version: request.version) }
        }
        // Versions before 3 are of one member, and say how it went in the place of the whole response's error.
        let isOfOne = request.version < 3
        var body = body
        if isOfOne {
            var member = LeaveGroupRequest.MemberIdentity()
            member.memberId = body.memberId
            body.members = [member]
        }
        ask(partition) {
            .leaveRequested(body, $0)
        } answer: { kernel, reply in
            guard case .leaveGroup(var response) = reply else {
                preconditionFailure("a leave was answered by \(reply)")
            }
            if isOfOne, response.errorCode == 0 {
                response.errorCode = response.members.first?.errorCode ?? 0
                response.members = []
            }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }
}
