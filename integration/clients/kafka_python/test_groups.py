"""Consumer groups and administration of kafka-python."""

import contextlib
import threading

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import MemberToRemove, NewTopic
from kafka.errors import GroupSubscribedToTopicError, NoError

from martlet import DEADLINE, eventually


@pytest.fixture
def filled(access, topic):
    """A topic of four partitions with 25 records in each."""
    admin = KafkaAdminClient(**access)
    admin.create_topics([NewTopic(topic, 4, 1)])
    admin.close()
    producer = KafkaProducer(**access)
    sent = [producer.send(topic, value=str(n).encode(), partition=n % 4) for n in range(100)]
    for future in sent:
        future.get(DEADLINE)
    producer.close()
    return topic


@pytest.fixture
def join(access, filled):
    """Makes members of the topic's group; all of them leave after the test."""
    made = []

    def join(**settings):
        made.append(KafkaConsumer(filled, **access, **{
            "group_id": f"group-{filled}", "auto_offset_reset": "earliest", "enable_auto_commit": False,
            "heartbeat_interval_ms": 300} | settings))
        return made[-1]
    yield join
    for consumer in made:
        consumer.close()


def poll_until(consumer, check, what):
    """Polls until check() holds; returns (partition, offset) of what was read, in order."""
    read = []

    def step():
        # Longer than a rebalance takes (see polling()); what can be read is returned at once.
        for records in consumer.poll(10_000).values():
            read.extend((record.partition, record.offset) for record in records)
        return check(read)
    eventually(step, what)
    return read


@contextlib.contextmanager
def polling(consumer):
    """Polls in a thread of its own: a member that waits for others in a rebalance must not keep them from polling."""
    ending = threading.Event()

    def poll():
        while not ending.is_set():
            # Longer than a rebalance takes: kafka-python forgets one that outlasts a poll when it began because the
            # topic's partitions had just become known (need_rejoin() is false by then, so that nobody awaits its end).
            consumer.poll(3000)
    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield consumer
    finally:
        ending.set()
        thread.join(DEADLINE)
        assert not thread.is_alive()


def share(first, second):
    return len(first.assignment()) == len(second.assignment()) == 2 and not first.assignment() & second.assignment()


def test_two_members_share_and_one_takes_over(join):
    first, second = join(), join()
    with polling(first):
        with polling(second):
            eventually(lambda: share(first, second), "both have two")
        second.close()
        eventually(lambda: len(first.assignment()) == 4, "the one that stays has all")


def test_committed_offsets_are_resumed(join, filled):
    first = join(max_poll_records=10)
    read = poll_until(first, lambda read: len(read) >= 40, "some records are read")
    first.commit()
    first.close()
    rest = poll_until(join(), lambda rest: len(read) + len(rest) >= 100, "the rest is read")
    assert sorted(read + rest) == [(p, o) for p in range(4) for o in range(25)]


def test_offsets_are_committed_and_fetched_with_metadata(join, filled):
    consumer = join()
    poll_until(consumer, lambda _: len(consumer.assignment()) == 4, "it has joined")
    partition = TopicPartition(filled, 2)
    consumer.commit({partition: OffsetAndMetadata(7, "told", -1)})
    assert consumer.committed(partition) == 7
    assert consumer.committed(partition, metadata=True).metadata == "told"
    assert consumer.committed(TopicPartition(filled, 3)) is None


def test_a_static_member_returns_to_its_partitions(join):
    first, second = join(group_instance_id="a"), join(group_instance_id="b")
    with polling(second):
        with polling(first):
            eventually(lambda: share(first, second), "both have two")
            had, others = first.assignment(), second.assignment()
        first.close()
        with polling(join(group_instance_id="a")) as back:
            eventually(lambda: len(back.assignment()) == 2, "it is back")
            assert (back.assignment(), second.assignment()) == (had, others)


def test_groups_are_listed_described_and_deleted(access, join, filled):
    consumer = join(client_id="the-client")
    poll_until(consumer, lambda _: len(consumer.assignment()) == 4, "it has joined")
    consumer.commit({TopicPartition(filled, 0): OffsetAndMetadata(5, "", -1)})
    consumer.close()
    admin = KafkaAdminClient(**access)
    group = f"group-{filled}"
    try:
        assert group in str(admin.list_groups())
        assert group in str(admin.describe_groups([group]))
        admin.delete_groups([group])
        assert group not in str(admin.list_groups())
    finally:
        admin.close()


def test_offsets_of_a_group_are_deleted(access, join, filled):
    consumer = join()
    poll_until(consumer, lambda _: len(consumer.assignment()) == 4, "it has joined")
    partitions = [TopicPartition(filled, number) for number in range(2)]
    consumer.commit({partition: OffsetAndMetadata(5, "", -1) for partition in partitions})
    admin = KafkaAdminClient(**access)
    group = f"group-{filled}"
    try:
        refused = admin.delete_group_offsets(group, partitions[:1])
        assert refused[partitions[0]] is GroupSubscribedToTopicError
        consumer.close()
        assert admin.delete_group_offsets(group, partitions[:1])[partitions[0]] is NoError
    finally:
        admin.close()
    again = join()
    assert [again.committed(partition) for partition in partitions] == [None, 5]


def test_a_member_is_removed(access, join):
    """An operator frees the place of a static member that will not come back."""
    gone, other = join(group_instance_id="a"), join(group_instance_id="b")
    admin = KafkaAdminClient(**access)
    try:
        with polling(other):
            with polling(gone):
                eventually(lambda: share(gone, other), "both have two")
            gone.close()
            assert len(other.assignment()) == 2
            admin.remove_group_members(other.config["group_id"], [MemberToRemove(group_instance_id="a")])
            eventually(lambda: len(other.assignment()) == 4, "the one that stays has all")
    finally:
        admin.close()
