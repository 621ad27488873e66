import ZooKeeperProtocol

/// Who may do what with the nodes that a broker makes, as Apache Kafka's brokers decide it (`zookeeper.set.acl`).
enum TreeRights: Sendable {
    /// Everybody everything.
    case open
    /// All brokers must be the same to the coordinator, for one's nodes are the others' to change.
    case secured

    /// Below these stand keys of users and tokens: nobody else reads them.
    private static let secrets = ["/config/users", "/config/brokers", "/delegation_token/tokens"]
    /// Clients of Apache Kafka before 0.9 write below it.
    private static let consumers = "/consumers"

    /// What a new node at `path` gets.
    func acl(of path: String) -> [ACL] {
        guard self == .secured, path != Self.consumers else { return ACL.open }
        let own = ACL(.all, ZooKeeperID(scheme: "auth", id: ""))
        return Self.secrets.contains { path.hasPrefix($0) } ? [own] : [own, ACL(.read, .anyone)]
    }
}
