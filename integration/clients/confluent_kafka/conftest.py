"""Access of confluent-kafka's clients to the shared broker, and members of groups there."""

import pytest
from confluent_kafka.admin import AdminClient

from members import PARTITIONS, Member, fill


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


@pytest.fixture
def filled(access, topic):
    """A topic of four partitions with 25 records in each."""
    fill(AdminClient(access), access, topic, PARTITIONS, records_each=25)
    return topic


@pytest.fixture
def protocol():
    """Of groups whose members say no other."""
    return "classic"


@pytest.fixture
def members(access, filled, protocol):
    """Makes members of the topic's group; all of them leave after the test."""
    made = []

    def join(protocol=protocol, **settings):
        made.append(Member(access, filled, protocol, **settings))
        return made[-1]
    yield join
    for member in made:
        member.close()
