import ZooKeeperProtocol

/// The access lists that nodes have, each kept once: most nodes share few.
struct AccessLists: Sendable {
    private var lists: [[ACL]] = []
    private var numbers: [[ACL]: UInt32] = [:]
    /// The nodes that have each list.
    private var useCounts: [Int] = []
    private var free: [UInt32] = []

    subscript(number: UInt32) -> [ACL] { lists[Int(number)] }

    /// The number of a list for one node more.
    mutating func use(_ list: [ACL]) -> UInt32 {
        let number = number(of: list)
        useCounts[Int(number)] += 1
        return number
    }

    /// One node less has it.
    mutating func release(_ number: UInt32) {
        useCounts[Int(number)] -= 1
        guard useCounts[Int(number)] == 0 else { return }
        numbers[lists[Int(number)]] = nil
        lists[Int(number)] = []
        free.append(number)
    }

    private mutating func number(of list: [ACL]) -> UInt32 {
        // Nearly always it is this one, in the same memory.
        if let count = useCounts.first, count > 0, lists[0] == list { return 0 }
        if let number = numbers[list] { return number }
        if let number = free.popLast() {
            lists[Int(number)] = list
            numbers[list] = number
            return number
        }
        let number = UInt32(lists.count)
        lists.append(list)
        useCounts.append(0)
        numbers[list] = number
        return number
    }
}
