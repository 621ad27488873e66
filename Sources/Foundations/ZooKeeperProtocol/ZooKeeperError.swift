/// The `err` of a reply: why a request was refused. Codes that this release does not know are kept.
package struct ZooKeeperError: Error, Sendable, Hashable, RawRepresentable, CustomStringConvertible {
    package var rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }

    package static let ok = Self(rawValue: 0)
    package static let systemError = Self(rawValue: -1)
    package static let runtimeInconsistency = Self(rawValue: -2)
    package static let dataInconsistency = Self(rawValue: -3)
    package static let connectionLoss = Self(rawValue: -4)
    package static let marshallingError = Self(rawValue: -5)
    package static let unimplemented = Self(rawValue: -6)
    package static let operationTimeout = Self(rawValue: -7)
    package static let badArguments = Self(rawValue: -8)
    package static let unknownSession = Self(rawValue: -12)
    package static let newConfigNoQuorum = Self(rawValue: -13)
    package static let reconfigInProgress = Self(rawValue: -14)
    package static let apiError = Self(rawValue: -100)
    package static let noNode = Self(rawValue: -101)
    package static let noAuth = Self(rawValue: -102)
    package static let badVersion = Self(rawValue: -103)
    package static let noChildrenForEphemerals = Self(rawValue: -108)
    package static let nodeExists = Self(rawValue: -110)
    package static let notEmpty = Self(rawValue: -111)
    package static let sessionExpired = Self(rawValue: -112)
    package static let invalidCallback = Self(rawValue: -113)
    package static let invalidACL = Self(rawValue: -114)
    package static let authFailed = Self(rawValue: -115)
    package static let sessionMoved = Self(rawValue: -118)
    package static let notReadOnly = Self(rawValue: -119)
    package static let ephemeralOnLocalSession = Self(rawValue: -120)
    package static let noWatcher = Self(rawValue: -121)
    package static let requestTimeout = Self(rawValue: -122)
    package static let reconfigDisabled = Self(rawValue: -123)
    package static let sessionClosedRequireSASLAuth = Self(rawValue: -124)
    package static let quotaExceeded = Self(rawValue: -125)
    package static let throttledOp = Self(rawValue: -127)

    private static let names: [Int32: String] = [
        0: "OK", -1: "SYSTEMERROR", -2: "RUNTIMEINCONSISTENCY", -3: "DATAINCONSISTENCY", -4: "CONNECTIONLOSS",
        -5: "MARSHALLINGERROR", -6: "UNIMPLEMENTED", -7: "OPERATIONTIMEOUT", -8: "BADARGUMENTS",
        -12: "UNKNOWNSESSION", -13: "NEWCONFIGNOQUORUM", -14: "RECONFIGINPROGRESS", -100: "APIERROR",
        -101: "NONODE", -102: "NOAUTH", -103: "BADVERSION", -108: "NOCHILDRENFOREPHEMERALS", -110: "NODEEXISTS",
        -111: "NOTEMPTY", -112: "SESSIONEXPIRED", -113: "INVALIDCALLBACK", -114: "INVALIDACL", -115: "AUTHFAILED",
        -118: "SESSIONMOVED", -119: "NOTREADONLY", -120: "EPHEMERALONLOCALSESSION", -121: "NOWATCHER",
        -122: "REQUESTTIMEOUT", -123: "RECONFIGDISABLED", -124: "SESSIONCLOSEDREQUIRESASLAUTH",
        -125: "QUOTAEXCEEDED", -127: "THROTTLEDOP",
    ]

    /// The name in Apache ZooKeeper's `KeeperException.Code`, or the number.
    package var description: String { Self.names[rawValue] ?? "error \(rawValue)" }
}
