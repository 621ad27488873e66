"""Brokers that cannot hear each other, or nobody at all, while records are produced with acks=all and read."""

import pytest

from load import PARTITIONS, assert_nothing_lost
from martlet import eventually
from namespaces import Network
from servers import Cluster


@pytest.fixture
def network():
    network = Network(3)
    try:
        yield network
    finally:
        network.close()


@pytest.fixture
def cluster(stage, network, topic):
    coordinator = stage.coordinator(host=network.outside).start()
    cluster = Cluster(
        stage.directory / "cluster", coordinator, hosts=network.hosts, replica_lag_time_max_ms=3000,
        replica_socket_timeout_ms=3000)
    for index, broker in enumerate(cluster.brokers):
        broker.command = network.command(index, broker.command)
    stage.add(cluster)
    cluster.start()
    cluster.create(topic, PARTITIONS)
    return cluster


def _cut(network, one, way):
    for other in range(3):
        if other != one:
            if way in ("hears nobody", "both ways"):
                network.cut(other, one)
            if way in ("is heard by nobody", "both ways"):
                network.cut(one, other)


@pytest.mark.parametrize("way", ["both ways", "hears nobody", "is heard by nobody"])
def test_a_broker_cut_off_from_the_others(network, cluster, topic, load, reader, way):
    """It keeps its session and what it leads, which waits; the others leave it out of what they lead."""
    load.wait_for(500)
    lonely = cluster.leader(topic, 0)
    others = [one for one, held in cluster.partitions(topic).items() if held.leader != lonely.id]
    _cut(network, lonely.id - 1, way)
    eventually(
        lambda: all(lonely.id not in cluster.partitions(topic)[one].isrs for one in others),
        "the others have left it out")
    network.heal()
    assert_nothing_lost(cluster, load, reader)


def test_a_broker_cut_off_from_everything_is_replaced(network, cluster, topic, load, reader):
    for _ in range(2):
        load.wait_for(500)
        former = cluster.leader(topic, 0)
        network.isolate_wholly(former.id - 1)
        eventually(lambda: cluster.leader(topic, 0) is not former, "another broker leads")
        load.wait_for(500)
        network.heal()
        cluster.wait_until_in_sync(topic)
    assert_nothing_lost(cluster, load, reader)
