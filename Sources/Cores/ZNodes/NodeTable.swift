import NIOCore
import ZooKeeperProtocol

/// All nodes by their paths, each linked with those beside and below it.
///
/// They lie on many small shelves: a copy that a snapshot holds makes the next changes copy one of them each instead of
/// everything, and none has to rehash a million nodes at once. A parent knows its first child, and each child those
/// before and behind it, so that nothing grows with the number of children.
struct NodeTable: Sendable {
    static let shelfCount = NodeReference.shelfCount

    private static let emptyShelf = NodeShelf()

    private var shelves = [NodeShelf](repeating: emptyShelf, count: shelfCount)
    private var accessLists = AccessLists()
    private(set) var count = 0

    private static func shelf(of hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (shelfCount - 1) }

    // MARK: Finding

    func reference(of path: String) -> NodeReference? { path.withPathBytes { reference(of: $0) } }

    func reference(of path: UnsafeRawBufferPointer) -> NodeReference? {
        let hash = path.lastingHash
        let shelf = Self.shelf(of: hash)
        return shelves[shelf].find(path, hash: hash).map { NodeReference(shelf: shelf, row: $0) }
    }

    private func parent(of path: UnsafeRawBufferPointer) -> NodeReference? {
        path.parentPath.flatMap { reference(of: $0) }
    }

    private subscript(row reference: NodeReference) -> NodeShelf.Row {
        get { shelves[reference.shelf][reference.row] }
        _modify { yield &ownShelf(reference.shelf)[reference.row] }
    }

    /// A shelf that nobody else holds, to be changed.
    private mutating func ownShelf(_ number: Int) -> NodeShelf {
        if !isKnownUniquelyReferenced(&shelves[number]) { shelves[number] = shelves[number].copy() }
        return shelves[number]
    }

    subscript(path: String) -> ZNode? { reference(of: path).map { node(at: $0) } }

    func node(at place: NodeReference) -> ZNode {
        let row = self[row: place]
        return ZNode(row, acl: accessLists[row.acl], lifetime: shelves[place.shelf].lifetime(of: place.row))
    }

    func path(of place: NodeReference) -> String {
        shelves[place.shelf].withPath(of: place.row) { $0.string }
    }

    /// A copy; nil for null, and where there is no node.
    func data(of path: String) -> ByteBuffer? { reference(of: path).flatMap { data(at: $0) } }

    func data(at place: NodeReference) -> ByteBuffer? { shelves[place.shelf].data(of: place.row) }

    /// Everything of a node without copying it; no bytes for null data.
    func withContents<Value>(
        of place: NodeReference,
        _ body: (
            _ path: UnsafeRawBufferPointer, _ data: UnsafeRawBufferPointer, NodeShelf.Row, ZNode.Lifetime
        ) -> Value
    ) -> Value {
        let shelf = shelves[place.shelf]
        return shelf.withPath(of: place.row) { path in
            shelf.withData(of: place.row) { body(path, $0, shelf[place.row], shelf.lifetime(of: place.row)) }
        }
    }

    // MARK: Changing

    /// Changes what is known of a node besides its data and its lifetime. Nothing happens where there is no node.
    mutating func alter(_ path: String, _ body: (inout ZNode) -> Void) {
        if let place = reference(of: path) { alter(place, body) }
    }

    mutating func alter(_ place: NodeReference, _ body: (inout ZNode) -> Void) {
        let old = node(at: place)
        var new = old
        body(&new)
        var acl = self[row: place].acl
        if new.acl != old.acl {
            accessLists.release(acl)
            acl = accessLists.use(new.acl)
        }
        self[row: place].take(new, acl: acl)
    }

    mutating func set(_ data: ByteBuffer?, at place: NodeReference) {
        ownShelf(place.shelf).set(data, of: place.row)
    }

    /// Puts a node in its place, and among the children of the node above, which `alterParent` changes. Where there was
    /// one before, it takes over its children.
    mutating func insert(
        _ node: ZNode, data: ByteBuffer?, at path: String, alterParent: (inout ZNode) -> Void
    ) -> (place: NodeReference, replaced: ZNode?) {
        path.withPathBytes { path in
            let parent = parent(of: path)
            defer { if let parent { alter(parent, alterParent) } }
            if let old = reference(of: path) {
                let replaced = self.node(at: old)
                replace(old, by: node, data: data)
                return (old, replaced)
            }
            let place = place(node, data: data, at: path)
            if let parent { link(place, below: parent) }
            return (place, nil)
        }
    }

    /// Puts a node in its place that was not there, not yet among the children of the node above.
    @discardableResult
    mutating func insertUnlinked(_ node: ZNode, data: ByteBuffer?, at path: String) -> NodeReference {
        path.withPathBytes { place(node, data: data, at: $0) }
    }

    private mutating func place(_ node: ZNode, data: ByteBuffer?, at path: UnsafeRawBufferPointer) -> NodeReference {
        let hash = path.lastingHash
        let shelf = Self.shelf(of: hash)
        let row = NodeShelf.Row(node, acl: accessLists.use(node.acl))
        count += 1
        return NodeReference(
            shelf: shelf, row: ownShelf(shelf).insert(row, at: path, hash: hash, data: data, lifetime: node.lifetime))
    }

