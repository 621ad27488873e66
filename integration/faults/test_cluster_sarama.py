"""Faults of a cluster as sarama lives through them: nothing that it was told of is lost, moved or shown differently."""

import pytest

from harm import Paused, kill_leaders_in_turn, restart_in_turn
from load import assert_nothing_lost
from martlet import eventually
from sarama_clients import SaramaLoad, SaramaReader


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
    kill_leaders_in_turn(cluster, topic, range(2), load)
    assert_nothing_lost(cluster, load, reader)


def test_a_stopped_leader_is_replaced_and_comes_back(cluster, topic, load, reader):
    load.wait_for(500)
    leader = cluster.leader(topic)
    registered = leader.log().count("registered broker")
    with Paused(leader):
        eventually(lambda: cluster.leader(topic) is not leader, "another broker leads")
        load.wait_for(500)
    # Before that it tells clients what it knew when it was stopped, as Apache's would.
    leader.wait_for_log("registered broker", registered + 1)
    assert_nothing_lost(cluster, load, reader)


def test_a_rolling_restart(cluster, topic, load, reader):
    restart_in_turn(cluster, topic, load)
    assert_nothing_lost(cluster, load, reader)
