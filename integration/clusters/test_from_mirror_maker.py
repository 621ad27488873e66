"""MirrorMaker 2 has copied until now: its copies go on where they end, with nothing missed and nothing twice."""

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from links import commit, committed, martlet, produce, regions
from load import read_partition
from martlet import DEADLINE, eventually
from mirror_maker import MirrorMaker

IDENTITY = {"replication.policy.class": "org.apache.kafka.connect.mirror.IdentityReplicationPolicy"}


def copied(stage, topic):
    """Two regions with a topic of one partition, and one for its copies, both empty."""
    source, target = regions(stage, 1)
    copy = f"us-east.{topic}"
    for name, cluster in ((topic, source), (copy, target)):
        cluster.create(name, 1, replicas=1)
    return source, target, copy


def fill(cluster, topic, first, end, partition=0):
    """Numbered records, of which many have the same time, some a key and some headers."""
    producer = Producer({"bootstrap.servers": cluster.address, "linger.ms": 50, "compression.type": "lz4"})
    for number in range(first, end):
        producer.produce(
            topic, b"%d" % number, b"key" if number % 3 else None, partition, timestamp=1_700_000_000_000 + number // 50,
            headers=[("n", b"%d" % number)] if number % 5 == 0 else None)
    assert producer.flush(DEADLINE) == 0


def numbers(cluster, topic):
    return [int(value) for _, value in read_partition(cluster.address, topic, "read_committed")]


def holds(cluster, topic, wanted):
    eventually(lambda: numbers(cluster, topic) == wanted, f"{topic} holds each record once")


def planned(mirror, topic, code=0):
    report = martlet(mirror, "plan", code=code)
    line, = (one for one in report["topics"] if one["topic"] == topic)
    return line["action"], line.get("reason", "")


@pytest.mark.parametrize("policy", [{}, IDENTITY], ids=["default", "identity"])
@pytest.mark.parametrize("noted", [999, 700, None], ids=["stopped", "killed", "by-syncs-alone"])
def test_a_copy_goes_on_where_it_ends(stage, topic, policy, noted):
    source, target = regions(stage, 1)
    prefix = "" if policy else "us-east."
    copy = prefix + topic
    for name, cluster in ((topic, source), (copy, target)):
        cluster.create(name, 3, replicas=1)
    former = MirrorMaker(source, target, prefix=prefix)
    former.note_others()
    fill(source, topic, 0, 1000)
    former.copy(topic, 0, 1000, syncs_every=90)
    fill(source, topic, 0, 50, partition=1)
    if noted is not None:
        former.note(topic, 12, alias="us-west")
        former.note(topic, 300)
        former.note(topic, noted)
    fill(source, topic, 1000, 1500)
    mirror = stage.mirror(source, target, topics=topic, **policy)
    mirror.launch()
    mirror.wait_for_log("goes on where MirrorMaker 2 ended: 0 at 1000")
    holds(target, copy, list(range(1500)))
    # Also what it had not begun to copy, and a second start.
    mirror.kill()
    mirror.start()
    fill(source, topic, 1500, 1600)
    holds(target, copy, list(range(1600)))
    consumer = Consumer({"bootstrap.servers": target.address, "group.id": "x"})
    eventually(
        lambda: consumer.get_watermark_offsets(TopicPartition(copy, 1), timeout=DEADLINE) == (0, 50), "partition 1")
    consumer.close()
    assert mirror.log().count("where MirrorMaker 2 ended") == 1
    assert planned(mirror, topic) == ("follow", "")
    assert mirror.stop() == 0


def test_groups_go_on_at_the_right_records(stage, topic):
    source, target, copy = copied(stage, topic)
    former = MirrorMaker(source, target)
    fill(source, topic, 0, 1000)
    former.copy(topic, 0, 400, syncs_every=100)
    # It was killed and has copied some again: offsets differ from here on.
    former.copy(topic, 380, 1000, syncs_every=100)
    former.note(topic, 950)
    mirror = stage.mirror(
        source, target, topics=topic, sync_group_offsets_enabled="true", sync_group_offsets_interval_seconds=1).start()
    fill(source, topic, 1000, 1100)
    eventually(lambda: len(numbers(target, copy)) == 1120, "the copy is complete")
    for offset in (1050, 1000, 990, 800):
        commit(source, f"at-{offset}", [topic], offset)
        eventually(lambda: committed(target, f"at-{offset}", copy) == offset + 20, "the very record")
    # Further back MirrorMaker 2's own pairs tell a place that is not behind it.
    commit(source, "far", [topic], 570)
    place = eventually(lambda: max(0, committed(target, "far", copy)), "a place is known")
    assert 480 <= numbers(target, copy)[place] <= 570
    assert mirror.stop() == 0


