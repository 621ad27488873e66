"""Batches that a mirror appends to a cluster whose brokers die meanwhile, and topics whose home moves."""

import os
import struct
import time
import uuid

import pytest
from confluent_kafka import KafkaException, Producer

import mirroring
from load import read_partition
from martlet import eventually
from mirroring import Link, batch, marker, transactional

MANY = int(os.environ.get("MARTLET_TEST_TOPICS", "200"))


@pytest.fixture
def cluster(stage):
    return stage.cluster(stage.coordinator().start()).start()


def history():
    """Batches with gaps, transactions of two producers, some aborted, one left open at the end; and what committed and
    uncommitted readers see of them."""
    batches, committed, uncommitted = [], [], []
    offset = 5
    sequence = {501: 0, 502: 0}
    for number in range(60):
        values = [f"{number}-{place}".encode() for place in range(1 + number % 3)]
        producer = (501 + number % 2, 0)
        kind = number % 4
        if kind == 0:
            batches.append(batch(offset, values))
        else:
            batches.append(transactional(offset, values, (*producer, sequence[producer[0]])))
            sequence[producer[0]] += len(values)
        placed = [(offset + place, value) for place, value in enumerate(values)]
        uncommitted += placed
        if kind != 2:
            committed += placed
        offset += len(values) + (number % 5 == 0) * 7
        if kind:
            batches.append(marker(offset, producer, commits=kind != 2))
            offset += 1
    batches.append(transactional(offset, [b"open"], (501, 0, sequence[501])))
    uncommitted.append((offset, b"open"))
    return batches, committed, uncommitted, offset + 1


def agreed_digest(link, cluster, topic, end):
    """What every replica says of the whole log."""
    def told():
        answers = []
        for broker in cluster.brokers:
            parts, start = [], 0
            while start < end:
                part = link.digest(broker.address, topic, start, end)
                # A follower hears of the high watermark with its next fetch.
                assert part.error == 0 and part.end > start, part
                parts.append((part.batches, part.records, part.bytes, part.digest))
                start = part.end
            answers.append(parts)
        return answers
    first, *others = eventually(told, "all replicas have all")
    assert all(other == first for other in others), (first, others)
    return first


def test_gaps_and_transactions_survive_leaders(cluster, topic):
    link = Link()
    topic_id = uuid.uuid4().bytes
    assert link.alter(cluster.controller().address, mirroring.MIRROR, [topic], topic_id) == [(0, None, 0)]
    assert link.alter(cluster.controller().address, mirroring.MIRROR, [topic], topic_id) == [(0, None, 0)]
    batches, committed, uncommitted, end = history()
    third = len(batches) // 3
    assert link.append_anyhow(cluster, topic, topic_id, batches[:third]) > 0
    leader = cluster.leader(topic)
    leader.kill()
    link.append_anyhow(cluster, topic, topic_id, batches[:2 * third])
    leader.start()
    cluster.wait_until_in_sync(topic)
    # All at once.
    cluster.kill()
    cluster.start()
    assert link.append_anyhow(cluster, topic, topic_id, batches) == end
    cluster.wait_until_in_sync(topic)

    assert read_partition(cluster.address, topic, "read_committed", len(committed)) == committed
    assert read_partition(cluster.address, topic, "read_uncommitted", len(uncommitted)) == uncommitted
    first = agreed_digest(link, cluster, topic, end)
    assert sum(part[0] for part in first) == len(batches)

    # What makes no sense changes nothing.
    leader = cluster.leader(topic).address
    last = batch(end, [b"x"])
    for records, at, code in [
            (last[:-1] + b"?", end, 2), (last[:-1], end, 2), (batch(end - 1, [b"x"]), end, 2), (last, end - 1, 1),
            (last + batch(end, [b"y"]), end, 2)]:
        assert link.append(leader, topic_id, records, at).error == code
    assert link.append(leader, topic_id, last, end, home_epoch=1).error == 74
    assert link.append(leader, bytes(16), last, end).error == 100
    assert Link("north->east").append(leader, topic_id, last, end).error == 42
    assert link.describe(leader, topic).end == end


