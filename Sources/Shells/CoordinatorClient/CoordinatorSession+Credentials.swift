import NIOCore
import Transport
import ZooKeeperProtocol

/// Who a session is, beyond what its connection says. Servers answer proofs in their order, but not in order with
/// requests.
extension CoordinatorSession {
    /// Proves to the server who the session is, for instance by `digest` and `user:password`; the proof is repeated on
    /// every later connection. A server that does not believe it says ``ZooKeeperError/authFailed`` and closes the
    /// connection; the session lives on without it.
    package func prove(scheme: String, secret: ByteBuffer) async throws(CoordinatorError) {
        let credential = Credential(scheme: scheme, secret: secret)
        let results = await withCheckedContinuation { continuation in
            let batch = RequestBatch(count: 1, continuation)
            let refusal = state.withLock { state -> CoordinatorError? in
                switch state.phase {
                case .connecting: return .connectionLost("none stands")
                case .ended(let error): return error
                case .connected(let connection):
                    send(Proof(credential: credential, batch: batch), over: connection, &state)
                    return nil
                }
            }
            if let refusal { batch.answer(0, .failure(refusal)) }
        }
        _ = try results[0].get()
    }

    func send(_ proof: Proof, over connection: Connection, _ state: inout State) {
        state.proofs.append(proof)
        let request = ZooKeeperRequest.auth(scheme: proof.credential.scheme, credentials: proof.credential.secret)
        connection.send(Self.message(request, xid: SpecialXID.auth))
    }

    /// What the server says to the oldest proof.
    func receiveVerdict(_ verdict: ZooKeeperError) {
        let proof = state.withLock { state -> Proof? in
            let proof = state.proofs.popFirst()
            if let proof, verdict == .ok, !state.credentials.contains(proof.credential) {
                state.credentials.append(proof.credential)
            }
            return proof
        }
        guard verdict != .ok else {
            proof?.batch?.answer(0, .success(.empty))
            return
        }
        let error = CoordinatorError.refused(verdict, operation: 0)
        if let batch = proof?.batch { return batch.answer(0, .failure(error)) }
        // It was believed before, and requests would be refused for reasons that nobody could tell.
        logger.error("the coordinator no longer believes who the session is: \(verdict)")
        end(error)
    }
}
