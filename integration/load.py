"""A load of numbered records, and whether all that was acknowledged is there."""

import threading
import time

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from martlet import DEADLINE, eventually

PARTITIONS = 3


class Load:
    """A producer in a thread that notes what was acknowledged: per partition, the numbers in order of sending."""

    def __init__(self, address, topic, per_second=None, **settings):
        self.topic = topic
        self.acknowledged = {partition: [] for partition in range(PARTITIONS)}
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
        number = 0
        begun = time.monotonic()
        while not self._ending.is_set():
            # A bound on what is under way, so that the load goes on during the whole fault.
            is_ahead = self._per_second and number > self._per_second * (time.monotonic() - begun)
            if is_ahead or len(self._producer) > 300:
                self._producer.poll(0.05)
                continue
            partition = number % PARTITIONS
            self._producer.produce(
                self.topic, str(number).encode(), partition=partition,
                on_delivery=lambda error, message, n=number, p=partition: self._delivered(error, p, n))
            self._producer.poll(0)
            number += 1

    def _delivered(self, error, partition, number):
        if error:
            self.failures.append(error)
        else:
            self.acknowledged[partition].append(number)
            self.count += 1

    def wait_for(self, more):
        """Waits until as many records more are acknowledged."""
        target = self.count + more
        eventually(lambda: self.count >= target, f"{target} records are acknowledged")

    def abandon(self):
        """Ends the load, whatever has become of what was sent."""
        self._ending.set()
        self._thread.join(DEADLINE)
        self._producer.purge()

    def end(self):
        """Ends the load after all that was sent is acknowledged."""
        self._ending.set()
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        assert self._producer.flush(2 * DEADLINE) == 0
        assert not self.failures, self.failures[:3]


class Reader:
    """A consumer in a thread that reads all partitions while they are written, and notes what it was shown."""

    def __init__(self, address, topic):
        self.numbers = {partition: [] for partition in range(PARTITIONS)}
        self.faults = []
        self._consumer = Consumer({
            "bootstrap.servers": address, "group.id": f"reader-of-{topic}", "enable.auto.commit": False,
            "auto.offset.reset": "error", "reconnect.backoff.max.ms": 500})
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

    def end(self):
        self._ending.set()
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        self._consumer.close()


def read_all(address, topic):
    """All numbers of a topic by partition, in order of offsets."""
    consumer = Consumer({
        "bootstrap.servers": address, "group.id": "reader", "enable.auto.commit": False, "enable.partition.eof": False})
    found = {}
    for partition in range(PARTITIONS):
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=DEADLINE)
        consumer.assign([TopicPartition(topic, partition, 0)])
        numbers = found[partition] = []
        while len(numbers) < end:
            message = consumer.poll(DEADLINE)
            assert message is not None and message.error() is None
            assert message.offset() == len(numbers)
            numbers.append(int(message.value()))
    consumer.close()
    return found


def assert_all_arrived(load, address, reader=None):
    """Compares what was acknowledged with what is there, and both with what a reader was shown meanwhile."""
    found = read_all(address, load.topic)
    for partition, numbers in load.acknowledged.items():
        # The producer is idempotent: nothing twice, nothing out of order, nothing missing.
        assert found[partition] == numbers
    if reader is None:
        return
    reader.end()
    assert not reader.faults, reader.faults[:5]
    for partition, numbers in reader.numbers.items():
        assert numbers, f"nothing of partition {partition} was read"
        assert found[partition][:len(numbers)] == numbers, f"partition {partition} was read as it is not"


def assert_replicas_equal(cluster, topic):
    """Compares what all replicas hold, byte by byte; nothing may be under way, and all must be in sync."""
    for partition in range(PARTITIONS):
        contents = {}
        for broker in cluster.brokers:
            segments = sorted((broker.data / f"{topic}-{partition}").glob("*.log"))
            contents[broker.id] = b"".join(segment.read_bytes() for segment in segments)
        assert len(set(contents.values())) == 1, {number: len(held) for number, held in contents.items()}
        assert all(contents.values()), f"partition {partition} is empty"


def assert_nothing_lost(cluster, load, reader):
    """Ends a load of a cluster, and compares what was acknowledged, what was read and what every replica holds."""
    cluster.wait_until_in_sync(load.topic)
    load.wait_for(500)
    load.end()
    cluster.wait_until_in_sync(load.topic)
    assert_all_arrived(load, cluster.address, reader)
    assert_replicas_equal(cluster, load.topic)
