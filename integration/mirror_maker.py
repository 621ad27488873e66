"""What MirrorMaker 2 leaves behind: copies, and the topics in which it and Kafka Connect note how far they came."""

import json
import struct

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from martlet import DEADLINE


def _text(value):
    data = value.encode()
    return struct.pack(">h", len(data)) + data


class MirrorMaker:
    """MirrorMaker 2 from us-east to eu-west, as far as others can see: each call does what its tasks do at some time."""

    def __init__(self, source, target, offsets="mm2-offsets.us-east.internal", connector="MirrorSourceConnector",
                 prefix="us-east.", syncs_at_source=True):
        self.source = source
        self.target = target
        self.offsets = offsets
        self.connector = connector
        self.prefix = prefix
        self.syncs_at_source = syncs_at_source
        self.syncs = "mm2-offset-syncs.eu-west.internal" if syncs_at_source else "mm2-offset-syncs.us-east.internal"
        self._producers = {
            cluster: Producer({"bootstrap.servers": cluster.address, "linger.ms": 5}) for cluster in (source, target)}
        self._create(target, offsets, 25)
        self._create(self._of_syncs, self.syncs, 1)

    @property
    def _of_syncs(self):
        return self.source if self.syncs_at_source else self.target

    @staticmethod
    def _create(cluster, name, partitions):
        admin = cluster.admin()
        admin.create_topics([NewTopic(name, partitions, 1, config={"cleanup.policy": "compact"})])[name].result(DEADLINE)

    def _write(self, cluster, topic, *more, **named):
        told = []
        self._producers[cluster].produce(
            topic, *more, on_delivery=lambda error, message: told.append((error, message.offset())), **named)
        self._producers[cluster].flush(DEADLINE)
        (error, offset), = told
        assert error is None, error
        return offset

    def read(self, topic, first, end, partition=0):
        """The records of the source with offsets in [first, end)."""
        consumer = Consumer({
            "bootstrap.servers": self.source.address, "group.id": "us-east-mm2-reader", "enable.auto.commit": False,
            "enable.partition.eof": True})
        consumer.assign([TopicPartition(topic, partition, first)])
        records = []
        while True:
            message = consumer.poll(DEADLINE)
            assert message is not None
            if message.error() or message.offset() >= end:
                consumer.close()
                return records
            records.append(message)

    def copy(self, topic, first, end, partition=0, syncs_every=None):
        """Copies records one by one, with their times and headers, and tells some pairs of offsets."""
        for number, record in enumerate(self.read(topic, first, end, partition)):
            offset = self._write(
                self.target, self.prefix + topic, record.value(), record.key(), partition,
                timestamp=record.timestamp()[1], headers=record.headers())
            if syncs_every and number % syncs_every == 0:
                self._write(
                    self._of_syncs, self.syncs, struct.pack(">qq", record.offset(), offset),
                    _text(topic) + struct.pack(">i", partition), 0)

    def note(self, topic, offset, partition=0, alias="us-east"):
        """Connect commits that the record at this offset was the last one copied; None takes that back."""
        place = {"cluster": alias, "partition": partition, "topic": topic}
        key = json.dumps([self.connector, place], separators=(",", ":"))
        value = None if offset is None else json.dumps({"offset": offset}, separators=(",", ":"))
        self._write(self.target, self.offsets, value, key)

    def note_others(self):
        """What stands in the same topic of other connectors."""
        for key in (
            ["MirrorHeartbeatConnector", {"sourceClusterAlias": "us-east", "targetClusterAlias": "eu-west"}],
            ["MirrorCheckpointConnector", {"group": "g", "partition": 0, "topic": "t"}],
            ["a-database", {"server": "db1"}],
        ):
            self._write(self.target, self.offsets, json.dumps({"offset": 0, "ts": 1}), json.dumps(key))
        self._write(self.target, self.offsets, b"\xff\x00", b"\x80no JSON")
