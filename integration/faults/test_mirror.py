"""A mirror between two regions: what is killed loses nothing, and what is new is followed."""

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from load import PARTITIONS, Load, assert_all_arrived, read_all
from martlet import DEADLINE, eventually


def regions(stage, tls=False):
    """Two brokers with a coordinator each."""
    coordinators = [stage.coordinator(tls=tls).start() for _ in range(2)]
    return [stage.broker(coordinator, tls=tls).start() for coordinator in coordinators]


def assert_mirrored(load, source, target):
    """Every record of the source stands at the target, once and in order."""
    assert_all_arrived(load, source.address)
    copy = f"us-east.{load.topic}"
    eventually(lambda: read_all(target.address, copy) == load.acknowledged, f"{copy} is complete")


def kill_in_turn(stage, topic, choose):
    source, target = regions(stage, tls=True)
    mirror = stage.mirror(source, target, tls=True).start()
    victim = choose(source, target, mirror)
    load = Load(source.address, topic)
    for _ in range(3):
        load.wait_for(3000)
        victim.kill()
        victim.start()
    load.wait_for(3000)
    load.end()
    assert_mirrored(load, source, target)
    assert mirror.stop() == 0


def test_mirror_killed_under_load(stage, topic):
    kill_in_turn(stage, topic, lambda source, target, mirror: mirror)


def test_source_killed_under_load(stage, topic):
    kill_in_turn(stage, topic, lambda source, target, mirror: source)


def test_target_killed_under_load(stage, topic):
    kill_in_turn(stage, topic, lambda source, target, mirror: target)


@pytest.mark.parametrize("region", [0, 1], ids=["source", "target"])
def test_coordinator_killed_under_load(stage, topic, region):
    # The stage's first two servers are the regions' coordinators.
    kill_in_turn(stage, topic, lambda source, target, mirror: stage.servers[region])


def test_a_group_goes_on_in_the_other_region(stage, topic):
    source, target = regions(stage)
    stage.mirror(source, target, sync_group_offsets_enabled="true", sync_group_offsets_interval_seconds=1,
                 **{"us-east->eu-west.groups": "readers"}).start()
    load = Load(source.address, topic)
    load.wait_for(3000)
    load.end()
    assert_mirrored(load, source, target)

    def consumer(broker):
        return Consumer({"bootstrap.servers": broker.address, "group.id": "readers", "enable.auto.commit": False})
    at_source = consumer(source)
    ends = [TopicPartition(topic, p, len(numbers)) for p, numbers in load.acknowledged.items()]
    at_source.commit(offsets=ends, asynchronous=False)
    at_source.close()
    at_target = consumer(target)

    def translated():
        asked = [TopicPartition(f"us-east.{topic}", p) for p in range(PARTITIONS)]
        return [p.offset for p in at_target.committed(asked, timeout=DEADLINE)] == [p.offset for p in ends]
    eventually(translated, "the group's offsets at the end are there")
    at_target.close()


def test_new_topics_and_partitions_are_followed(stage, topic):
    source, target = regions(stage)
    stage.mirror(source, target).start()
    admin, copies = (AdminClient({"bootstrap.servers": broker.address}) for broker in (source, target))
    admin.create_topics([NewTopic(topic, 1, 1, config={"retention.ms": "7654321"})])[topic].result()

    def count():
        found = copies.list_topics(timeout=10).topics.get(f"us-east.{topic}")
        return len(found.partitions) if found else 0

    eventually(lambda: count() == 1, "the topic is there")
    admin.create_partitions([NewPartitions(topic, PARTITIONS)])[topic].result()
    eventually(lambda: count() == PARTITIONS, "its new partitions are there")
    load = Load(source.address, topic)
    load.wait_for(300)
    load.end()
    assert_mirrored(load, source, target)
