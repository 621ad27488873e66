"""A cluster to harm, and a load of records on it."""

import pytest

from load import PARTITIONS, Load, Reader


@pytest.fixture
def cluster_settings():
    """What a test file's brokers are told besides."""
    return {}


@pytest.fixture
def cluster(stage, topic, cluster_settings):
    cluster = stage.cluster(stage.coordinator().start(), **cluster_settings).start()
    cluster.create(topic, PARTITIONS)
    return cluster


@pytest.fixture
def load(cluster, topic):
    # A client that waits long for a broker that does not answer would hide how soon another one leads.
    load = Load(cluster.address, topic, per_second=2000, **{"request.timeout.ms": 3000, "socket.timeout.ms": 4000})
    yield load
    load.abandon()


@pytest.fixture
def reader(cluster, topic, load):
    reader = Reader(cluster.address, topic)
    yield reader
    reader.end()
