"""A load of numbered records, and whether all that was acknowledged is there."""

import threading
import time
import uuid

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from martlet import DEADLINE, eventually

PARTITIONS = 3


class Load:
    """A producer in a thread that notes what was acknowledged: per partition, the numbers in order of sending, the
    first of which is `first`."""

    def __init__(self, address, topic, per_second=None, partitions=range(PARTITIONS), first=0, **settings):
        self.topic = topic
        self.next = first
        self.acknowledged = {partition: [] for partition in partitions}
        self.count = 0
        self.failures = []
        self._producer = Producer({
            "bootstrap.servers": address, "enable.idempotence": True, "acks": "all", "linger.ms": 2,
            "message.timeout.ms": 120_000, "reconnect.backoff.max.ms": 500, "retry.backoff.max.ms": 500} | settings)
        self._per_second = per_second
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        first = self.next
        partitions = list(self.acknowledged)
        begun = time.monotonic()
        while not self._ending.is_set():
            number = self.next
            # A bound on what is under way, so that the load goes on during the whole fault.
            is_ahead = self._per_second and number - first > self._per_second * (time.monotonic() - begun)
            if is_ahead or len(self._producer) > 300:
                self._producer.poll(0.05)
                continue
            partition = partitions[number % len(partitions)]
            self._producer.produce(
                self.topic, str(number).encode(), partition=partition,
                on_delivery=lambda error, message, n=number, p=partition: self._delivered(error, p, n))
            self._producer.poll(0)
            self.next = number + 1

    def assert_agrees(self, found):
        """Compares what was acknowledged with what is there."""
        for partition, numbers in self.acknowledged.items():
            # The producer is idempotent: nothing twice, nothing out of order, nothing missing.
            assert found[partition] == numbers, f"partition {partition}: {_difference(found[partition], numbers)}"

    def _delivered(self, error, partition, number):
        if error:
            self.failures.append(error)
        else:
            self.acknowledged[partition].append(number)
            self.count += 1

    def wait_for(self, more):
        """Waits until as many records more are acknowledged."""
        target = self.count + more
        eventually(lambda: self.count >= target or self.failures, f"{target} records are acknowledged")
        assert not self.failures, self.failures[:3]

    def abandon(self):
        """Ends the load, whatever has become of what was sent."""
        self._ending.set()
        self._thread.join(DEADLINE)
        self._producer.purge()
        # Hears of what was purged: the producer is kept, with its threads, as long as it has to tell of anything.
        self._producer.flush(DEADLINE)

    def end(self):
        """Ends the load after all that was sent is acknowledged."""
        self._ending.set()
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        assert self._producer.flush(2 * DEADLINE) == 0
        assert not self.failures, self.failures[:3]


class Reader:
    """A consumer in a thread that reads all partitions while they are written, and notes what it was shown."""

    def __init__(self, address, topic, **settings):
        self.numbers = {partition: [] for partition in range(PARTITIONS)}
        self.faults = []
        self._consumer = Consumer({
            "bootstrap.servers": address, "group.id": f"reader-of-{topic}", "enable.auto.commit": False,
            "auto.offset.reset": "error", "reconnect.backoff.max.ms": 500} | settings)
        self._consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._ending.is_set():
            message = self._consumer.poll(0.1)
            if message is None:
                continue
            if message.error():
                # Lost connections are retried by the client; an offset out of range is a record taken back.
                if message.error().code() == KafkaError._AUTO_OFFSET_RESET:
                    self.faults.append(str(message.error()))
                continue
            seen = self.numbers[message.partition()]
            if message.offset() != len(seen):
                self.faults.append(f"partition {message.partition()}: offset {message.offset()} after {len(seen)} records")
            seen.append(int(message.value()))

    def abandon(self):
        """Reads no further."""
        self._ending.set()
        self._thread.join(DEADLINE)

    def end(self):
        self.abandon()
        assert not self._thread.is_alive()
        close(self._consumer)


def close(consumer):
    """Closes a consumer, or leaves it to a thread that never ends: while a request for the end of a leader's epoch is under
    way, librdkafka can wait for itself (its issue 5476)."""
    closing = threading.Thread(target=consumer.close, daemon=True)
    closing.start()
    closing.join(10)


