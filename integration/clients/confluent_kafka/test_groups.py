"""Consumer groups of confluent-kafka: both ways of rebalancing, static members, committed offsets."""

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from martlet import DEADLINE, eventually
from members import PARTITIONS, poll_until

@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_two_members_share_and_one_takes_over(members, strategy):
    settings = {"partition.assignment.strategy": strategy}
    first, second = members(**settings), members(**settings)
    both = [first, second]
    poll_until(both, lambda: len(first.partitions) == len(second.partitions) == 2, "both have two partitions")
    assert sorted(first.partitions + second.partitions) == [0, 1, 2, 3]
    second.close()
    poll_until([first], lambda: len(first.partitions) == PARTITIONS, "the one that stays has all")
    third = members(**settings)
    poll_until([first, third], lambda: len(first.partitions) == len(third.partitions) == 2, "the new one has its part")


def test_cooperative_members_keep_what_they_had(members):
    settings = {"partition.assignment.strategy": "cooperative-sticky"}
    first = members(**settings)
    poll_until([first], lambda: len(first.partitions) == PARTITIONS, "the first has all")
    second = members(**settings)
    poll_until([first, second], lambda: len(first.partitions) == len(second.partitions) == 2, "both have two")
    # Two were taken, and only those.
    assert [len(taken) for taken in first.revocations if taken] == [2]
    assert set(first.revocations[0]).isdisjoint(first.partitions)


def test_committed_offsets_are_resumed(members):
    first = members()
    poll_until([first], lambda: len(first.records) >= 40, "some records are read")
    read = first.read
    first.consumer.commit(asynchronous=False)
    first.close()
    second = members()
    poll_until([second], lambda: len(read) + len(second.records) >= 100, "the rest is read")
    assert second.read == {
        (p, o) for p in range(PARTITIONS) for o in range(25)} - read


def test_a_static_member_returns_without_a_rebalance(members):
    static = members(**{"group.instance.id": "static-1"})
    other = members(**{"group.instance.id": "static-2"})
    poll_until([static, other], lambda: len(static.partitions) == len(other.partitions) == 2, "both have two")
    had, told = static.partitions, (list(other.assignments), list(other.revocations))
    # A static member leaves nothing behind: the group waits for it as long as its session lasts.
    static.close()
    back = members(**{"group.instance.id": "static-1"})
    poll_until([back, other], lambda: len(back.partitions) == 2, "it is back")
    assert back.partitions == had
    assert (other.assignments, other.revocations) == told


def test_offsets_are_listed_altered_and_deleted(access, members, filled):
    member = members()
    poll_until([member], lambda: len(member.partitions) == PARTITIONS, "it has joined")
    member.consumer.commit(offsets=[TopicPartition(filled, 0, 7, "told"), TopicPartition(filled, 1, 9)], asynchronous=False)
    committed = member.consumer.committed([TopicPartition(filled, p) for p in range(3)], timeout=DEADLINE)
    assert [p.offset for p in committed] == [7, 9, -1001]
    assert committed[0].metadata == "told"
    member.close()
    admin = AdminClient(access)
    asked = ConsumerGroupTopicPartitions(member.group)
    [listed] = [f.result(DEADLINE) for f in admin.list_consumer_group_offsets([asked]).values()]
    assert {(p.partition, p.offset) for p in listed.topic_partitions} == {(0, 7), (1, 9)}
    change = ConsumerGroupTopicPartitions(member.group, [TopicPartition(filled, 0, 3)])
    [changed] = [f.result(DEADLINE) for f in admin.alter_consumer_group_offsets([change]).values()]
    assert changed.topic_partitions[0].error is None
    [listed] = [f.result(DEADLINE) for f in admin.list_consumer_group_offsets([asked]).values()]
    assert {(p.partition, p.offset) for p in listed.topic_partitions} == {(0, 3), (1, 9)}
