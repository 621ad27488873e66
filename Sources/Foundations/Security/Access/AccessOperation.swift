/// What somebody wants to do with a resource; the raw value is the protocol's (KIP-11, KIP-140).
package enum AccessOperation: Int8, AccessWord {
    /// Stands for every other one in a rule.
    case all = 2
    case read = 3
    case write = 4
    case create = 5
    case delete = 6
    case alter = 7
    case describe = 8
    case clusterAction = 9
    case describeConfigs = 10
    case alterConfigs = 11
    case idempotentWrite = 12
    case createTokens = 13
    case describeTokens = 14

    /// As the tree and `kafka-acls` have it: `DescribeConfigs`.
    package var name: String {
        switch self {
        case .all: "All"
        case .read: "Read"
        case .write: "Write"
        case .create: "Create"
        case .delete: "Delete"
        case .alter: "Alter"
        case .describe: "Describe"
        case .clusterAction: "ClusterAction"
        case .describeConfigs: "DescribeConfigs"
        case .alterConfigs: "AlterConfigs"
        case .idempotentWrite: "IdempotentWrite"
        case .createTokens: "CreateTokens"
        case .describeTokens: "DescribeTokens"
        }
    }

    /// Operations that include this one when they are allowed; not when they are denied.
    var isAlsoAllowedBy: AccessOperations {
        switch self {
        case .describe: [.read, .write, .delete, .alter]
        case .describeConfigs: [.alterConfigs]
        default: []
        }
    }
}

/// A set of operations.
package struct AccessOperations: Sendable, Hashable, ExpressibleByArrayLiteral {
    /// One bit an operation, at its raw value, as `authorizedOperations` in replies has them.
    package private(set) var bits: Int32 = 0

    package init(arrayLiteral operations: AccessOperation...) {
        for operation in operations { insert(operation) }
    }

    package mutating func insert(_ operation: AccessOperation) { bits |= 1 << Int32(operation.rawValue) }

    package func contains(_ operation: AccessOperation) -> Bool { bits & 1 << Int32(operation.rawValue) != 0 }

    /// Whether the operation is one of these, or ``AccessOperation/all`` is.
    func covers(_ operation: AccessOperation) -> Bool { contains(operation) || contains(.all) }

    func intersects(_ others: AccessOperations) -> Bool { bits & others.bits != 0 }

    mutating func formUnion(_ others: AccessOperations) { bits |= others.bits }
}

/// What a rule says of an operation; the raw value is the protocol's.
package enum AccessPermission: Int8, AccessWord {
    /// Counts whatever else is allowed.
    case deny = 2
    case allow = 3

    /// As the tree has it.
    package var name: String {
        switch self {
        case .deny: "Deny"
        case .allow: "Allow"
        }
    }
}
