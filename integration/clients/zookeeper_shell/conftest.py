"""A shared coordinator and a shared ensemble for Apache ZooKeeper's shell."""

import pytest


@pytest.fixture(scope="module")
def single(shared_stage):
    return shared_stage.coordinator(tls=True).start()


@pytest.fixture(scope="module")
def ensemble(shared_stage):
    return shared_stage.ensemble(tls=True).start()


@pytest.fixture(params=["single", "ensemble"])
def server(request):
    """Either, over both kinds of port."""
    return request.getfixturevalue(request.param)
