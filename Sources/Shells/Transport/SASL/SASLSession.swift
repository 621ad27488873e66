import CCyrusSASL

/// One side of one exchange as the library keeps it.
struct SASLSession: ~Copyable {
    /// Longest token that is handed to the library: a Kerberos ticket with its groups stays below it.
    static let largestTokenSize = 1 << 16

    private let session: OpaquePointer
    private let mechanism: SASLMechanism
    private var isOver = false

    /// Takes over what `open` makes.
    ///
    /// - Parameter open: returns nil with the reason in its argument, a code of the library's.
    init(
        _ mechanism: SASLMechanism, _ open: (inout CInt) -> OpaquePointer?
    ) throws(SASLFailure) {
        self.mechanism = mechanism
        var outcome = CCyrusSASLStart()
        guard outcome == SASL_OK else { throw SASLFailure("Cyrus SASL does not start: \(Self.text(outcome))") }
        guard let session = open(&outcome) else { throw SASLFailure("\(mechanism.rawValue): \(Self.text(outcome))") }
        self.session = session
    }

    deinit { CCyrusSASLFree(session) }

    /// Takes what the peer has said, nothing before it has said anything. Once it has ended or failed, it is over.
    mutating func step(_ token: [UInt8]) throws(SASLFailure) -> SASLStep {
        guard !isOver else { throw SASLFailure("\(mechanism.rawValue): a token after the end of the exchange") }
        isOver = true
        guard token.count <= Self.largestTokenSize else {
            throw SASLFailure(
                "\(mechanism.rawValue): a token of \(token.count) bytes, \(Self.largestTokenSize) are allowed")
        }
        var said: UnsafePointer<CChar>?
        var count = 0
        let outcome = token.withUnsafeBytes { bytes in
            let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            return CCyrusSASLStep(session, mechanism.rawValue, start, bytes.count, &said, &count)
        }
        // It is the library's, until the next step.
        let answer = said.map { Array(UnsafeRawBufferPointer(start: $0, count: count)) }
        switch outcome {
        case SASL_CONTINUE:
            isOver = false
            return .challenge(answer ?? [])
        case SASL_OK: return .done(lastToken: answer?.isEmpty == true ? nil : answer)
        default: throw SASLFailure("\(mechanism.rawValue): \(String(cString: CCyrusSASLErrorDetail(session)))")
        }
    }

    /// Who has been authenticated; meaningful after the end alone.
    var authenticatedUser: String? {
        CCyrusSASLAuthenticatedUser(session).map { String(cString: $0) }
    }

    private static func text(_ outcome: CInt) -> String { String(cString: sasl_errstring(outcome, nil, nil)) }
}