def wait_for_topic(topic, partitions, **settings):
    """Waits until somebody leads each of so many partitions of a topic.

    It asks with a client of its own: librdkafka keeps for a minute what it was told of a topic that was just being made.
    """
    client = Consumer({"group.id": "waits-for-a-topic"} | settings)

    def is_led():
        found = client.list_topics(timeout=DEADLINE).topics.get(topic)
        return found and sum(one.leader >= 0 for one in found.partitions.values()) >= partitions
    eventually(is_led, f"{topic} is there with {partitions} partitions")
    close(client)


def read_all(address, topic, partitions=range(PARTITIONS), **settings):
    """All numbers of a topic by partition, in order of offsets."""
    wait_for_topic(topic, max(partitions) + 1, **{"bootstrap.servers": address} | settings)
    consumer = Consumer({
        "bootstrap.servers": address, "group.id": "reader", "enable.auto.commit": False,
        # What is asked of a partition waits for the fetch of the one before.
        "fetch.wait.max.ms": 10} | settings)
    found = {}
    for partition in partitions:
        place = TopicPartition(topic, partition)
        # Who is asked may have handed its leadership over just now.
        _, end = eventually(lambda: consumer.get_watermark_offsets(place, timeout=DEADLINE), f"{place} has a leader")
        consumer.assign([TopicPartition(topic, partition, 0)])
        numbers = found[partition] = []
        while len(numbers) < end:
            message = consumer.poll(DEADLINE)
            assert message is not None and message.error() is None
            assert message.offset() == len(numbers)
            numbers.append(int(message.value()))
    close(consumer)
    return found


def read_partition(address, topic, isolation, count=0):
    """The offsets and values of all records of the first partition, and of so many at least."""
    consumer = Consumer({
        "bootstrap.servers": address, "group.id": uuid.uuid4().hex, "isolation.level": isolation,
        "enable.auto.commit": False, "enable.partition.eof": True, "auto.offset.reset": "earliest",
        # The end is told by a fetch that has nothing.
        "fetch.wait.max.ms": 10})
    consumer.assign([TopicPartition(topic, 0, 0)])
    records = []
    while True:
        message = consumer.poll(30)
        assert message is not None, f"nothing comes after {records[-1:]}"
        if not message.error():
            records.append((message.offset(), message.value()))
        elif len(records) >= count:
            close(consumer)
            return records


def _difference(held, told):
    """In words: two lists of some hundred thousand numbers are no help."""
    place = next((place for place, (one, other) in enumerate(zip(held, told)) if one != other), min(len(held), len(told)))
    return (
        f"{len(held)} records are there, {len(told)} were told, and they part at {place}: "
        f"{held[place:place + 3]} are there, {told[place:place + 3]} were told")


def assert_all_arrived(load, address, reader=None, **settings):
    """Compares what was acknowledged with what is there, and both with what a reader was shown meanwhile."""
    found = read_all(address, load.topic, **settings)
    load.assert_agrees(found)
    if reader is None:
        return
    reader.end()
    assert not reader.faults, reader.faults[:5]
    for partition, numbers in reader.numbers.items():
        assert numbers, f"nothing of partition {partition} was read"
        held = found[partition][:len(numbers)]
        assert held == numbers, f"partition {partition} was read as it is not: {_difference(held, numbers)}"


def assert_replicas_equal(cluster, topic):
    """Compares what all replicas hold, byte by byte; nothing may be under way.

    Waits a while: a broker that was stopped says for a moment still that all are in sync, as it was told before.
    """
    def held(broker, partition):
        segments = sorted(broker.partition(f"{topic}-{partition}").glob("*.log"))
        return b"".join(segment.read_bytes() for segment in segments)
    for partition in range(PARTITIONS):
        eventually(
            lambda: len({held(broker, partition) for broker in cluster.brokers}) == 1,
            f"all brokers hold the same of {topic}-{partition}")
        assert held(cluster.brokers[0], partition), f"partition {partition} is empty"


def assert_nothing_lost(cluster, load, reader):
    """Ends a load of a cluster, and compares what was acknowledged, what was read and what every replica holds."""
    cluster.wait_until_in_sync(load.topic)
    load.wait_for(500)
    load.end()
    cluster.wait_until_in_sync(load.topic)
    assert_all_arrived(load, cluster.address, reader, **cluster.security)
    assert_replicas_equal(cluster, load.topic)
