"""Shared servers for shells: a coordinator, an ensemble, and Apache ZooKeeper."""

import pytest


@pytest.fixture(scope="module")
def single(shared_stage):
    return shared_stage.coordinator(tls=True).start()


@pytest.fixture(scope="module")
def ensemble(shared_stage):
    return shared_stage.ensemble(tls=True).start()


@pytest.fixture(scope="module")
def apache(shared_stage):
    """Debian's, with the kinds of nodes that it leaves out unless told."""
    server = shared_stage.coordinator(apache=True, jvm_flags="-Xmx256m -Dzookeeper.extendedTypesEnabled=true").start()
    # It says that it is alive before it serves.
    server.wait_until_serving()
    return server


@pytest.fixture(params=["single", "ensemble"])
def server(request):
    """Either of ours, over both kinds of port."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["single", "ensemble", "apache"])
def any_server(request):
    """Any, over its plaintext port."""
    return request.getfixturevalue(request.param)
