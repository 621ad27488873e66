"""An Apache Kafka cluster's broker directory and coordination tree, taken over as they are.

The directory is that of broker 1 of three, cleanly stopped; the tree is what the three left behind. What Apache's own
tools print of each partition is what clients have to find.
"""

import json
import re
import shutil

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from kazoo.client import KazooClient
from kazoo.security import ACL, Id

from martlet import DEADLINE, REPOSITORY, eventually

DIRECTORY = REPOSITORY / "Tests/SegmentedLogTests/Fixtures/log-dir"
TREE = REPOSITORY / "Tests/ControllerTests/Fixtures/tree-06-broker-2-back.jsonl"
EXPECTED = REPOSITORY / "Tests/ToolTests/Fixtures/log-dir-expected"
PARTITIONS = sorted(path.stem for path in EXPECTED.glob("*.txt") if not path.name.startswith("__"))
RECORD = re.compile(
    r"\| offset: (?P<offset>\d+) CreateTime: (?P<time>\d+) keySize: (?P<key_size>-?\d+) valueSize: (?P<value_size>-?\d+) "
    r"sequence: -?\d+ headerKeys: \[(?P<headers>[^]]*)\](?P<rest>.*)")


def _lay_out(coordinator):
    """Makes the tree's nodes that outlived Apache's brokers, with their versions."""
    client = KazooClient(hosts=coordinator.address)
    client.start(timeout=DEADLINE)
    try:
        for line in TREE.read_text().splitlines():
            node = json.loads(line)
            if node["ephemeral"] or node["path"] == "/":
                continue
            data = (node["data"] or "").encode()
            acl = [ACL(bits, Id(*who)) for bits, *who in node["acl"]]
            client.create(node["path"], data, acl=acl)
            for _ in range(node["version"]):
                client.set(node["path"], data)
    finally:
        client.stop()
        client.close()


def _expected(partition):
    """By offset: time, sizes of key and value, keys of headers, of the records that are not control records."""
    records = {}
    for line in (EXPECTED / f"{partition}.txt").read_text().splitlines():
        match = RECORD.match(line)
        if match and "endTxnMarker" not in match["rest"]:
            headers = [name for name in match["headers"].split(",") if name]
            records[int(match["offset"])] = (
                int(match["time"]), int(match["key_size"]), int(match["value_size"]), headers)
    return records


def _read(broker, partition, isolation):
    topic, _, number = partition.rpartition("-")
    consumer = Consumer({
        "bootstrap.servers": broker.address, "group.id": "reads-everything", "enable.auto.commit": False,
        "isolation.level": isolation, "enable.partition.eof": True, "fetch.wait.max.ms": 10})
    consumer.assign([TopicPartition(topic, int(number), 0)])
    found = {}
    try:
        while True:
            message = consumer.poll(DEADLINE)
            assert message is not None, f"{partition} is silent after {len(found)} records"
            if message.error():
                assert message.error().name() == "_PARTITION_EOF", message.error()
                return found

            def size(part):
                return -1 if part is None else len(part)
            found[message.offset()] = (
                message.timestamp()[1], size(message.key()), size(message.value()),
                [name for name, _ in message.headers() or []])
    finally:
        consumer.close()


@pytest.fixture(scope="module", params=["our coordinator", "Apache ZooKeeper"])
def broker(request, shared_stage):
    coordinator = shared_stage.coordinator(apache=request.param == "Apache ZooKeeper").start()
    _lay_out(coordinator)
    broker = shared_stage.broker(
        coordinator, broker_id=1, log_retention_ms=-1, offsets_retention_minutes=2147483647, log_cleaner_enable="false")
    shutil.copytree(DIRECTORY, broker.data)
    broker.start()
    admin = AdminClient({"bootstrap.servers": broker.address})

    def leads():
        topics = admin.list_topics(timeout=10).topics
        return all(
            one.leader == 1 for topic in topics.values() for one in topic.partitions.values() if 1 in one.replicas)
    eventually(leads, "what brokers 2 and 3 led is led by broker 1")
    return broker


@pytest.mark.parametrize("partition", PARTITIONS)
def test_every_record_is_read(broker, partition):
    expected = _expected(partition)
    assert expected
    assert _read(broker, partition, "read_uncommitted") == expected
    committed = _read(broker, partition, "read_committed")
    assert committed == {offset: expected[offset] for offset in committed}
    if partition == "assigned-0":
        assert 0 < len(committed) < len(expected), "aborted transactions are not left out"


def test_groups_go_on_where_they_were(broker):
    admin = AdminClient({"bootstrap.servers": broker.address})
    request = ConsumerGroupTopicPartitions("shipping")
    positions = admin.list_consumer_group_offsets([request])["shipping"].result(DEADLINE).topic_partitions
    assert {(one.topic, one.partition): one.offset for one in positions} == {
        ("orders", 0): 400, ("orders", 1): 200, ("orders", 2): 200, ("orders", 3): 200}


def test_records_are_added_at_the_end(broker):
    last = max(_expected("orders-1"))
    delivered = []
    producer = Producer({"bootstrap.servers": broker.address, "enable.idempotence": True})
    producer.produce("orders", b"after the takeover", partition=1, on_delivery=lambda *told: delivered.append(told))
    assert producer.flush(DEADLINE) == 0
    (error, message), = delivered
    assert error is None and message.offset() == last + 1
    # It led in epoch 1 under Apache, and goes on in it, having taken out brokers 2 and 3, which are gone.
    state = AdminClient({"bootstrap.servers": broker.address}).list_topics(timeout=10).topics["orders"].partitions[1]
    assert (state.leader, state.isrs) == (1, [1])
    checkpoint = (broker.data / "orders-1/leader-epoch-checkpoint").read_text().split()
    assert int(checkpoint[-2]) == 1 and int(checkpoint[-1]) <= last


def test_what_is_left_is_apaches(broker):
    """Nothing in the way back: names and layouts of all files are those Apache Kafka knows."""
    assert broker.stop() == 0
    known = re.compile(
        r"\d{20}\.(log|index|timeindex|txnindex|snapshot)|leader-epoch-checkpoint|partition\.metadata")
    top = {
        "meta.properties", "recovery-point-offset-checkpoint", "replication-offset-checkpoint",
        "log-start-offset-checkpoint", "cleaner-offset-checkpoint", ".kafka_cleanshutdown", ".lock"}
    for entry in broker.data.iterdir():
        if entry.is_dir():
            assert all(known.fullmatch(file.name) for file in entry.iterdir()), list(entry.iterdir())
        else:
            assert entry.name in top, entry
    assert "cluster.id=5F1dGrkjS3KA2L1IWkszJg" in (broker.data / "meta.properties").read_text()
