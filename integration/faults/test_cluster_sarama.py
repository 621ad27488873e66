"""Faults of a cluster as sarama lives through them: nothing that it was told of is lost, moved or shown differently."""

import os
import signal

import pytest

from load import PARTITIONS, assert_nothing_lost
from martlet import eventually
from sarama_clients import SaramaLoad, SaramaReader


@pytest.fixture
def cluster(stage, topic):
    cluster = stage.cluster(stage.coordinator().start()).start()
    cluster.create(topic, PARTITIONS)
    return cluster


@pytest.fixture
def load(sarama, cluster, topic):
    load = SaramaLoad(sarama, cluster.address, topic)
    yield load
    load.abandon()


@pytest.fixture
def reader(sarama, cluster, topic, load):
    reader = SaramaReader(sarama, cluster.address, topic)
    yield reader
    reader.abandon()


def test_leaders_killed_in_turn(cluster, topic, load, reader):
    for partition in range(2):
        load.wait_for(1000)
        leader = cluster.leader(topic, partition)
        leader.kill()
        load.wait_for(1000)
        leader.start()
        cluster.wait_until_in_sync(topic)
    assert_nothing_lost(cluster, load, reader)


def test_a_stopped_leader_is_replaced_and_comes_back(cluster, topic, load, reader):
    load.wait_for(500)
    leader = cluster.leader(topic)
    os.kill(leader.process.pid, signal.SIGSTOP)
    try:
        eventually(lambda: cluster.leader(topic) is not leader, "another broker leads")
        load.wait_for(500)
    finally:
        os.kill(leader.process.pid, signal.SIGCONT)
    assert_nothing_lost(cluster, load, reader)


def test_a_rolling_restart(cluster, topic, load, reader):
    for broker in cluster.brokers:
        load.wait_for(500)
        assert broker.stop() == 0
        broker.start()
        cluster.wait_until_in_sync(topic)
    assert_nothing_lost(cluster, load, reader)