def produce(cluster, topic, value):
    """Where a client's record went; fails as the broker says."""
    results = []
    producer = Producer({"bootstrap.servers": cluster.address, "message.timeout.ms": 30000})
    producer.produce(topic, value, on_delivery=lambda error, message: results.append((error, message.offset())))
    producer.flush(60)
    error, offset = results[0]
    if error:
        raise KafkaException(error)
    return offset


def test_a_home_moves_and_comes_back(cluster, topic):
    link = Link()
    topic_id = uuid.uuid4().bytes
    controller = cluster.controller().address
    assert link.alter(controller, mirroring.MIRROR, [topic], topic_id) == [(0, None, 0)]
    batches = [batch(0, [b"a", b"b"]), transactional(2, [b"open"], (7, 3, 0))]
    assert link.append_anyhow(cluster, topic, topic_id, batches) == 3
    with pytest.raises(KafkaException):
        produce(cluster, topic, b"too early")
    assert link.alter(controller, mirroring.BEGIN_PROMOTION, [topic], topic_id) == [(0, None, 0)]
    leader = cluster.leader(topic).address
    told = eventually(lambda: (lambda one: one.state == 2 and one)(link.describe(leader, topic)), "the leader knows")
    assert [(one[0], one[1], one[3]) for one in told.open] == [(7, 3, 2)]
    assert link.abort(leader, topic, (7, 4)) == 0
    end = link.describe(leader, topic).end
    assert (end, link.describe(leader, topic).stable) == (4, 4)
    for _ in range(2):
        assert link.alter(controller, mirroring.PROMOTE, [topic], topic_id, cuts={0: end}) == [(0, None, 1)]
    eventually(lambda: link.describe(cluster.leader(topic).address, topic).state == 0, "the leader knows")
    assert [produce(cluster, topic, value) for value in (b"c", b"d", b"e")] == [4, 5, 6]

    # Away again; of what was written here the new home has all but two records.
    assert link.alter(controller, mirroring.FENCE, [topic], topic_id, home_epoch=2) == [(0, None, 2)]
    eventually(lambda: link.describe(cluster.leader(topic).address, topic).state == 3, "the leader knows")
    with pytest.raises(KafkaException):
        produce(cluster, topic, b"too late")
    straggler = cluster.leader(topic)
    straggler.kill()
    eventually(
        lambda: link.alter(
            cluster.controller().address, mirroring.REWIND, [topic], topic_id, home_epoch=2, cuts={0: 5}
        ) == [(0, None, 2)], "a living controller rewinds")
    def append():
        return link.append(
            cluster.leader(topic).address, topic_id, batch(5, [b"other", b"records"]), 5, home_epoch=2).error == 0
    eventually(append, "the link appends behind the cut")
    straggler.start()
    cluster.wait_until_in_sync(topic)
    assert read_partition(cluster.address, topic, "read_committed", 5) == [
        (0, b"a"), (1, b"b"), (4, b"c"), (5, b"other"), (6, b"records")]
    agreed_digest(link, cluster, topic, 7)


def test_many_topics_move_at_once(cluster):
    link = Link()
    controller = cluster.controller().address
    names = [f"many-{number}" for number in range(MANY)]
    ids = {name: struct.pack(">QQ", 99, number) for number, name in enumerate(names)}
    for action, epoch in ((mirroring.MIRROR, 0), (mirroring.BEGIN_PROMOTION, 0), (mirroring.PROMOTE, 1)):
        begun = time.monotonic()
        told = link.alter(controller, action, names, ids.get, cuts={0: 0} if action == mirroring.PROMOTE else None)
        assert told == [(0, None, epoch)] * MANY, [one for one in told if one[0]][:3]
        print(f"action {action} on {MANY} topics: {time.monotonic() - begun:.2f} s")
