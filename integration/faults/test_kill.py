"""Brokers and coordinators that are killed under load, and brokers on Apache ZooKeeper."""

import threading

from confluent_kafka import Consumer, Producer, TopicPartition
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException

from martlet import DEADLINE, eventually

PARTITIONS = 3


class Load:
    """A producer in a thread that notes what was acknowledged: per partition, the numbers in order of sending."""

    def __init__(self, address, topic, **settings):
        self.topic = topic
        self.acknowledged = {partition: [] for partition in range(PARTITIONS)}
        self.count = 0
        self.failures = []
        self._producer = Producer({
            "bootstrap.servers": address, "enable.idempotence": True, "acks": "all", "linger.ms": 2,
            "message.timeout.ms": 120_000, "reconnect.backoff.max.ms": 500, "retry.backoff.max.ms": 500} | settings)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        number = 0
        while not self._ending.is_set():
            # A bound on what is under way, so that the load goes on during the whole fault.
            if len(self._producer) > 300:
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

    def end(self):
        """Ends the load after all that was sent is acknowledged."""
        self._ending.set()
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        assert self._producer.flush(2 * DEADLINE) == 0
        assert not self.failures, self.failures[:3]


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


def assert_all_arrived(load, address):
    found = read_all(address, load.topic)
    for partition, numbers in load.acknowledged.items():
        # The producer is idempotent: nothing twice, nothing out of order, nothing missing.
        assert found[partition] == numbers


def test_broker_killed_under_load(stage, topic):
    coordinator = stage.coordinator().start()
    broker = stage.broker(coordinator).start()
    load = Load(broker.address, topic)
    for _ in range(3):
        load.wait_for(3000)
        broker.kill()
        broker.start()
    load.wait_for(3000)
    load.end()
    assert_all_arrived(load, broker.address)
    assert broker.stop() == 0


def test_coordinator_killed_under_load(stage, topic):
    coordinator = stage.coordinator().start()
    broker = stage.broker(coordinator).start()
    load = Load(broker.address, topic)
    for _ in range(3):
        load.wait_for(3000)
        coordinator.kill()
        # Records flow on without a coordinator, at least for the session's time.
        load.wait_for(300)
        coordinator.start()
    load.wait_for(3000)
    load.end()
    assert_all_arrived(load, broker.address)


def test_the_coordinators_answers_survive_its_death(stage):
    coordinator = stage.coordinator().start()
    client = KazooClient(hosts=coordinator.address, timeout=20)
    client.start(timeout=DEADLINE)
    try:
        client.create("/kept")
        client.create("/kept/session", ephemeral=True)
        created, enough = [], threading.Event()

        def write():
            number = 0
            while True:
                try:
                    client.create(f"/kept/{number}", b"x")
                except KazooException:
                    return
                created.append(number)
                number += 1
                if number == 500:
                    enough.set()
        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        assert enough.wait(DEADLINE)
        coordinator.kill()
        writer.join(DEADLINE)
        assert not writer.is_alive()
        coordinator.start()
        children = client.retry(client.get_children, "/kept")
        # What was under way at the end may or may not be there; what was answered is.
        assert set(map(str, created)) <= set(children)
        assert len(children) <= len(created) + 2
        assert client.retry(client.exists, "/kept/session").ephemeralOwner == client.client_id[0]
    finally:
        client.stop()


def test_broker_on_apache_zookeeper(stage, topic):
    zookeeper = stage.coordinator(apache=True).start()
    broker = stage.broker(zookeeper).start()
    load = Load(broker.address, topic)
    load.wait_for(2000)
    broker.kill()
    broker.start()
    load.wait_for(2000)
    zookeeper.kill()
    load.wait_for(300)
    zookeeper.start()
    load.wait_for(2000)
    load.end()
    assert_all_arrived(load, broker.address)
    assert broker.stop() == 0
