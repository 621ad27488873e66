/// Names a member of an ensemble: the number in its `myid` file and in `server.N`.
package struct MemberID: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var number: Int64

    package init(_ number: Int64) { self.number = number }

    package static func < (left: MemberID, right: MemberID) -> Bool { left.number < right.number }

    package var description: String { "\(number)" }
}
