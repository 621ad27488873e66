import ZooKeeperProtocol

/// What clients of an ensemble must find true of what they were answered, whatever happened to its members.
struct HistoryOracle {
    struct Value: Equatable {
        var text: String
        var mzxid: Int64
    }

    private(set) var violations: [String] = []
    private(set) var digest = Digest()
    private(set) var acknowledgedCount = 0
    /// Of each register, what stood in it at each version that anybody saw.
    private var values: [[Int32: Value]]
    /// The newest version of each register whose write was acknowledged.
    private(set) var acknowledged: [Int32]
    /// How many writes were sent.
    private var sent: [Int32]

    init(registerCount: Int) {
        values = Array(repeating: [:], count: registerCount)
        acknowledged = Array(repeating: 0, count: registerCount)
        sent = Array(repeating: 0, count: registerCount)
    }

    mutating func violate(_ what: String) { violations.append(what) }

    mutating func writeWasSent(to register: Int) { sent[register] += 1 }

    /// A write got this version.
    ///
    /// - Parameter before: what was acknowledged when it was sent: it comes after that (linearizability).
    mutating func wrote(_ text: String, to register: Int, _ stat: Stat, sentAfter before: Int32, by client: Int) {
        acknowledgedCount += 1
        if stat.version <= before {
            violate("client \(client) wrote version \(stat.version) of \(register) after \(before) was acknowledged")
        }
        acknowledged[register] = max(acknowledged[register], stat.version)
        saw(text, in: register, version: stat.version, mzxid: stat.mzxid, by: client)
    }

    /// A version is one value, written by one change, for everybody.
    mutating func saw(_ text: String, in register: Int, version: Int32, mzxid: Int64, by client: Int) {
        digest.fold(Int64(client), Int64(register) << 32 | Int64(version), mzxid)
        let value = Value(text: text, mzxid: mzxid)
        if let known = values[register][version], known != value {
            violate("client \(client) has \(value) as version \(version) of \(register), others have \(known)")
        }
        values[register][version] = value
        if version > sent[register] {
            violate("\(register) is at version \(version), and only \(sent[register]) writes were sent")
        }
        if let older = values[register][version - 1], older.mzxid >= mzxid {
            violate("version \(version) of \(register) has zxid \(zxid: mzxid), the one before \(zxid: older.mzxid)")
        }
    }

    /// At the end: nothing acknowledged is missing.
    mutating func found(_ version: Int32, in register: Int, by client: Int) {
        if version < acknowledged[register] {
            violate(
                "client \(client) finds version \(version) in \(register) at the end, and \(acknowledged[register]) was "
                    + "acknowledged")
        }
    }
}
