"""Apache's Java clients of two regions of which one is lost: they go on in the other where they were."""

import time

import pytest

from java_clients import error, kafka, listed, mapped, millis, partition, result
from links import assert_proven, committed, exactly, martlet, regions
from martlet import DEADLINE, eventually
from members import BRISK, PROTOCOLS
from steps import Gate, Steps


def put(producer, topic, numbers):
    for number in numbers:
        result(producer.send(kafka("clients.producer.ProducerRecord")(topic, str(number))))


def read(consumer, count, commits=True):
    """At least so many numbers, as they come."""
    numbers = []
    late = time.monotonic() + DEADLINE
    while len(numbers) < count:
        assert time.monotonic() < late, f"only {len(numbers)} of {count} are read"
        records = consumer.poll(millis(200))
        numbers += [int(record.value()) for record in records]
        if commits and records.count():
            consumer.commitSync()
    return numbers


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_group_and_a_fenced_producer_go_on_in_the_other_region(stage, java, topic, protocol):
    source, target = regions(stage, 1, **BRISK)
    source.create(topic, 1, replicas=1)
    mirror = exactly(stage, source, target).start()
    def group(cluster):
        consumer = java.consumer(
            {"bootstrap.servers": cluster.address, "group.id": topic, "max.poll.records": 10},
            **PROTOCOLS[protocol])
        consumer.subscribe(listed(topic))
        return consumer
    here, there = (java.producer({"bootstrap.servers": cluster.address}) for cluster in (source, target))
    put(here, topic, range(100))
    before = read(group(source), 50)
    eventually(lambda: committed(target, topic, topic) == len(before), "the group's offset follows")
    assert_proven(mirror, topic, 1)

    # What may not be done at the target is refused at once, with a reason.
    start = time.monotonic()
    with pytest.raises(error("InvalidRequest"), match="read-only until it is promoted"):
        put(there, topic, ["never"])
    admin = java.admin({"bootstrap.servers": target.address})
    more = mapped({topic: kafka("clients.admin.NewPartitions").increaseTo(2)})
    with pytest.raises(error("InvalidRequest"), match="gets its partitions from its home"):
        result(admin.createPartitions(more).all())
    early = mapped({partition(topic): kafka("clients.admin.RecordsToDelete").beforeOffset(1)})
    with pytest.raises(error("PolicyViolation")):
        result(admin.deleteRecords(early).all())
    assert time.monotonic() - start < 20, "nobody tried again and again"

    assert martlet(mirror, "promote")["topics"][topic]["isDone"]
    with pytest.raises(error("InvalidRequest"), match="home of .* has moved"):
        put(here, topic, ["never"])
    put(there, topic, range(100, 150))
    assert before + read(group(target), 150 - len(before)) == list(range(150))


@pytest.mark.parametrize("reset", ["latest", "none"])
def test_a_consumer_that_finds_another_region_where_its_own_was_goes_on(stage, java, topic, reset):
    """Its name for the cluster leads elsewhere of a sudden; no group tells it where it was."""
    source, target = regions(stage, 2)
    source.create(topic, 1, replicas=2)
    # Epochs at the source are such as the target has not come to.
    for _ in range(2):
        leader = source.leader(topic)
        leader.kill()
        eventually(lambda: source.leader(topic) is not leader, "the other one leads")
        leader.start()
        source.wait_until_in_sync(topic)
    put(java.producer({"bootstrap.servers": source.address}), topic, range(100))
    mirror = exactly(stage, source, target).start()
    gate = Gate(Steps(), "home", source.brokers[0].port)
    consumer = java.consumer(
        {"bootstrap.servers": f"127.0.0.1:{gate.port}"},
        **{"auto.offset.reset": reset, "max.poll.records": 10, "max.partition.fetch.bytes": 500})
    consumer.assign(listed(partition(topic)))
    consumer.seek(partition(topic), 0)
    before = read(consumer, 50, commits=False)
    assert_proven(mirror, topic, 1)
    mirror.kill()
    source.kill()
    assert martlet(mirror, "failover")["topics"][topic]["isDone"]
    gate.inner = target.brokers[0].port
    put(java.producer({"bootstrap.servers": target.address}), topic, range(100, 150))
    assert before + read(consumer, 150 - len(before), commits=False) == list(range(150))
    gate.close()
