"""Both servers with the same configuration, and the comparison of a conversation with each."""

import pytest

from comparing import Talk
from martlet import eventually
from servers import APACHE, four_letter_word

PROVIDERS = "org.apache.zookeeper.server.auth"
SETTINGS = {
    "extendedTypesEnabled": "true", "enforceQuota": "true",
    "authProvider.1": f"{PROVIDERS}.SASLAuthenticationProvider",
    "authProvider.x509": f"{PROVIDERS}.X509AuthenticationProvider"}


@pytest.fixture(scope="module")
def both(shared_stage):
    if not APACHE.exists():
        pytest.skip("Debian's zookeeper is not installed")
    servers = [shared_stage.coordinator(apache=apache, **SETTINGS) for apache in (True, False)]
    for server in servers:
        server.start()
        # Apache's answers ruok before it serves anybody.
        eventually(lambda: "Mode: standalone" in four_letter_word(server.port, "srvr"), f"{server.name} serves")
    return servers


@pytest.fixture
def compare(both):
    def compare(conversation, zxids=True):
        sides = []
        for server, is_apache in zip(both, (True, False)):
            talk = Talk(server.port, is_apache, zxids)
            try:
                conversation(talk)
            finally:
                talk.close()
            sides.append(talk.answers)
        for (asked, apache), (asked_too, ours) in zip(*sides, strict=True):
            assert asked == asked_too
            assert ours == apache, asked
    return compare
