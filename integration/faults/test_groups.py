"""What groups have committed outlives the broker that keeps it, and members come back to it."""

import pytest
from confluent_kafka import Consumer, TopicPartition

from load import PARTITIONS, Load
from martlet import DEADLINE, eventually


def member(broker, topic, **settings):
    consumer = Consumer({
        "bootstrap.servers": broker.address, "group.id": "readers", "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "reconnect.backoff.max.ms": 500} | settings)
    consumer.subscribe([topic])
    return consumer


def read(consumer, numbers, target):
    """Reads until numbers, by partition, holds target records in all."""
    def step():
        for message in consumer.consume(500, timeout=0.2):
            # While the broker is away, there is nothing to read but its absence.
            if message.error() is None:
                numbers[message.partition()].append(int(message.value()))
        return sum(map(len, numbers.values())) >= target
    eventually(step, f"{target} records are read")


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_committed_offsets_outlive_the_broker(stage, topic, end):
    broker = stage.broker(stage.coordinator().start()).start()
    load = Load(broker.address, topic)
    load.wait_for(2000)
    load.end()
    numbers = {partition: [] for partition in range(PARTITIONS)}
    first = member(broker, topic)
    read(first, numbers, 1000)
    first.commit(asynchronous=False)
    first.close()
    getattr(broker, end)()
    broker.start()
    second = member(broker, topic)
    read(second, numbers, load.count)
    second.close()
    # Each went on exactly where the other had committed.
    assert numbers == load.acknowledged


def test_a_member_reads_on_through_the_death_of_its_broker(stage, topic):
    broker = stage.broker(stage.coordinator().start()).start()
    load = Load(broker.address, topic, per_second=2000)
    load.wait_for(1000)
    consumer = member(broker, topic)
    numbers = {partition: [] for partition in range(PARTITIONS)}
    read(consumer, numbers, 500)
    for _ in range(2):
        broker.kill()
        broker.start()
        load.wait_for(500)
        read(consumer, numbers, load.count)
    load.end()
    read(consumer, numbers, load.count)
    assert numbers == load.acknowledged

    def committed():
        consumer.poll(0.1)
        consumer.commit(asynchronous=False)
        asked = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        found = consumer.committed(asked, timeout=DEADLINE)
        return [p.offset for p in found] == [len(numbers[partition]) for partition in range(PARTITIONS)]
    eventually(committed, "the group is back and takes what is committed")
    consumer.close()
