"""Groups of the new protocol (KIP-848) with confluent-kafka: members share by the broker's assignment."""

import subprocess

import pytest
from confluent_kafka import (
    ConsumerGroupState, ConsumerGroupTopicPartitions, ConsumerGroupType, KafkaError, KafkaException, TopicPartition)
from confluent_kafka.admin import AdminClient, NewPartitions

from martlet import BINARIES, DEADLINE, eventually
from members import BRISK, PARTITIONS, Member, Worker, fill, poll_until


@pytest.fixture(scope="module")
def broker(shared_stage, coordinator):
    """A broker whose members move partitions briskly."""
    return shared_stage.broker(coordinator, tls=True, **BRISK).start()


@pytest.fixture
def protocol():
    return "consumer"


def have_two_each(*members):
    return lambda: all(len(member.partitions) == 2 for member in members)


@pytest.mark.parametrize("assignor", ["uniform", "range"])
def test_two_members_share_and_one_takes_over(members, assignor):
    settings = {"group.remote.assignor": assignor}
    first = members(**settings)
    poll_until([first], lambda: len(first.partitions) == PARTITIONS, "the first has all")
    second = members(**settings)
    poll_until([first, second], have_two_each(first, second), "both have two partitions")
    assert sorted(first.partitions + second.partitions) == [0, 1, 2, 3]
    assert [len(taken) for taken in first.revocations] == [2], "two were taken, and only those"
    second.close()
    poll_until([first], lambda: len(first.partitions) == PARTITIONS, "the one that stays has all")
    third = members(**settings)
    poll_until([first, third], have_two_each(first, third), "the new one has its part")


def test_committed_offsets_are_resumed_by_either_protocol(members):
    read = set()
    for protocol in ["classic", "consumer", "classic", "consumer"]:
        member = members(protocol)
        poll_until([member], lambda: len(member.records) == 25, f"records are read by the {protocol} protocol")
        # Each goes on where the one before it has committed: the group changes its protocol while it is empty.
        assert read.isdisjoint(member.read)
        read |= member.read
        member.consumer.commit(asynchronous=False)
        member.close()
    assert read == {(p, o) for p in range(PARTITIONS) for o in range(25)}


def test_a_static_member_returns_to_what_it_had(members):
    static = members(**{"group.instance.id": "static-1"})
    other = members(**{"group.instance.id": "static-2"})
    poll_until([static, other], have_two_each(static, other), "both have two")
    had, told = static.partitions, (list(other.assignments), list(other.revocations))
    static.close()
    back = members(**{"group.instance.id": "static-1"})
    poll_until([back, other], lambda: len(back.partitions) == 2, "it is back")
    assert back.partitions == had
    assert (other.assignments, other.revocations) == told


def test_expressions_find_topics_that_come_later(access, members, filled):
    member = members(topics=[f"^{filled}(-.*)?"])
    poll_until([member], lambda: len(member.records) == 100, "what is there is read")
    fill(AdminClient(access), access, f"{filled}-later", 1, records_each=5)
    poll_until([member], lambda: len(member.records) == 105, "what came later is read")
    assert {m.topic() for m in member.records} == {filled, f"{filled}-later"}


def test_partitions_that_are_added_are_read(access, members, filled):
    member, admin = members(), AdminClient(access)
    poll_until([member], lambda: len(member.partitions) == PARTITIONS, "it has all")
    admin.create_partitions([NewPartitions(filled, PARTITIONS + 2)])[filled].result(DEADLINE)
    poll_until([member], lambda: len(member.partitions) == PARTITIONS + 2, "it has the new ones, too")


