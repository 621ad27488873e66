"""A load of records on the cluster that a test file makes and harms."""

import pytest

from load import Load, Reader


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
