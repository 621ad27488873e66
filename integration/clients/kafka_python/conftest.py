"""Access of kafka-python's clients to the shared broker."""

import pytest


@pytest.fixture
def access(broker, certificates, security):
    """The settings with which a client reaches the broker."""
    if security == "PLAINTEXT":
        return {"bootstrap_servers": [broker.address]}
    return {
        "bootstrap_servers": [broker.tls_address], "security_protocol": "SSL",
        "ssl_cafile": str(certificates.authority), "ssl_certfile": str(certificates.certificate("alice")),
        "ssl_keyfile": str(certificates.key("alice"))}
