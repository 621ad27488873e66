"""Consumers that say where they stand read from the replica of their rack (KIP-392)."""

import json

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from martlet import DEADLINE, eventually

RACKS = ["east", "west", "south"]
COUNT = 2000
VALUE = b"x" * 1000


@pytest.fixture
def cluster(stage, topic):
    cluster = stage.cluster(
        stage.coordinator().start(), racks=RACKS,
        replica_selector_class="org.apache.kafka.common.replica.RackAwareReplicaSelector").start()
    cluster.create(topic, 1)
    return cluster


class RackReader:
    """A consumer of partition 0 that stands in a rack, and what its client counts."""

    def __init__(self, cluster, topic, rack, **settings):
        self.statistics = None
        self.count = 0
        self.topic = topic
        self._consumer = Consumer({
            "bootstrap.servers": cluster.address, "client.rack": rack, "group.id": f"{topic}-{rack}",
            "auto.offset.reset": "error", "enable.auto.commit": False, "statistics.interval.ms": 200,
            "reconnect.backoff.max.ms": 500, "stats_cb": self._note} | settings)
        self._consumer.assign([TopicPartition(topic, 0, 0)])

    def _note(self, text):
        self.statistics = json.loads(text)

    def read(self, until):
        """Reads on until so many records were read."""
        def poll():
            for message in self._consumer.consume(500, timeout=0.2):
                assert not message.error(), message.error()
                assert message.offset() == self.count
                self.count += 1
            return self.count >= until
        eventually(poll, f"{until} records are read")

    def broker(self):
        """Whom the client fetches the partition from."""
        self._consumer.poll(0)
        if not self.statistics or self.topic not in self.statistics["topics"]:
            return None
        return self.statistics["topics"][self.topic]["partitions"]["0"]["broker"]

    def received(self, number):
        """Bytes that came from a broker."""
        return sum(
            one["rxbytes"] for one in self.statistics["brokers"].values() if one["nodeid"] == number)

    def close(self):
        self._consumer.close()


def produce(cluster, topic, count):
    producer = Producer({"bootstrap.servers": cluster.address, "acks": "all", "linger.ms": 5})
    for _ in range(count):
        producer.produce(topic, VALUE, partition=0)
    assert producer.flush(DEADLINE) == 0


@pytest.mark.parametrize("isolation", ["read_uncommitted", "read_committed"])
def test_the_records_come_from_the_rack(cluster, topic, isolation):
    leader = cluster.leader(topic)
    near = next(broker for broker in cluster.brokers if broker is not leader)
    reader = RackReader(cluster, topic, RACKS[near.id - 1], **{"isolation.level": isolation})
    try:
        produce(cluster, topic, 1)
        reader.read(1)
        eventually(lambda: reader.broker() == near.id, "the consumer has moved to the follower")
        produce(cluster, topic, COUNT)
        reader.read(COUNT + 1)
        eventually(
            lambda: reader.broker() == near.id and reader.received(near.id) > COUNT * len(VALUE),
            "the client has counted what the follower sent")
        assert reader.received(leader.id) < COUNT * len(VALUE) / 10
    finally:
        reader.close()


def test_a_reader_goes_on_when_its_replica_dies(cluster, topic):
    leader = cluster.leader(topic)
    near = next(broker for broker in cluster.brokers if broker is not leader)
    reader = RackReader(cluster, topic, RACKS[near.id - 1])
    try:
        produce(cluster, topic, 1)
        reader.read(1)
        eventually(lambda: reader.broker() == near.id, "the consumer has moved to the follower")
        near.kill()
        produce(cluster, topic, COUNT)
        reader.read(COUNT + 1)
    finally:
        reader.close()


def test_a_reader_in_the_leaders_rack_stays(cluster, topic):
    leader = cluster.leader(topic)
    reader = RackReader(cluster, topic, RACKS[leader.id - 1])
    try:
        produce(cluster, topic, COUNT)
        reader.read(COUNT)
        eventually(lambda: reader.broker() == leader.id, "the client says whom it fetches from")
    finally:
        reader.close()
