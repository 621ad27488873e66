"""What goes with the home of topics when it moves, what a move says is lost, and what is kept of it."""

import subprocess

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewPartitions

from kafka_wire import Wire
from links import (
    BACK, LINK, assert_proven, command, commit, committed, exactly, is_fenced, martlet, position, produce, refuses, regions)
from load import PARTITIONS, read_partition
from martlet import DEADLINE, eventually
from mirroring import BEGIN_PROMOTION, Link, transactional

BOTH_WAYS = {"eu-west->us-east.enabled": "true", "eu-west->us-east.topics": ".*"}


def left_alone(stage, topic, partitions=1):
    """Two regions that have the same record, and their mirror, which has died."""
    source, target = regions(stage, 1)
    source.create(topic, partitions, replicas=1)
    mirror = exactly(stage, source, target, **BOTH_WAYS).start()
    produce(source, topic, b"kept")
    assert_proven(mirror, topic, partitions)
    mirror.kill()
    return source, target, mirror


@pytest.mark.parametrize("move", ["promote", "failover"])
def test_groups_go_on_with_what_they_committed_last(stage, topic, move):
    source, target = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    # The mirror looks once; then it would be long until it looked again.
    mirror = exactly(stage, source, target, sync_group_offsets_interval_seconds=600).start()
    for number in range(20):
        produce(source, topic, b"%d" % number)
    assert_proven(mirror, topic, 1)
    for group, offset in (("readers", 12), ("ahead", 900)):
        commit(source, group, [topic], offset)
    assert martlet(mirror, move)["groupFaults"] == {}
    assert (committed(target, "readers", topic), committed(target, "ahead", topic)) == (12, 20)
    assert position(target, "readers", topic).metadata == "readers at 12"
    assert position(target, "ahead", topic).metadata == "ahead at 900"
    # Once it has moved, what groups do here is nothing of the old home's.
    commit(target, "readers", [topic], 3)
    commit(source, "readers", [topic], 15)
    martlet(mirror, move)
    assert committed(target, "readers", topic) == 3


def test_a_failover_tells_what_is_lost(stage, topic):
    source, target = regions(stage, 1)
    source.create(topic, PARTITIONS, replicas=1)
    mirror = exactly(stage, source, target).start()
    for number in range(10):
        produce(source, topic, b"%d" % number)
    with Wire(source.leader(topic)) as wire:
        assert wire.produce(topic, transactional(0, [b"never"], (5_000_000, 0, 0)))[0] == 0
    assert_proven(mirror, topic, PARTITIONS)
    mirror.kill()
    # Also in a partition of which the target has nothing.
    for partition, count in ((0, 7), (1, 5)):
        for number in range(count):
            produce(source, topic, b"lost", partition)

    def told(*more):
        one = martlet(mirror, "failover", *more)["topics"][topic]
        assert one["millisecondsPossiblyLost"] < 1000 * DEADLINE, one
        return one["recordsPossiblyLost"], one["abortedTransactions"]
    assert told("--dry-run") == (12, 1)
    # The abort of what was open takes an offset at the target that is a lost record's at the source.
    assert told() == (12, 1)


def test_a_failover_that_is_repeated_tells_again_what_is_lost(stage, topic):
    source, target, mirror = left_alone(stage, topic)
    for number in range(3):
        produce(source, topic, b"lost")
    # Whoever ran it first may have been killed before it could tell.
    for _ in range(2):
        report = martlet(mirror, "failover")
        assert report["isSourceFenced"]
        told = report["topics"][topic]
        assert (told["isDone"], told["recordsPossiblyLost"], told["cuts"]) == (True, 3, [1])
        produce(target, topic, b"at home")
    # What stands at the old home once it has returned is the new home's.
    mirror.start()
    assert martlet(mirror, "failback", link=BACK)["topics"][topic]["isDone"]
    assert "recordsPossiblyLost" not in martlet(mirror, "failover")["topics"][topic]


def test_a_source_of_which_a_part_answers_tells_about_that(stage, topic):
    source, target = regions(stage, 2)
    names = [f"{topic}-{number}" for number in range(8)]
    for name in names:
        source.create(name, 1, replicas=1)
    mirror = exactly(stage, source, target).start()
    for name in names:
        produce(source, name, b"kept")
        assert_proven(mirror, name, 1)
    mirror.kill()
    for name in names:
        produce(source, name, b"lost")
    lost = {name for name in names if source.leader(name) is source.broker(1)}
    assert 0 < len(lost) < len(names)
    source.broker(1).kill()
    eventually(lambda: len(source.metadata().brokers) == 1, "its broker is gone")
    report = martlet(mirror, "failover")
    assert {name for name in names if "recordsPossiblyLost" not in report["topics"][name]} == lost
    assert all(report["topics"][name]["recordsPossiblyLost"] == 1 for name in set(names) - lost)
    assert all(one["isDone"] for one in report["topics"].values()) and "do not answer" in report["sourceFault"]


def test_what_is_lost_is_told_while_leaders_change(stage, topic):
    source, target = regions(stage, 2, **{"min.insync.replicas": 1})
    source.create(topic, PARTITIONS, replicas=2)
    mirror = exactly(stage, source, target).start()
    produce(source, topic, b"kept")
    assert_proven(mirror, topic, PARTITIONS)
    mirror.kill()
    produce(source, topic, b"lost")
    for cluster in (target, source):
        cluster.leader(topic).kill()
        assert martlet(mirror, "failover", "--dry-run")["topics"][topic]["recordsPossiblyLost"] == 1


