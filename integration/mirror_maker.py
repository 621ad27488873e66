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
            cluster: Producer({"bootstrap.servers": cluster.address, "max.in.flight": 1}) for cluster in (source, target)}
        self._create(target, offsets, 25)
        self._create(self._of_syncs, self.syncs, 1)

    @property
    def _of_syncs(self):
        return self.source if self.syncs_at_source else self.target

    @staticmethod
    def _create(cluster, name, partitions):
        admin = cluster.admin()
        admin.create_topics([NewTopic(name, partitions, 1, config={"cleanup.policy": "compact"})])[name].result(DEADLINE)

    def _write(self, cluster, topic, records):
        """The offsets of records, each given as produce() takes it."""
        told = []
        for record in records:
            self._producers[cluster].produce(
                topic, **record, on_delivery=lambda error, message: told.append((error, message.offset())))
        assert self._producers[cluster].flush(DEADLINE) == 0
        assert len(told) == len(records) and not any(error for error, _ in told), told
        return [offset for _, offset in told]

    def read(self, topic, first, end, partition=0):
        """The records of the source with offsets in [first, end)."""
        consumer = Consumer({
            "bootstrap.servers": self.source.address, "group.id": "us-east-mm2-reader", "enable.auto.commit": False,
            "enable.partition.eof": True, "fetch.wait.max.ms": 10})
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
        """Copies records in order, with their times and headers, and tells some pairs of offsets."""
        records = self.read(topic, first, end, partition)
        offsets = self._write(self.target, self.prefix + topic, [
            {"value": one.value(), "key": one.key(), "partition": partition, "timestamp": one.timestamp()[1],
             "headers": one.headers()} for one in records])
        if syncs_every:
            key = _text(topic) + struct.pack(">i", partition)
            pairs = list(zip(records, offsets))[::syncs_every]
            self._write(self._of_syncs, self.syncs, [
                {"value": struct.pack(">qq", one.offset(), offset), "key": key, "partition": 0} for one, offset in pairs])

    def note(self, topic, offset, partition=0, alias="us-east"):
        """Connect commits that the record at this offset was the last one copied; None takes that back."""
        place = {"cluster": alias, "partition": partition, "topic": topic}
        key = json.dumps([self.connector, place], separators=(",", ":"))
        value = None if offset is None else json.dumps({"offset": offset}, separators=(",", ":"))
        self._write(self.target, self.offsets, [{"value": value, "key": key}])

    def note_others(self):
        """What stands in the same topic of other connectors."""
        places = [
            ["MirrorHeartbeatConnector", {"sourceClusterAlias": "us-east", "targetClusterAlias": "eu-west"}],
            ["MirrorCheckpointConnector", {"group": "g", "partition": 0, "topic": "t"}],
            ["a-database", {"server": "db1"}]]
        notes = [{"value": json.dumps({"offset": 0, "ts": 1}), "key": json.dumps(place)} for place in places]
        self._write(self.target, self.offsets, [*notes, {"value": b"\xff\x00", "key": b"\x80no JSON"}])
