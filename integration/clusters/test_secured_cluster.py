"""A cluster in which nobody is believed without a certificate: clients, brokers among each other, and coordinators."""

import ssl

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from load import PARTITIONS, Load, Reader, assert_nothing_lost
from martlet import DEADLINE, eventually
from servers import CertificateFiles, Certificates


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Certificates of an authority that nobody here trusts at first."""
    return Certificates(tmp_path_factory.mktemp("others"), "other")


@pytest.fixture
def secure(stage):
    """Starts a cluster over an ensemble; every host reads the same files."""
    def start(files, security, size=3, **settings):
        stage.certificates = files
        ensemble = stage.ensemble(tls=True, **{
            "sslQuorum": "true", "ssl.quorum.keyStore.location": files.bundle("server"),
            "ssl.quorum.trustStore.location": files.authority}).start()
        cluster = stage.cluster(ensemble, size, tls=True, only_tls=True, **settings)
        cluster.security = security
        return ensemble, cluster.start()
    return start


def shown(broker):
    """The certificate of a broker, as it shows it to everybody."""
    return ssl.get_server_certificate(("127.0.0.1", broker.tls_port))


def is_let_in(broker, security):
    try:
        return AdminClient({"bootstrap.servers": broker.address} | security).list_topics(timeout=2)
    except KafkaException:
        return None


def test_leaders_and_coordinators_are_killed(secure, certificates, topic):
    ensemble, cluster = secure(certificates, certificates.client())
    cluster.create(topic, PARTITIONS)
    load = Load(cluster.address, topic, 2000, **cluster.security)
    reader = Reader(cluster.address, topic, **cluster.security)
    try:
        load.wait_for(1000)
        leader, coordinator = cluster.leader(topic), ensemble.leader()
        leader.kill()
        coordinator.kill()
        load.wait_for(1000)
        coordinator.start()
        leader.start()
        assert_nothing_lost(cluster, load, reader)
    finally:
        load.abandon()


def test_a_broker_of_another_authority_is_not_believed(secure, stage, certificates, others, topic):
    """It is let in to the coordinators, but no broker follows it, nor do they let it follow."""
    _, cluster = secure(certificates, certificates.client(), replica_lag_time_max_ms=2000)
    stranger = cluster.broker(3)
    assert stranger.stop() == 0
    text = stranger.config.read_text()
    for own, foreign in (
            (certificates.bundle("server"), others.bundle("server")), (certificates.authority, others.authority)):
        text = text.replace(f"\nssl.keystore.location={own}", f"\nssl.keystore.location={foreign}")
        text = text.replace(f"\nssl.truststore.location={own}", f"\nssl.truststore.location={foreign}")
    stranger.config.write_text(text)
    stranger.start()

    believed = {"bootstrap.servers": f"{cluster.broker(1).address},{cluster.broker(2).address}"}
    admin = AdminClient(believed | cluster.security)
    admin.create_topics([NewTopic(topic, 3, replica_assignment=[[1, 2, 3], [2, 3, 1], [3, 1, 2]])])[topic].result(DEADLINE)

    def isrs():
        return [one.isrs for _, one in sorted(admin.list_topics(topic, timeout=10).topics[topic].partitions.items())]
    # Those that believe each other lead and follow; who leads alone is the stranger.
    eventually(lambda: [sorted(isr) for isr in isrs()] == [[1, 2], [1, 2], [3]], "each side has left the other out")
    load = Load(believed["bootstrap.servers"], topic, 1000, partitions=(0, 1), **cluster.security)
    load.wait_for(500)
    load.end()
    assert [sorted(isr) for isr in isrs()] == [[1, 2], [1, 2], [3]]
    assert "certificate" in stranger.log()
    for broker in cluster.brokers[:2]:
        assert any("certificate" in line for line in broker.log().splitlines() if " INFO " not in line), broker.tail()
    logs = list(stranger.data.glob(f"{topic}-*/*.log"))
    assert logs and all(log.stat().st_size == 0 for log in logs)


def test_a_broker_whom_the_coordinators_do_not_know_does_not_start(secure, stage, certificates, others):
    ensemble, _ = secure(certificates, certificates.client(), size=1)
    stage.certificates = others
    stranger = stage.broker(
        ensemble, tls=True, only_tls=True, broker_id=2, zookeeper_connection_timeout_ms=3000).launch()
    assert stranger.process.wait(DEADLINE) == 1
    assert "certificate" in stranger.log()


def test_certificates_and_authorities_are_changed_under_load(secure, stage, certificates, others, topic):
    """As an operator does it: trust the new authority too, show what it signed, trust the old one no more."""
    files = CertificateFiles(stage.directory / "files", certificates)
    everybody = stage.directory / "everybody.pem"
    everybody.write_text(certificates.authority.read_text() + others.authority.read_text())
    old, new = certificates.client(authority=everybody), others.client(authority=everybody)
    ensemble, cluster = secure(files, old)
    cluster.create(topic, PARTITIONS)
    assert not is_let_in(cluster.broker(1), new)

    files.trust(certificates, others)
    for broker in cluster.brokers:
        eventually(lambda: is_let_in(broker, new), f"{broker.name} trusts the new authority")
    cluster.security = new
    load = Load(cluster.address, topic, 2000, **new)
    reader = Reader(cluster.address, topic, **new)
    try:
        load.wait_for(500)
        files.show(others)
        expected = others.certificate("server").read_text().strip()
        for broker in cluster.brokers:
            eventually(lambda: shown(broker).strip() == expected, f"{broker.name} shows its new certificate")
        files.trust(others)
        for broker in cluster.brokers:
            eventually(lambda: not is_let_in(broker, old), f"{broker.name} trusts the old authority no more")
        load.wait_for(500)
        # All that were connected to these connect again, in both directions, with what the files hold now.
        leader, coordinator = cluster.leader(topic), ensemble.leader()
        coordinator.kill()
        coordinator.start()
        leader.kill()
        load.wait_for(500)
        leader.start()
        assert_nothing_lost(cluster, load, reader)
    finally:
        load.abandon()
    for broker in cluster.brokers:
        assert broker.log().count("is ready") == (2 if broker is leader else 1)
