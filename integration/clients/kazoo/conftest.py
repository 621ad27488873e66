"""Clients of kazoo for a shared coordinator and a shared ensemble, over both kinds of port."""

import uuid

import pytest
from kazoo.client import KazooClient

from martlet import DEADLINE


@pytest.fixture(scope="module", params=["single", "ensemble"])
def coordinator(request, shared_stage):
    """A coordinator of its own, and an ensemble whose members all are offered to clients."""
    if request.param == "single":
        return shared_stage.coordinator(tls=True).start()
    return shared_stage.ensemble(tls=True).start()


@pytest.fixture(params=["PLAINTEXT", "TLS"])
def connect(request, coordinator, certificates):
    """Starts a client; all of them are stopped after the test."""
    clients = []

    def start(**settings):
        if request.param == "TLS":
            settings = {
                "hosts": coordinator.secure_address, "use_ssl": True, "verify_certs": True, "check_hostname": True,
                "ca": str(certificates.authority), "certfile": str(certificates.certificate("alice")),
                "keyfile": str(certificates.key("alice"))} | settings
        client = KazooClient(**{"hosts": coordinator.address, "timeout": 10} | settings)
        clients.append(client)
        client.start(timeout=DEADLINE)
        return client

    yield start
    for client in clients:
        client.stop()
        client.close()


@pytest.fixture
def client(connect):
    return connect()


@pytest.fixture
def path():
    """A path that no other test uses; nothing is there yet."""
    return f"/test-{uuid.uuid4().hex[:12]}"
