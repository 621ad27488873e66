"""Access of aiokafka's clients to the shared broker."""

import ssl

import pytest


@pytest.fixture
def access(broker, certificates, security):
    """The settings with which a client reaches the broker."""
    if security == "PLAINTEXT":
        return {"bootstrap_servers": broker.address}
    context = ssl.create_default_context(cafile=str(certificates.authority))
    context.load_cert_chain(certificates.certificate("alice"), certificates.key("alice"))
    return {"bootstrap_servers": broker.tls_address, "security_protocol": "SSL", "ssl_context": context}
