"""The brokers of the tests with Apache's Java clients, and the ways in."""

import pytest

from members import BRISK


@pytest.fixture(scope="module")
def broker(shared_stage, coordinator):
    """A broker whose members move partitions briskly."""
    return shared_stage.broker(coordinator, tls=True, data=("data", "more"), **BRISK).start()


@pytest.fixture
def access(broker):
    return {"bootstrap.servers": broker.address}


@pytest.fixture
def admin(java, access):
    return java.admin(access)
