/// All nodes by their paths, with the names of their children.
///
/// Kept in many small dictionaries: a copy that a snapshot holds makes the next writes copy one of them each instead of
/// everything, and none has to rehash a million nodes at once.
struct NodeTable: Sendable, Equatable {
    private struct Place: Sendable, Equatable {
        var node: ZNode
        var children: Set<ExactText> = []
    }

    static let shelfCount = 4096
    private var shelves = [[ExactText: Place]](repeating: [:], count: shelfCount)
    private(set) var count = 0

    private static func shelf(of path: ExactText) -> Int { Int(path.lastingHash % UInt64(shelfCount)) }

    subscript(path: String) -> ZNode? {
        let key = ExactText(path)
        return shelves[Self.shelf(of: key)][key]?.node
    }

    /// Nothing happens where there is no node.
    mutating func alter(_ path: String, _ body: (inout ZNode) -> Void) {
        let key = ExactText(path)
        let shelf = Self.shelf(of: key)
        guard let index = shelves[shelf].index(forKey: key) else { return }
        body(&shelves[shelf].values[index].node)
    }

    /// Puts a node in its place, and its name among the children of the node above; that one's facts are left alone.
    mutating func insert(_ node: ZNode, at path: String) {
        let key = ExactText(path)
        let shelf = Self.shelf(of: key)
        if let index = shelves[shelf].index(forKey: key) {
            shelves[shelf].values[index].node = node
        } else {
            shelves[shelf][key] = Place(node: node)
            count += 1
        }
        alterChildren(above: path) { $0.insert(ExactText(NodePath.name(of: path))) }
    }

    @discardableResult
    mutating func remove(_ path: String) -> ZNode? {
        let key = ExactText(path)
        guard let place = shelves[Self.shelf(of: key)].removeValue(forKey: key) else { return nil }
        count -= 1
        alterChildren(above: path) { $0.remove(ExactText(NodePath.name(of: path))) }
        return place.node
    }

    private mutating func alterChildren(above path: String, _ body: (inout Set<ExactText>) -> Void) {
        guard let parent = NodePath.parent(of: path).map(ExactText.init) else { return }
        let shelf = Self.shelf(of: parent)
        guard let index = shelves[shelf].index(forKey: parent) else { return }
        body(&shelves[shelf].values[index].children)
    }

    /// In no order.
    func children(of path: String) -> Set<ExactText> {
        let key = ExactText(path)
        return shelves[Self.shelf(of: key)][key]?.children ?? []
    }

    /// Puts every name among the children of the node above, for nodes that came before those above them. False when
    /// one has no node above.
    mutating func linkChildren() -> Bool {
        for (path, _) in shelves.joined() {
            guard let parent = NodePath.parent(of: path.string) else { continue }
            if self[parent] == nil { return false }
            alterChildren(above: path.string) { $0.insert(ExactText(NodePath.name(of: path.string))) }
        }
        return true
    }

    /// Nodes below `path`, at any depth.
    func descendantCount(of path: String) -> Int {
        if path == "/" { return count - 1 }
        var count = 0
        var open = [path]
        while let parent = open.popLast() {
            let children = children(of: parent)
            count += children.count
            for child in children {
                let path = NodePath.child(child.string, of: parent)
                if self[path]?.childCount != 0 { open.append(path) }
            }
        }
        return count
    }

    /// Visits every node, in an order that depends on the paths alone; a parent may come after its children.
    func forEach(_ body: (_ path: String, _ node: ZNode, _ childCount: Int) -> Void) {
        for shelf in shelves {
            for (path, place) in shelf.sorted(by: { $0.key < $1.key }) {
                body(path.string, place.node, place.children.count)
            }
        }
    }

    /// Removes the nodes of one of ``shelfCount`` shelves, without regard to those above them, and gives them in order
    /// of their paths.
    mutating func takeShelf(_ number: Int) -> [(path: String, node: ZNode)] {
        defer { shelves[number] = [:] }
        return shelves[number].sorted { $0.key < $1.key }.map { ($0.key.string, $0.value.node) }
    }
}
