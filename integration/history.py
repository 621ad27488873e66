"""What two regions hold, tell and were told, kept beside the servers so that it can be compared with what they hold."""

import threading

from confluent_kafka import Consumer, KafkaException, TopicPartition

from load import close, wait_for_topic
from martlet import DEADLINE, eventually


def read_log(cluster, topic, partitions, ends=None):
    """Offsets and numbers of a topic by partition, in order, up to `ends` or else to what is committed now.

    Also of a topic with gaps: of offsets that are not there nothing is told.
    """
    wait_for_topic(topic, partitions, **{"bootstrap.servers": cluster.address} | cluster.security)
    consumer = Consumer({
        "bootstrap.servers": cluster.address, "group.id": "history", "enable.auto.commit": False,
        "auto.offset.reset": "earliest", "fetch.wait.max.ms": 10} | cluster.security)
    found = {}
    for partition in range(partitions):
        place = TopicPartition(topic, partition)
        start, end = eventually(
            lambda: consumer.get_watermark_offsets(place, timeout=DEADLINE), f"{place} has a leader")
        end = ends[partition] if ends else end
        held = found[partition] = []
        if start < end:
            consumer.assign([TopicPartition(topic, partition, start)])
        while start < end and (not held or held[-1][0] < end - 1):
            message = consumer.poll(DEADLINE)
            assert message is not None, f"{place} ends at {held[-1:]}, not at {end}"
            if not message.error():
                held.append((message.offset(), int(message.value())))
    close(consumer)
    return found


def numbers(log):
    """What a log holds, by partition, without the offsets."""
    return {partition: [number for _, number in records] for partition, records in log.items()}


def assert_prefix(shorter, longer):
    """The same records at the same offsets, as far as the first goes."""
    for partition, records in shorter.items():
        assert longer[partition][:len(records)] == records, f"partition {partition} differs"


def assert_holds(log, acknowledged):
    """Every acknowledged number is there, in its order, and none twice."""
    for partition, held in numbers(log).items():
        assert len(set(held)) == len(held), f"partition {partition} holds a record twice"
        told = set(acknowledged[partition])
        assert [number for number in held if number in told] == acknowledged[partition], f"partition {partition}"


class GroupReader:
    """A member of a group: reads, and commits what it has read, in a thread."""

    def __init__(self, cluster, topic, group):
        self.seen = {}
        self.committed = {}
        self.faults = []
        self._consumer = Consumer({
            "bootstrap.servers": cluster.address, "group.id": group, "enable.auto.commit": False,
            "auto.offset.reset": "earliest", "reconnect.backoff.max.ms": 500} | cluster.security)
        self._consumer.subscribe([topic])
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._ending.is_set():
            messages = [one for one in self._consumer.consume(200, 0.1) if not one.error()]
            for message in messages:
                self.seen.setdefault(message.partition(), []).append((message.offset(), int(message.value())))
            if not messages:
                continue
            try:
                for place in self._consumer.commit(asynchronous=False):
                    if place.error is None and place.offset >= 0:
                        self.committed[place.partition] = place.offset
            except KafkaException as fault:
                # Its broker may be away, or the group on its way to another; what is not committed is read again.
                self.faults.append(fault)

    def wait_until_committed(self, ends):
        """Waits until it has read and committed all before these offsets of partitions."""
        eventually(
            lambda: all(self.committed.get(partition, 0) >= end for partition, end in ends.items()),
            f"the group has read up to {ends}")

    def end(self):
        """Leaves the group."""
        self._ending.set()
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        close(self._consumer)


class GroupWatch:
    """Looks again and again whether what a group has committed somewhere is ahead of what can be read there."""

    def __init__(self, cluster, topic, partitions, group):
        self.looks = 0
        self.ahead = []
        self.positions = {}
        self._places = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._consumer = Consumer(
            {"bootstrap.servers": cluster.address, "group.id": group, "enable.auto.commit": False} | cluster.security)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._ending.wait(0.1):
            try:
                # The position first: what can be read only grows.
                for place in self._consumer.committed(self._places, timeout=5):
                    if place.offset < 0:
                        continue
                    end = self._consumer.get_watermark_offsets(place, timeout=5, cached=False)[1]
                    self.positions[place.partition] = place.offset
                    self.looks += 1
                    if place.offset > end:
                        self.ahead.append((place.partition, place.offset, end))
            except KafkaException:
                # Somebody is away; asked again.
                continue

    def end(self):
        """Ends it; it has looked, and the group was never ahead."""
        self._ending.set()
        self._thread.join(DEADLINE)
        close(self._consumer)
        assert self.looks, "the group's position never came"
        assert not self.ahead, f"the group was ahead: {self.ahead[:3]}"
