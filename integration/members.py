"""Members of consumer groups: in this process, and in processes of their own that can be killed."""

import pathlib
import sys

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import NewTopic

from martlet import DEADLINE, Process, eventually

# Of the topic that members of a test share.
PARTITIONS = 4
# Members of the new protocol (KIP-848) speak as often as brokers say, which say so with these settings.
BRISK = {
    "group.consumer.heartbeat.interval.ms": 200, "group.consumer.min.heartbeat.interval.ms": 100,
    "group.consumer.session.timeout.ms": 4000, "group.consumer.min.session.timeout.ms": 1000}
# What consumers of either protocol need to be as quick.
PROTOCOLS = {
    "classic": {"session.timeout.ms": 10_000, "heartbeat.interval.ms": 500},
    "consumer": {"group.protocol": "consumer"}}


def fill(admin, access, topic, partitions, records_each):
    """A topic with that many records in each partition: their numbers, dealt out in turn."""
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(DEADLINE)
    producer = Producer(access)
    for number in range(records_each * partitions):
        producer.produce(topic, str(number).encode(), partition=number % partitions)
    assert producer.flush(DEADLINE) == 0


class Member:
    """A member of a group that notes what it was given and what it read."""

    def __init__(self, access, topic, protocol="classic", topics=None, **settings):
        self.group = f"group-{topic}"
        self.records = []
        self.assignments = []
        self.revocations = []
        self.consumer = Consumer(access | {
            "group.id": self.group, "auto.offset.reset": "earliest", "enable.auto.commit": False,
            "topic.metadata.refresh.interval.ms": 1000} | PROTOCOLS[protocol] | settings)
        self.consumer.subscribe(
            topics or [topic],
            on_assign=lambda _, given: self.assignments.append(sorted(p.partition for p in given)),
            on_revoke=lambda _, taken: self.revocations.append(sorted(p.partition for p in taken)))

    def poll(self):
        """Whether there was a record."""
        message = self.consumer.poll(0.05)
        if message is not None:
            assert message.error() is None, message.error()
            self.records.append(message)
        return message is not None

    @property
    def partitions(self):
        return sorted(p.partition for p in self.consumer.assignment())

    @property
    def read(self):
        return {(m.partition(), m.offset()) for m in self.records}

    def close(self):
        self.consumer.close()


def poll_until(members, check, what):
    def step():
        while any([member.poll() for member in members]) and not check():
            pass
        return check()
    eventually(step, what)


class Worker(Process):
    """A member that works in a process of its own: it says each record's value, then commits it."""

    def __init__(self, directory, name, address, group, topic, protocol="consumer", **settings):
        settings = {
            "bootstrap.servers": address, "group.id": group, "auto.offset.reset": "earliest",
            "enable.auto.commit": False, "reconnect.backoff.max.ms": 500} | PROTOCOLS[protocol] | settings
        super().__init__(name, directory, [sys.executable, pathlib.Path(__file__), topic, repr(settings)])

    @property
    def numbers(self):
        """What it has said, without a line that it may be in the midst of."""
        whole = self.log().rpartition("\n")[0]
        return [int(line.split()[1]) for line in whole.splitlines() if line.startswith("read ")]


def work(topic, settings):
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    while True:
        messages = [one for one in consumer.consume(50, 0.2) if one.error() is None]
        for message in messages:
            print("read", int(message.value()), flush=True)
        if messages:
            try:
                consumer.commit(asynchronous=False)
            except Exception as refusal:
                # What was not committed is read again by whoever has the partition then.
                print("not committed:", refusal, flush=True)


if __name__ == "__main__":
    import ast
    work(sys.argv[1], ast.literal_eval(sys.argv[2]))
