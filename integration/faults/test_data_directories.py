"""Clusters whose brokers have two data directories each: one that fills up, and replicas that move between them."""

import contextlib
import subprocess

import pytest
from kafka import KafkaAdminClient, TopicPartitionReplica
from kafka.errors import KafkaStorageError, LogDirNotFoundError, NoError

from disks import fill, small_disk
from load import PARTITIONS, assert_nothing_lost
from martlet import BINARIES, eventually

LIMIT = "replica.alter.log.dirs.io.max.bytes.per.second"


@pytest.fixture
def cluster(stage, topic):
    cluster = stage.cluster(stage.coordinator().start(), data=("data", "more"))
    with small_disk(cluster.brokers[0].directories[1]):
        cluster.start().create(topic, PARTITIONS)
        yield cluster
        cluster.kill()


def with_admin(cluster, ask):
    """What a client answers that has just connected: kafka-python does not find a broker again that was away."""
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=cluster.address)) as admin:
        return ask(admin)


def log_dirs(cluster, broker):
    """What a broker tells of its directories, by path."""
    told, = with_admin(cluster, lambda admin: admin.describe_log_dirs(brokers=[broker.id]))
    return {one["log_dir"]: one for one in told["log_dirs"]}


def replicas(cluster, broker, topic):
    """Where a broker has replicas of the topic: by partition, the directories and whether each is a copy under way."""
    found = {}
    for path, told in log_dirs(cluster, broker).items():
        for one in told["topics"]:
            for replica in one["partitions"] if one["name"] == topic else []:
                found.setdefault(replica["partition_index"], {})[path] = replica["is_future_key"]
    return found


def test_a_directory_that_fills_up(cluster, topic, load, reader):
    broker = cluster.brokers[0]
    small = broker.directories[1]
    lost = {number for number in range(PARTITIONS) if (small / f"{topic}-{number}").exists()}
    assert lost and len(lost) < PARTITIONS
    load.wait_for(1000)
    ballast = small / "ballast"
    fill(ballast)

    def others_lead():
        partitions = cluster.partitions(topic)
        return all(
            (broker.id not in one.isrs and one.leader != broker.id) if number in lost else broker.id in one.isrs
            for number, one in partitions.items())
    eventually(others_lead, "others lead what was in the full directory")
    load.wait_for(1000)
    told = log_dirs(cluster, broker)
    assert told[str(small)]["error_code"] == KafkaStorageError.errno
    assert told[str(broker.data)]["error_code"] == 0
    assert broker.is_running and f"data directory {small} failed" in broker.log()
    ballast.unlink()
    assert broker.stop() == 0
    load.wait_for(1000)
    broker.start()
    cluster.wait_until_in_sync(topic)
    assert log_dirs(cluster, broker)[str(small)]["error_code"] == 0
    assert_nothing_lost(cluster, load, reader)


def alter(cluster, moves):
    return with_admin(cluster, lambda admin: admin.alter_replica_log_dirs(moves))


def limit_moves(cluster, bytes_per_second):
    for broker in cluster.brokers:
        changed = subprocess.run(
            [BINARIES / "martlet", "configs", "--bootstrap-server", cluster.address, "--alter", "--entity-type",
             "brokers", "--entity-name", str(broker.id), "--add-config", f"{LIMIT}={bytes_per_second}"],
            capture_output=True, text=True, timeout=60)
        assert changed.returncode == 0, changed.stderr


def test_replicas_move_between_directories_under_load(cluster, topic, load, reader):
    load.wait_for(2000)
    limit_moves(cluster, 10_000)
    moves = {}
    for broker in cluster.brokers:
        for number, held in replicas(cluster, broker, topic).items():
            source, = held
            target, = {str(path) for path in broker.directories} - {source}
            moves[TopicPartitionReplica(topic, number, broker.id)] = target
    assert set(alter(cluster, moves).values()) == {NoError}
    wrong = {TopicPartitionReplica(topic, 0, 1): "/nowhere"}
    assert set(alter(cluster, wrong).values()) == {LogDirNotFoundError}

    def move_is_seen(broker):
        return all(sorted(held.values()) == [False, True] for held in replicas(cluster, broker, topic).values())
    for broker in cluster.brokers:
        assert move_is_seen(broker)
    # All are in the middle of it: too slow ever to end.
    for broker in cluster.brokers:
        load.wait_for(500)
        broker.kill()
        load.wait_for(500)
        broker.start()
        cluster.wait_until_in_sync(topic)
        assert move_is_seen(broker)
    limit_moves(cluster, 100_000_000)
    for move, target in moves.items():
        broker = cluster.broker(move.broker_id)
        eventually(
            lambda: replicas(cluster, broker, topic)[move.partition] == {target: False}, f"{move} has moved to {target}")
    for broker in cluster.brokers:
        broker.kill()
        broker.start()
        cluster.wait_until_in_sync(topic)
    for move, target in moves.items():
        for path in cluster.broker(move.broker_id).directories:
            names = [entry.name for entry in path.glob(f"{topic}-{move.partition}*")]
            assert names == ([f"{topic}-{move.partition}"] if str(path) == target else []), path
    assert_nothing_lost(cluster, load, reader)