def test_positions_of_kafka_connect(stage, topic):
    """As Strimzi's operator names them."""
    source, target, copy = copied(stage, topic)
    former = MirrorMaker(
        source, target, offsets="mirrormaker2-cluster-offsets", connector="us-east->eu-west.MirrorSourceConnector",
        syncs_at_source=False)
    fill(source, topic, 0, 30)
    former.copy(topic, 0, 20)
    former.note(topic, 19)
    mirror = stage.mirror(source, target, topics=topic, offset_storage_topic="mirrormaker2-cluster-offsets", **{
        "offset-syncs.topic.location": "target"})
    action, reason = planned(mirror, topic)
    assert (action, reason) == ("adopt", "goes on where MirrorMaker 2 ended: 0 at 20")
    mirror.start()
    holds(target, copy, list(range(30)))
    assert mirror.stop() == 0


def test_nothing_is_taken_over_while_it_runs(stage, topic):
    source, target, copy = copied(stage, topic)
    former = MirrorMaker(source, target)
    fill(source, topic, 0, 30)
    former.copy(topic, 0, 20)
    former.note(topic, 19)
    worker = Consumer({
        "bootstrap.servers": target.address, "group.id": "us-east-mm2", "enable.auto.commit": False,
        "auto.offset.reset": "earliest"})
    worker.subscribe([copy])
    eventually(lambda: worker.poll(0.2) is not None, "the worker is a member")
    mirror = stage.mirror(source, target, topics=topic).start()
    action, reason = planned(mirror, topic, code=1)
    assert action == "blocked" and "its group us-east-mm2 has members at eu-west; stop it" in reason
    mirror.wait_for_log(f"topic {topic} is left out: MirrorMaker 2 copies {copy} still")
    former.copy(topic, 20, 25)
    former.note(topic, 24)
    worker.close()
    holds(target, copy, list(range(30)))
    assert mirror.stop() == 0


def test_what_is_no_copy_stays_as_it_is(stage, topic):
    """Its positions are not there, or are of another link; and what stands there is not the source's."""
    source, target, copy = copied(stage, topic)
    former = MirrorMaker(source, target)
    fill(source, topic, 0, 30)
    former.copy(topic, 0, 20, syncs_every=1)
    produce(target, copy, b"0")
    former.note(topic, 19, alias="us-west")
    former.note(topic, 19)
    former.note(topic, None)
    mirror = stage.mirror(source, target, topics=topic).start()
    action, reason = planned(mirror, topic, code=1)
    assert action == "blocked"
    assert f"noted no position of {topic}-0 at eu-west (mm2-offsets.us-east.internal)" in reason
    assert f"us-east has no record like the last one of {copy}-0" in reason
    assert len(numbers(target, copy)) == 21
    # Who says where it was goes on there, as MirrorMaker 2 would.
    former.note(topic, 19)
    holds(target, copy, [*range(20), 0, *range(20, 30)])
    assert mirror.stop() == 0


def test_what_retention_has_taken(stage, topic):
    source, target = regions(stage, 1)
    emptied, overtaken = f"{topic}-emptied", f"{topic}-overtaken"
    former = MirrorMaker(source, target)
    for name in (emptied, overtaken):
        for one, cluster in ((name, source), (f"us-east.{name}", target)):
            cluster.create(one, 1, replicas=1)
        fill(source, name, 0, 30)
        former.copy(name, 0, 20, syncs_every=5)
        former.note(name, 19)
    def delete(cluster, name, end):
        admin = cluster.admin()
        (deleted,) = admin.delete_records([TopicPartition(name, 0, end)]).values()
        assert deleted.result(DEADLINE).low_watermark == end
    delete(target, f"us-east.{emptied}", 20)
    delete(source, overtaken, 25)
    mirror = stage.mirror(source, target, topics=f"{topic}-.*").start()
    holds(target, f"us-east.{emptied}", list(range(20, 30)))
    holds(target, f"us-east.{overtaken}", [*range(20), *range(25, 30)])
    gaps = eventually(lambda: martlet(mirror, "describe")["gaps"], "the gap is told")
    assert [(gap["topic"], gap["kind"], gap["from"], gap["to"]) for gap in gaps] == [(overtaken, "overtaken", 20, 25)]
    assert mirror.stop() == 0
