"""Topics for which acks=all is answered only when the other region has the records too."""

import threading
import time

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import NewTopic

from links import LINK, exactly, martlet, produce, regions
from load import PARTITIONS, Load, read_all
from martlet import DEADLINE, eventually, free_port, http
from mirroring import Link

SYNCHRONOUS, DEGRADED = 1, 2


def create(cluster, topic, partitions, limit, replicas=1):
    """Makes a topic whose writers wait for the link, so many milliseconds at most."""
    settings = {"mirror.synchronous.link": LINK, "mirror.synchronous.timeout.ms": str(limit)}
    admin = cluster.admin()
    admin.create_topics([NewTopic(topic, partitions, replicas, config=settings)])[topic].result(DEADLINE)


def synchrony(cluster, topic, partition=0):
    return Link(LINK).describe(cluster.leader(topic, partition).address, topic, partition).synchrony


def test_what_was_acknowledged_outlives_both_the_source_and_the_mirror(stage, topic):
    source, target = regions(stage, 1)
    # Nothing is ever answered without the other region.
    create(source, topic, PARTITIONS, 10 * 60 * 1000)
    mirror = exactly(stage, source, target).start()
    load = Load(source.address, topic)
    load.wait_for(3000)
    # While nobody brings anything to the other region the source would go on by itself.
    mirror.freeze()
    time.sleep(1)
    source.broker(1).kill()
    mirror.kill()
    load.abandon()
    found = read_all(target.address, topic)
    for partition, acknowledged in load.acknowledged.items():
        # What was not acknowledged may be there as well.
        assert found[partition][:len(acknowledged)] == acknowledged
    # And the home moves without anything that was acknowledged.
    report = martlet(mirror, "failover")["topics"][topic]
    assert report["isDone"] and all(
        cut >= len(acknowledged) for cut, acknowledged in zip(report["cuts"], load.acknowledged.values()))


def test_another_leader_at_either_side_goes_on_waiting_for_the_link(stage, topic):
    source, target = regions(stage, 3)
    # Whoever began without the link, or were never told of it, would be found out below, or nothing would go on.
    create(source, topic, PARTITIONS, 10 * 60 * 1000, replicas=3)
    mirror = exactly(stage, source, target).start()
    load = Load(source.address, topic, per_second=1500)
    load.wait_for(1500)
    for cluster in (source, target):
        cluster.leader(topic).kill()
        load.wait_for(1500)
    load.end()
    assert [synchrony(source, topic, partition) for partition in range(PARTITIONS)] == [SYNCHRONOUS] * PARTITIONS
    assert mirror.stop() == 0
    load.assert_agrees(read_all(target.address, topic))


def test_a_link_that_stands_still_is_waited_for_only_so_long(stage, topic):
    source, target = regions(stage, 1)
    limit = 2.0
    create(source, topic, 1, int(limit * 1000))
    port = free_port()
    mirror = exactly(stage, source, target, mirror_metrics_port=port).start()
    eventually(lambda: (produce(source, topic, b"x"), synchrony(source, topic) == SYNCHRONOUS)[1], "the link keeps up")

    mirror.freeze()
    answered = threading.Event()
    begun = time.monotonic()
    writer = threading.Thread(target=lambda: (produce(source, topic, b"waits"), answered.set()), daemon=True)
    writer.start()
    writer.join(DEADLINE)
    assert answered.is_set() and time.monotonic() - begun >= 0.9 * limit
    assert synchrony(source, topic) == DEGRADED
    source.broker(1).wait_for_log(f"link {LINK} does not keep up with {topic}-0")
    offset = produce(source, topic, b"does not wait")

    mirror.thaw()
    eventually(lambda: synchrony(source, topic) == SYNCHRONOUS, "the link keeps up again")
    source.broker(1).wait_for_log(f"link {LINK} keeps up with {topic}-0 again")
    assert Link(LINK).describe(target.leader(topic).address, topic).high_watermark == offset + 1
    part, = martlet(mirror, "describe")["topics"][0]["partitions"]
    assert part["synchrony"] == "synchronous"
    place = f'{{link="{LINK}",topic="{topic}",partition="0"}}'
    eventually(
        lambda: f"martlet_mirror_synchronous{place} 1" in http(port, "/metrics")[2], "monitoring sees it")

    # No time is no limit.
    with pytest.raises(KafkaException, match="must be at least 1"):
        create(source, f"{topic}-bad", 1, 0)
