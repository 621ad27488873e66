"""Groups of the new protocol (KIP-848) and mirrors: their offsets follow while members are at work, and nobody meddles
with members at the target."""

import pytest
from confluent_kafka import Consumer, TopicPartition

from links import assert_proven, exactly, martlet, regions
from load import PARTITIONS, Load
from martlet import DEADLINE, eventually
from members import BRISK, Member, Worker


def committed(cluster, group, topic, partitions=PARTITIONS):
    """The sum of a group's offsets."""
    asking = Consumer({"bootstrap.servers": cluster.address, "group.id": group})
    try:
        places = [TopicPartition(topic, partition) for partition in range(partitions)]
        return sum(max(0, place.offset) for place in asking.committed(places, timeout=DEADLINE))
    finally:
        asking.close()


def commit(cluster, group, topic, offset):
    """Commits for a group without members."""
    consumer = Consumer({"bootstrap.servers": cluster.address, "group.id": group, "enable.auto.commit": False})
    consumer.commit(offsets=[TopicPartition(topic, 0, offset)], asynchronous=False)
    consumer.close()


@pytest.mark.parametrize("move", ["promote", "failover"])
def test_a_group_at_work_goes_on_in_the_other_region(stage, topic, move):
    source, target = regions(stage, 1, **BRISK)
    source.create(topic, PARTITIONS, replicas=1)
    mirror = exactly(stage, source, target).start()
    load = Load(source.address, topic, per_second=200)
    def work(cluster, number):
        folder = stage.directory / f"worker-{number}"
        return stage.add(Worker(folder, folder.name, cluster.address, topic, topic)).launch()
    workers = [work(source, number) for number in range(2)]
    before = eventually(lambda: committed(target, topic, topic), "the group's offsets are there")
    eventually(lambda: committed(target, topic, topic) > before + 200, "they follow while its members are at work")
    load.end()
    assert_proven(mirror, topic, PARTITIONS)
    for cluster in (source, target):
        eventually(lambda: committed(cluster, topic, topic) == load.count, "the group has read everything")
    if move == "failover":
        mirror.kill()
        source.kill()
    assert martlet(mirror, move)["topics"][topic]["isDone"]
    read_there = set(range(load.count))
    assert {number for worker in workers for number in worker.numbers} == read_there

    later = Load(target.address, topic, per_second=200, first=load.next)
    others = [work(target, number) for number in range(2, 4)]
    later.wait_for(100)
    later.end()
    def read_here():
        return {number for worker in others for number in worker.numbers}
    eventually(lambda: len(read_here()) >= later.count, "the group goes on")
    assert read_here() == set(range(load.count, load.count + later.count)), "with what comes next, and nothing twice"


@pytest.mark.parametrize("mode", ["exact", "compatible"])
def test_members_at_the_target_are_left_alone(stage, topic, mode):
    source, target = regions(stage, 1, **BRISK)
    source.create(topic, 1, replicas=1)
    load = Load(source.address, topic, partitions=[0])
    load.wait_for(50)
    load.end()
    copy = topic if mode == "exact" else f"us-east.{topic}"
    settings = {} if mode == "exact" else {
        "sync_group_offsets_enabled": "true", "sync_group_offsets_interval_seconds": 1}
    mirror = stage.mirror(source, target, mode=mode, **settings).start()
    commit(source, "control", topic, 7)
    eventually(lambda: committed(target, "control", copy, 1) == 7, "offsets are brought")

    member = Member({"bootstrap.servers": target.address}, copy, "consumer", **{"group.id": "busy"})
    eventually(lambda: member.poll() or member.partitions == [0], "a member works at the target")
    member.consumer.commit(offsets=[TopicPartition(copy, 0, 3)], asynchronous=False)
    commit(source, "busy", topic, 20)
    commit(source, "control", topic, 20)
    eventually(lambda: committed(target, "control", copy, 1) == 20, "others are brought on")
    assert committed(target, "busy", copy, 1) == 3
    assert "UNKNOWN_MEMBER_ID" not in mirror.log(), "the mirror does not even try"
    member.close()
    eventually(lambda: committed(target, "busy", copy, 1) == 20, "it is brought when nobody works there any more")