    private mutating func replace(_ place: NodeReference, by node: ZNode, data: ByteBuffer?) {
        let acl = accessLists.use(node.acl)
        accessLists.release(self[row: place].acl)
        self[row: place].become(node, acl: acl)
        ownShelf(place.shelf).set(node.lifetime, of: place.row)
        ownShelf(place.shelf).set(data, of: place.row)
    }

    /// Removes a node, which should have no children, from its place and from among the children of the node above,
    /// which `alterParent` changes.
    mutating func remove(
        _ path: String, alterParent: (inout ZNode) -> Void
    ) -> (place: NodeReference, node: ZNode)? {
        path.withPathBytes { path in
            guard let place = reference(of: path) else { return nil }
            let node = node(at: place)
            let parent = parent(of: path)
            unlink(place, from: parent)
            accessLists.release(self[row: place].acl)
            ownShelf(place.shelf).remove(place.row, hash: path.lastingHash)
            count -= 1
            if let parent { alter(parent, alterParent) }
            return (place, node)
        }
    }

    // MARK: Children

    private mutating func link(_ child: NodeReference, below parent: NodeReference) {
        let first = self[row: parent].firstChild
        self[row: child].nextSibling = first
        if first != .none { self[row: first].previousSibling = child }
        self[row: parent].firstChild = child
    }

    private mutating func unlink(_ child: NodeReference, from parent: NodeReference?) {
        let (previous, next) = (self[row: child].previousSibling, self[row: child].nextSibling)
        if next != .none { self[row: next].previousSibling = previous }
        if previous != .none {
            self[row: previous].nextSibling = next
        } else if let parent, self[row: parent].firstChild == child {
            self[row: parent].firstChild = next
        }
    }

    private func forEachChild(of parent: NodeReference, _ body: (NodeReference) -> Void) {
        var child = self[row: parent].firstChild
        while child != .none {
            body(child)
            child = self[row: child].nextSibling
        }
    }

    /// Sorted by their bytes.
    func childNames(of path: String) -> [String] {
        guard let parent = reference(of: path) else { return [] }
        var names: [ExactText] = []
        names.reserveCapacity(Int(self[row: parent].childCount))
        forEachChild(of: parent) { child in
            names.append(ExactText(shelves[child.shelf].withPath(of: child.row) { $0.nodeName.string }))
        }
        return names.sorted().map(\.string)
    }

    /// Nodes below `path`, at any depth.
    func descendantCount(of path: String) -> Int {
        if path == "/" { return count - 1 }
        var count = 0
        forEachDescendant(of: path) { _ in count += 1 }
        return count
    }

    /// Visits the nodes below `path`, at any depth, in no order.
    func forEachDescendant(of path: String, _ body: (NodeReference) -> Void) {
        var open = reference(of: path).map { [$0] } ?? []
        while let parent = open.popLast() {
            forEachChild(of: parent) { child in
                body(child)
                if self[row: child].firstChild != .none { open.append(child) }
            }
        }
    }

    /// Puts every node among the children of the one above, when all have been inserted unlinked. False when one has no
    /// node above, or another number of children than it says.
    mutating func link() -> Bool {
        var childCounts: [NodeReference: Int32] = [:]
        for shelf in shelves.indices {
            for row in shelves[shelf].occupiedNumbers {
                let child = NodeReference(shelf: shelf, row: row)
                let (isRoot, parent) = shelves[shelf].withPath(of: row) { ($0.count == 1, self.parent(of: $0)) }
                if isRoot { continue }
                guard let parent else { return false }
                link(child, below: parent)
                childCounts[parent, default: 0] += 1
            }
        }
        return shelves.indices.allSatisfy { shelf in
            shelves[shelf].occupiedNumbers.allSatisfy { row in
                let (count, first) = (shelves[shelf][row].childCount, shelves[shelf][row].firstChild)
                return count == (first == .none ? 0 : childCounts[NodeReference(shelf: shelf, row: row)])
            }
        }
    }

    // MARK: All of them

    /// Visits every node, in an order that depends on the paths alone; a parent may come after its children.
    func forEach(_ body: (_ path: String, _ node: ZNode, _ data: ByteBuffer?) -> Void) {
        for shelf in shelves.indices {
            for row in shelves[shelf].sortedNumbers {
                let place = NodeReference(shelf: shelf, row: row)
                body(path(of: place), node(at: place), data(at: place))
            }
        }
    }

    /// Visits every node, in no order.
    func forEachPlace(_ body: (NodeReference) -> Void) {
        for shelf in shelves.indices {
            for row in shelves[shelf].occupiedNumbers { body(NodeReference(shelf: shelf, row: row)) }
        }
    }

    /// One of ``shelfCount`` shelves, which the table lets go of: all it is good for then is the other shelves.
    mutating func takeShelf(_ number: Int) -> NodeShelf {
        defer { shelves[number] = Self.emptyShelf }
        return shelves[number]
    }

    /// Of a row on a shelf that is or was this table's.
    func accessList(of row: NodeShelf.Row) -> [ACL] { accessLists[row.acl] }
}

extension NodeTable: Equatable {
    /// Whether there are the same nodes, wherever they lie.
    static func == (left: NodeTable, right: NodeTable) -> Bool {
        guard left.count == right.count else { return false }
        var isEqual = true
        left.forEach { path, node, data in
            guard isEqual, let place = right.reference(of: path) else { return isEqual = false }
            isEqual = right.node(at: place) == node && right.data(at: place) == data
        }
        return isEqual
    }
}