def test_an_old_home_that_nobody_has_told_keeps_all_that_only_it_has(stage, topic):
    source, target = regions(stage, 1)
    huge = f"{topic}-huge"
    for name in (topic, huge):
        source.create(name, 1, replicas=1)
    mirror = exactly(stage, source, target, **BOTH_WAYS).start()
    for name in (topic, huge):
        produce(source, name, b"kept")
        assert_proven(mirror, name, 1)
    mirror.kill()
    # As large as compressed batches let them be, and larger than those of other topics may be.
    packed = Producer({
        "bootstrap.servers": source.address, "compression.type": "zstd", "message.max.bytes": 20_000_000})
    packed.produce(huge, b"z" * 5_000_000, key=b"key", headers=[("header", b"1")], timestamp=1_600_000_000_000)
    assert packed.flush(DEADLINE) == 0
    source.kill()
    assert martlet(mirror, "failover")["topics"][huge]["isDone"]
    produce(target, topic, b"new")
    source.start()
    # The mirror would tell it; it does not run.
    produce(source, topic, b"nobody has told")
    refused = martlet(mirror, "failback", "--dry-run", link=BACK, code=1)
    assert "does not know yet" in refused["topics"][topic]["fault"] and not refuses(source, topic)
    told = martlet(mirror, "failback", link=BACK)["topics"]
    assert all(one["isDone"] for one in told.values()) and refuses(source, topic)
    assert [(part["cut"], part["keptRecords"]) for part in told[topic]["partitions"]] == [(1, 2)]
    # Whoever ran it may have been killed before it could tell.
    assert martlet(mirror, "failback", link=BACK)["topics"] == told
    kept, = read_partition(source.address, f"mirror-quarantine.{huge}.1000.internal", "read_committed")
    assert kept == (0, b"z" * 5_000_000)
    mirror.start()
    def in_step():
        parts = martlet(mirror, "verify", link=BACK)["partitions"]
        return [(part["verdict"], part["to"]) for part in parts] == [("equal", 2), ("equal", 1)]
    eventually(in_step, "the old home is in step")


def test_two_that_bring_an_old_home_back_at_once_keep_each_record_once(stage, topic):
    source, target, mirror = left_alone(stage, topic, PARTITIONS)
    producer = Producer({"bootstrap.servers": source.address, "enable.idempotence": True})
    for number in range(900):
        producer.produce(topic, b"%d" % number + bytes(5000), partition=number % PARTITIONS)
    assert producer.flush(DEADLINE) == 0
    assert martlet(mirror, "failover")["topics"][topic]["isDone"]
    running = [subprocess.Popen(command(mirror, "failback", link=BACK), stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [one.wait(2 * DEADLINE) for one in running] == [0, 0, 0]
    kept = read_partition(source.address, f"mirror-quarantine.{topic}.1000.internal", "read_committed")
    assert sorted(int(value.rstrip(b"\0")) for _, value in kept) == list(range(900))


def test_an_old_home_with_partitions_that_its_home_has_not_waits_for_them(stage, topic):
    source, target, mirror = left_alone(stage, topic)
    grow(source, topic)
    produce(source, topic, b"only there", 1)
    assert martlet(mirror, "failover")["topics"][topic]["isDone"]
    told = martlet(mirror, "failback", link=BACK, code=1)["topics"][topic]
    assert "2 partitions at us-east, and 1 at eu-west" in told["fault"] and not told["isDone"]
    grow(target, topic)
    told = martlet(mirror, "failback", link=BACK)["topics"][topic]
    assert told["isDone"] and [part["keptRecords"] for part in told["partitions"]] == [0, 1]


def grow(cluster, topic):
    admin = cluster.admin()
    admin.create_partitions([NewPartitions(topic, 2)])[topic].result(DEADLINE)
    eventually(lambda: len(cluster.partitions(topic)) == 2, "it has two partitions")


def test_a_move_that_is_given_up_opens_what_nobody_has_begun_to_promote(stage, topic):
    source, target, mirror = left_alone(stage, topic)
    late = f"{topic}-late"
    source.create(late, 1, replicas=1)
    mirror.start()
    assert_proven(mirror, late, 1)
    mirror.kill()
    produce(source, late, b"has not come")
    move = subprocess.Popen(
        command(mirror, "promote", "--timeout", "15"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    eventually(lambda: is_fenced(source, topic) and is_fenced(source, late), "the source is closed")
    # Somebody else goes on with a move of which the first one has not heard when it looked.
    link = Link(LINK)
    assert link.alter(target.controller().address, BEGIN_PROMOTION, [topic])[0][0] == 0
    said = move.communicate(timeout=2 * DEADLINE)[1]
    assert move.returncode == 1 and f"the mirror has not brought all of {late}-0 in time" in said, said
    assert f"us-east stays closed for {topic}" in said and "us-east is open for writing again" not in said, said
    assert f"it is open for writing again for {late}" in said, said
    assert refuses(source, topic) and refuses(target, topic)
    assert produce(source, late, b"neither this") == 1

    mirror.start()
    told = martlet(mirror, "promote")["topics"]
    assert [told[name]["isDone"] for name in (topic, late)] == [True, True]
    assert read_partition(target.address, late, "read_committed") == [(0, b"has not come"), (1, b"neither this")]
    assert refuses(source, topic) and refuses(source, late)
