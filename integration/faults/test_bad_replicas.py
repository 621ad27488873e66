"""What a cluster does with files and wishes that cannot be: the one are put aside and made anew, the others refused."""

import shutil

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, ResourceType
from kazoo.client import KazooClient

from load import Load, assert_all_arrived, assert_replicas_equal
from martlet import DEADLINE, eventually

NOISE = bytes(range(256)) * 64


@pytest.fixture
def filled(cluster, topic):
    """Records in all partitions, which all brokers hold."""
    load = Load(cluster.address, topic)
    load.wait_for(3000)
    load.end()
    cluster.wait_until_in_sync(topic)
    return load


def test_files_that_make_no_sense_are_put_aside_and_made_anew_by_the_leader(cluster, topic, filled):
    victim = cluster.broker(2)
    assert victim.stop() == 0
    cut, aside, replaced = (victim.data / f"{topic}-{partition}" for partition in range(3))
    # As a crash leaves it: nothing says that the log was closed, so that it is read again.
    (victim.data / ".kafka_cleanshutdown").unlink()
    (victim.data / "recovery-point-offset-checkpoint").unlink()
    [log] = cut.glob("*.log")
    with open(log, "r+b") as file:
        file.seek(log.stat().st_size // 2)
        file.write(NOISE)
    (aside / "leader-epoch-checkpoint").write_bytes(NOISE)
    shutil.rmtree(replaced)
    replaced.write_bytes(NOISE)
    alien = victim.data / "alien-7"
    alien.mkdir()
    (alien / "00000000000000000000.log").write_bytes(NOISE)
    (alien / "notes.txt").write_bytes(NOISE)

    victim.start()
    cluster.wait_until_in_sync(topic)
    # The leaders have not waited for it.
    load = Load(cluster.address, topic)
    load.wait_for(500)
    load.end()
    for partition, numbers in filled.acknowledged.items():
        load.acknowledged[partition][:0] = numbers
    cluster.wait_until_in_sync(topic)
    assert_all_arrived(load, cluster.address)
    assert_replicas_equal(cluster, topic)
    kept = sorted(path.name for path in victim.data.glob("*-quarantined"))
    assert [name.rpartition(".")[0] for name in kept] == [f"{topic}-1", f"{topic}-2"]
    for partition in (1, 2):
        assert f"{topic}-{partition} cannot be served from {victim.data}" in victim.log()
    assert f"{log} was cut off at byte" in victim.log()
    # Nobody knows what that is, and nobody threw it away.
    assert any(path.read_bytes() == NOISE for path in victim.data.glob("alien-7*/notes.txt"))


def test_files_of_a_partition_that_nobody_else_has(cluster, topic):
    admin = cluster.admin()
    alone = f"{topic}-alone"
    admin.create_topics([NewTopic(alone, 2, replica_assignment=[[2], [2]])])[alone].result(DEADLINE)
    victim = cluster.broker(2)
    assert victim.stop() == 0
    (victim.data / f"{alone}-0" / "partition.metadata").write_bytes(NOISE)
    victim.start()

    # Its log begins anew for nobody: an empty one would tell clients that there was nothing.
    def states():
        return [(one.leader, one.error and one.error.code()) for _, one in sorted(cluster.partitions(alone).items())]
    eventually(
        lambda: states() == [(-1, KafkaError.LEADER_NOT_AVAILABLE), (2, None)], "one is offline, the other is not")
    consumer = Consumer({"bootstrap.servers": cluster.address, "group.id": "any"})
    try:
        assert eventually(
            lambda: consumer.get_watermark_offsets(TopicPartition(alone, 1), timeout=DEADLINE), "it is served") == (0, 0)
    finally:
        consumer.close()
    assert f"{alone}-0 cannot be served from {victim.data}" in victim.log()


def refusal(futures):
    [future] = futures.values()
    with pytest.raises(KafkaException) as refused:
        future.result(DEADLINE)
    error = refused.value.args[0]
    return error.code(), error.str()


def test_wishes_that_cannot_be_write_nothing(cluster, topic):
    tree = KazooClient(cluster.coordinator.address)
    tree.start()
    try:
        def written():
            paths = [f"/brokers/topics/{topic}", f"/config/topics/{topic}"]
            return [tree.get(path)[1].version for path in paths] + [tree.get_children("/config/changes")]
        admin, before = cluster.admin(), written()
        assert refusal(admin.create_partitions([NewPartitions(topic, 2)])) == (
            KafkaError.INVALID_PARTITIONS, "Topic currently has 3 partitions, which is higher than the requested 2.")
        assert refusal(admin.create_partitions([NewPartitions(topic, 3)])) == (
            KafkaError.INVALID_PARTITIONS, "Topic already has 3 partitions.")
        code, message = refusal(admin.create_partitions([NewPartitions(topic, 4, [[1, 2, 9]])]))
        assert code == KafkaError.INVALID_REPLICA_ASSIGNMENT and "9" in message

        def alter(name, value):
            resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)])
            return refusal(admin.incremental_alter_configs([resource]))
        for name, value, complaint in (
                ("max.message.bytes", "-1", "Value must be at least 0"),
                ("retention.ms", "soon", "Not a number of type LONG"),
                ("min.cleanable.dirty.ratio", "1.5", "Value must be no more than 1"),
                ("cleanup.policy", "shred", "String must be one of: compact, delete")):
            code, message = alter(name, value)
            assert code == KafkaError.INVALID_CONFIG
            assert f"Invalid value {value} for configuration {name}: {complaint}" in message, message
        assert alter("no.such.key", "1") == (KafkaError.INVALID_CONFIG, "Unknown topic config name: no.such.key")
        assert written() == before
    finally:
        tree.stop()
        tree.close()
