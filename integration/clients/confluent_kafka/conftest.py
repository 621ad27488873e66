"""Access of confluent-kafka's clients to the shared broker."""

import pytest

from martlet import DEADLINE, eventually


@pytest.fixture
def access(broker, certificates, security):
    """The settings with which a client reaches the broker."""
    if security == "PLAINTEXT":
        return {"bootstrap.servers": broker.address}
    return {
        "bootstrap.servers": broker.tls_address, "security.protocol": "ssl",
        "ssl.ca.location": str(certificates.authority),
        "ssl.certificate.location": str(certificates.certificate("alice")),
        "ssl.key.location": str(certificates.key("alice"))}
