"""A coordinator that knows users of DIGEST-MD5, and clients of kazoo that authenticate to it."""

import pytest
from kazoo.client import KazooClient

from logins import coordinator_with_users
from martlet import DEADLINE


@pytest.fixture(scope="module")
def users_coordinator(shared_stage, tmp_path_factory):
    """A coordinator that knows the users of DIGEST-MD5."""
    return coordinator_with_users(shared_stage, tmp_path_factory.mktemp("jaas")).start()


@pytest.fixture
def connect(users_coordinator):
    """Starts a client of kazoo; all of them are stopped after the test."""
    clients = []

    def start(user=None, password=None, coordinator=None):
        options = {"mechanism": "DIGEST-MD5", "username": user, "password": password} if user else None
        client = KazooClient((coordinator or users_coordinator).address, timeout=10, sasl_options=options)
        clients.append(client)
        client.start(timeout=DEADLINE)
        return client

    yield start
    for client in clients:
        client.stop()
        client.close()
