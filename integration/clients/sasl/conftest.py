"""Servers that know users of DIGEST-MD5, and clients of kazoo that authenticate to them."""

import pytest
from kazoo.client import KazooClient

from logins import users_settings
from martlet import DEADLINE


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    """Settings of a coordinator that knows the users of DIGEST-MD5."""
    return users_settings(tmp_path_factory.mktemp("jaas"))


@pytest.fixture(scope="module")
def users_coordinator(shared_stage, users):
    """A coordinator that knows the users of DIGEST-MD5."""
    return shared_stage.coordinator(tls=True, **users).start()


@pytest.fixture(scope="module")
def users_ensemble(shared_stage, users):
    """Three of them, members of one ensemble."""
    return shared_stage.ensemble(tls=True, **users).start()


@pytest.fixture(params=["single", "ensemble"])
def users_server(request):
    """Either."""
    return request.getfixturevalue("users_coordinator" if request.param == "single" else "users_ensemble")


@pytest.fixture
def connect(certificates):
    """Makes a client of kazoo and starts it; all of them are stopped after the test."""
    clients = []

    def start(server, user=None, password=None, tls=False, started=True):
        options = {"mechanism": "DIGEST-MD5", "username": user, "password": password} if user else None
        over_tls = {
            "use_ssl": True, "ca": str(certificates.authority), "certfile": str(certificates.certificate("alice")),
            "keyfile": str(certificates.key("alice"))} if tls else {}
        client = KazooClient(
            server.secure_address if tls else server.address, timeout=10, sasl_options=options, **over_tls)
        clients.append(client)
        if started:
            client.start(timeout=DEADLINE)
        return client

    yield start
    for client in clients:
        client.stop()
        client.close()
