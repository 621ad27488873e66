"""Apache's Java clients with stores of each kind, and at ports of another security than theirs."""

import shutil
import subprocess
import time

import pytest

from java_clients import kafka, listed, mutual_tls, partition, poll_until, record, result

PASSWORD = "of-a-store"


@pytest.fixture(scope="module")
def stores(certificates, tmp_path_factory):
    """Stores of alice's as Java's own tool makes them: settings by type."""
    folder = tmp_path_factory.mktemp("stores")
    pkcs12 = folder / "alice.p12"
    subprocess.run(
        ["openssl", "pkcs12", "-export", "-in", certificates.certificate("alice"), "-inkey", certificates.key("alice"),
         "-out", pkcs12, "-passout", f"pass:{PASSWORD}"], check=True)
    assert shutil.which("keytool")

    def keytool(*arguments):
        subprocess.run(["keytool", "-noprompt", *map(str, arguments)], check=True, capture_output=True)
    jks = folder / "alice.jks"
    keytool("-importkeystore", "-srckeystore", pkcs12, "-srcstoretype", "PKCS12", "-srcstorepass", PASSWORD,
            "-destkeystore", jks, "-deststoretype", "JKS", "-deststorepass", PASSWORD)
    made = {"PEM": mutual_tls(certificates)}
    for kind, own in (("PKCS12", pkcs12), ("JKS", jks)):
        trusted = folder / f"trusted.{kind}"
        keytool("-importcert", "-file", certificates.authority, "-keystore", trusted, "-storetype", kind,
                "-storepass", PASSWORD)
        made[kind] = {
            "security.protocol": "SSL", "ssl.keystore.type": kind, "ssl.keystore.location": own,
            "ssl.keystore.password": PASSWORD, "ssl.key.password": PASSWORD, "ssl.truststore.type": kind,
            "ssl.truststore.location": trusted, "ssl.truststore.password": PASSWORD}
    return made


@pytest.mark.parametrize("kind", ["PEM", "PKCS12", "JKS"])
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_records_go_and_come_by_mutual_tls(java, broker, stores, topic, kind, version):
    access = {"bootstrap.servers": broker.tls_address, "ssl.enabled.protocols": version} | stores[kind]
    result(java.admin(access).createTopics(listed(kafka("clients.admin.NewTopic")(topic, 1, 1))).all())
    producer = java.producer(access)
    for one in [producer.send(record(topic, None, "x" * 10_000)) for _ in range(50)]:
        result(one)
    consumer = java.consumer(access)
    consumer.assign(listed(partition(topic)))
    poll_until([consumer], lambda came: len(came[0]) == 50, "all is read")


@pytest.mark.parametrize("case", ["plain at a port of TLS", "TLS at a plain port", "without a certificate"])
def test_clients_of_another_security_are_told_in_time(java, broker, certificates, case):
    tls = mutual_tls(certificates)
    settings = {
        "plain at a port of TLS": {"bootstrap.servers": broker.tls_address},
        "TLS at a plain port": {"bootstrap.servers": broker.address} | tls,
        "without a certificate": {"bootstrap.servers": broker.tls_address} | {
            key: value for key, value in tls.items() if "keystore" not in key}}[case]
    admin = java.admin(settings, **{"default.api.timeout.ms": 2000, "request.timeout.ms": 1500})
    began = time.monotonic()
    with pytest.raises(kafka("common.KafkaException")):
        result(admin.describeCluster().clusterId())
    assert time.monotonic() - began < 20
    # Who does as he should is served as ever.
    assert result(java.admin({"bootstrap.servers": broker.tls_address}, **tls).describeCluster().clusterId())