def test_groups_are_listed_described_and_guarded(access, members, filled):
    admin = AdminClient(access)
    one, two = members(), members()
    poll_until([one, two], have_two_each(one, two), "both have two")
    one.consumer.commit(offsets=[TopicPartition(filled, one.partitions[0], 7, "told")], asynchronous=False)

    described = admin.describe_consumer_groups([one.group])[one.group].result(DEADLINE)
    assert (described.state, described.type) == (ConsumerGroupState.STABLE, ConsumerGroupType.CONSUMER)
    assert described.partition_assignor == "uniform"
    given = [sorted(p.partition for p in m.assignment.topic_partitions) for m in described.members]
    assert sorted(given) == sorted([one.partitions, two.partitions])
    assert given == [sorted(p.partition for p in m.target_assignment.topic_partitions) for m in described.members]

    def listed(**filters):
        groups = admin.list_consumer_groups(**filters).result(DEADLINE).valid
        return {g.group_id: (g.state, g.type) for g in groups if g.group_id == one.group}
    assert listed() == {one.group: (ConsumerGroupState.STABLE, ConsumerGroupType.CONSUMER)}
    assert listed(types={ConsumerGroupType.CLASSIC}) == {} == listed(states={ConsumerGroupState.EMPTY})
    assert listed(types={ConsumerGroupType.CONSUMER}, states={ConsumerGroupState.STABLE}) != {}

    # What is of members is theirs alone.
    asked = ConsumerGroupTopicPartitions(one.group, [TopicPartition(filled, 0, 3)])
    [changed] = [f.result(DEADLINE) for f in admin.alter_consumer_group_offsets([asked]).values()]
    assert changed.topic_partitions[0].error.code() == KafkaError.UNKNOWN_MEMBER_ID
    with pytest.raises(KafkaException):
        admin.delete_consumer_groups([one.group])[one.group].result(DEADLINE)
    one.close()
    two.close()
    [changed] = [f.result(DEADLINE) for f in admin.alter_consumer_group_offsets([asked]).values()]
    assert changed.topic_partitions[0].error is None
    admin.delete_consumer_groups([one.group])[one.group].result(DEADLINE)
    assert listed() == {}


def test_our_tool_shows_groups_of_both_protocols(broker, topic):
    access = {"bootstrap.servers": broker.address}
    admin = AdminClient(access)
    fill(admin, access, topic, PARTITIONS, records_each=25)
    def tool(*arguments):
        return subprocess.run(
            [BINARIES / "martlet", "groups", "--bootstrap-server", broker.address, *arguments],
            capture_output=True, text=True, timeout=DEADLINE, check=True).stdout
    for protocol in ("classic", "consumer"):
        member = Member(access, topic, protocol, **{"group.id": f"{protocol}-{topic}"})
        poll_until([member], lambda: len(member.records) == 100, "all is read")
        member.consumer.commit(asynchronous=False)
        state, header, *rows = tool("--describe", "--group", f"{protocol}-{topic}").splitlines()
        assert state == f"State: Stable, members: 1, type: {protocol}"
        assert header.split()[:6] == ["GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG"]
        shown = [row.split() for row in rows]
        assert [row[1:6] for row in shown] == [[topic, str(p), "25", "25", "0"] for p in range(PARTITIONS)]
        assert {row[7] for row in shown} == {"/127.0.0.1"} and len({row[6] for row in shown}) == 1
        assert f"{protocol}-{topic}" in tool("--list").split()
        listed = [row.split() for row in tool("--list", "--type", "--state").splitlines()]
        assert [f"{protocol}-{topic}", protocol, "Stable"] in listed
        member.close()


def test_what_a_killed_member_did_not_commit_is_read_again(shared_stage, broker, topic):
    access = {"bootstrap.servers": broker.address}
    admin = AdminClient(access)
    fill(admin, access, topic, PARTITIONS, records_each=100)
    workers = [
        shared_stage.add(Worker(shared_stage.directory / f"{topic}-{n}", f"worker-{n}", broker.address, topic, topic))
        for n in range(3)]
    for worker in workers:
        worker.launch()
    eventually(lambda: sum(len(worker.numbers) for worker in workers) > 50, "they work")
    workers[0].kill()
    eventually(
        lambda: {n for worker in workers for n in worker.numbers} == set(range(400)), "all records are read by somebody")
    def described():
        return admin.describe_consumer_groups([topic])[topic].result(DEADLINE)
    eventually(lambda: len(described().members) == 2, "the dead member is removed")
    eventually(lambda: described().state == ConsumerGroupState.STABLE, "the others have what it had")
    assert sum(len(m.assignment.topic_partitions) for m in described().members) == PARTITIONS
    for worker in workers:
        worker.kill()
