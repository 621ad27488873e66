/// What a request asks for: the `type` of its header, and of an operation inside a multi.
package enum OpCode: Int32, Sendable, CaseIterable {
    case notification = 0
    case create = 1
    case delete = 2
    case exists = 3
    case getData = 4
    case setData = 5
    case getACL = 6
    case setACL = 7
    case getChildren = 8
    case sync = 9
    case ping = 11
    case getChildren2 = 12
    case check = 13
    case multi = 14
    case create2 = 15
    case reconfig = 16
    case checkWatches = 17
    case removeWatches = 18
    case createContainer = 19
    case deleteContainer = 20
    case createTTL = 21
    case multiRead = 22
    case auth = 100
    case setWatches = 101
    case sasl = 102
    case getEphemerals = 103
    case getAllChildrenNumber = 104
    case setWatches2 = 105
    case addWatch = 106
    case whoAmI = 107
    case createSession = -10
    case closeSession = -11
    /// Only in a multi's reply and in logs.
    case error = -1
}

/// Transaction ids with a meaning of their own; those of a client's requests count up from 1.
package enum SpecialXID {
    package static let watchEvent: Int32 = -1
    package static let ping: Int32 = -2
    package static let auth: Int32 = -4
    package static let setWatches: Int32 = -8
}
