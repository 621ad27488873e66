import Controller
import Security
import Testing

@Suite("Rules of access in the tree") struct AccessNodeTests {
    private let orders = ResourcePattern(.topic, "orders")
    private let pay = ResourcePattern(.topic, "pay", .prefixed)
    private let alice = AccessEntry(.allow, .read, to: KafkaPrincipal(name: "CN=alice,O=Example"))

    @Test("What Apache's brokers wrote is read with all that it says")
    func reads() throws {
        let access = try TreeFixture("tree-03-acls-and-scram-users").image().access
        let rules = access.rules(matching: AccessFilter()).map { ($0.pattern, $0.entries) }
        #expect(rules.map(\.0) == [orders, pay, ResourcePattern(.group, "*")])
        #expect(
            rules.map(\.1) == [
                [alice], [AccessEntry(.deny, .all, to: KafkaPrincipal(name: "bob"), from: "127.0.0.1")],
                [AccessEntry(.allow, .read, to: KafkaPrincipal(name: "carol"))],
            ])
    }

    @Test("Notices are those that Apache's brokers leave")
    func notices() throws {
        let fixture = try TreeFixture("tree-03-acls-and-scram-users")
        for pattern in [orders, pay, ResourcePattern(.group, "*")] {
            let change = TreeChange.alterAccess(pattern, adding: [alice], removing: [])
            let writes = try #require(try change.transactions(on: ClusterImage(), configNode: nil).first?.writes)
            guard case .create(let path, let data, .persistentSequential) = writes.last else {
                Issue.record("no notice in \(writes)")
                continue
            }
            let theirs = fixture.nodes.filter { $0.path.hasPrefix(path) && $0.text?.contains(pattern.name) == true }
            #expect(theirs.count == 1)
            let text = String(decoding: data, as: UTF8.self)
            if pattern.form == .literal { #expect(theirs.first?.text == text) }
            if pattern.form == .prefixed, let theirText = theirs.first?.text {
                #expect(try JSONValue(parsing: data) == JSONValue(parsing: Array(theirText.utf8)))
            }
        }
    }

    @Test(
        "A node of which a part makes no sense is refused whole",
        arguments: [
            "[]", "{}", #"{"version":2,"acls":[]}"#, #"{"version":1}"#, #"{"version":1,"acls":[{}]}"#,
            #"{"version":1,"acls":[{"principal":"bob","permissionType":"Allow","operation":"Read","host":"*"}]}"#,
            #"{"version":1,"acls":[{"principal":"User:b","permissionType":"Maybe","operation":"Read","host":"*"}]}"#,
            #"{"version":1,"acls":[{"principal":"User:b","permissionType":"Deny","operation":"Fly","host":"*"}]}"#,
        ])
    func malformed(_ text: String) throws {
        var image = ClusterImage()
        let reading = NodeReading(data: Array(text.utf8), version: 3, created: 1)
        #expect(throws: MalformedNode.self) { try image.take(.accessRules(orders), reading) }
        // Fails closed: one of its rules may have denied something.
        let standing = image.access.standing(of: .anonymous, from: "1.2.3.4", on: .topic, "orders")
        #expect(!standing.permits(.read, allowsWithoutRules: true))
        let change = TreeChange.alterAccess(orders, adding: [alice], removing: [])
        #expect(throws: ChangeRefusal.self) { try change.transactions(on: image, configNode: reading) }
        try image.take(.accessRules(orders), nil)
        #expect(image.access.isEmpty)
    }

    @Test("Changes are written on the condition of what was read, and only when there is something to change")
    func changes() throws {
        let bob = AccessEntry(.deny, .write, to: KafkaPrincipal(name: "bob"))
        func writes(
            _ node: NodeReading?, adding: [AccessEntry] = [], removing: [AccessEntry] = []
        ) throws -> [TreeWrite] {
            try TreeChange.alterAccess(orders, adding: adding, removing: removing)
                .transactions(on: ClusterImage(), configNode: node).first?.writes ?? []
        }
        let path = "/kafka-acl/Topic/orders"
        let node = NodeReading(data: AccessNode.text([alice]), version: 7, created: 1)
        #expect(try writes(nil, adding: [alice]).first == .create(path: path, data: AccessNode.text([alice])))
        #expect(
            try writes(node, adding: [bob]).first
                == .set(path: path, data: AccessNode.text([alice, bob].sorted()), version: 7))
        #expect(try writes(node, removing: [alice]).first == .delete(path: path, version: 7))
        #expect(
            try writes(node, adding: [bob], removing: [alice]).first
                == .set(path: path, data: AccessNode.text([bob]), version: 7))
        #expect(try writes(node, adding: [alice]).isEmpty)
        #expect(try writes(node, removing: [bob]).isEmpty)
        #expect(try writes(nil, removing: [bob]).isEmpty)
    }

    @Test("Paths and patterns belong together, and unknown types are left alone")
    func paths() {
        for type in ResourceType.allCases {
            for form in ResourcePattern.Form.allCases {
                let pattern = ResourcePattern(type, "a b:c", form)
                #expect(TreeNode(path: TreePath.accessRules(about: pattern)) == .accessRules(pattern))
            }
        }
        #expect(TreeNode(path: "/kafka-acl/Dashboard/x") == nil)
        #expect(TreeNode(path: "/kafka-acl/Topic") == nil)
        #expect(TreeNode(path: "/kafka-acl/Topic/a/b") == nil)
        #expect(TreeNode(path: "/kafka-acl-extended/suffixed/Topic/a") == nil)
    }
}
