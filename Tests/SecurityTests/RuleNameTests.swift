import Testing

@testable import Security

@Suite("Rules by the protocol's numbers")
struct RuleNameTests {
    private func rule(
        _ name: String = "orders", type: Int8 = 2, form: Int8 = 3, principal: String = "User:alice",
        operation: Int8 = 3, permission: Int8 = 3
    ) -> RuleName {
        RuleName(
            type, name, form: form, principal: principal, host: "*", operation: operation, permission: permission)
    }

    @Test("Each rule that is known here is read as it was named")
    func known() {
        for type in ResourceType.allCases {
            for form in ResourcePattern.Form.allCases {
                for operation in AccessOperation.allCases {
                    for permission in AccessPermission.allCases {
                        let rule = AccessRule(
                            ResourcePattern(type, "a", form),
                            AccessEntry(permission, operation, to: KafkaPrincipal(name: "b"), from: "10.0.0.1"))
                        #expect(AccessRule(RuleName(rule)) == rule)
                    }
                }
            }
        }
    }

    @Test("One of a kind that is not known here is no rule here, and has words all the same")
    func unknown() {
        let strange = [
            rule(type: 9), rule(form: 5), rule(operation: 15), rule(permission: 4), rule(principal: "alice"),
        ]
        for rule in strange { #expect(AccessRule(rule) == nil) }
        #expect("\(rule(type: 9, operation: 15))" == "ALLOW User:alice operation 15 on resource of type 9 orders")
        #expect("\(rule(permission: 4))" == "permission 4 User:alice READ on topic orders")
        #expect(
            "\(rule(type: 5, form: 4, operation: 9))" == "ALLOW User:alice CLUSTER_ACTION on transactional id orders*")
    }

    @Test("Look-alike names make two rules, and the order is the same everywhere")
    func exactNames() {
        let (one, two) = (rule("\u{e9}"), rule("e\u{301}"))
        #expect(one != two && Set([one, two]).count == 2)
        #expect(two < one && !(one < two))
        #expect(rule(principal: "User:\u{e9}") != rule(principal: "User:e\u{301}"))
        let sorted = [rule(), rule(operation: 4), rule("payments"), rule("a", form: 4), rule("a", type: 3)]
        #expect(sorted.reversed().sorted() == sorted)
    }
}
