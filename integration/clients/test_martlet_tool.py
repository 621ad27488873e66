"""martlet's own commands against a broker, in plaintext and over mutual TLS."""

import subprocess
import uuid

import pytest

from martlet import BINARIES
from servers import write_properties


@pytest.fixture
def martlet(broker, certificates, security, stage):
    """Runs a command of martlet and returns what it printed."""
    settings = {"security.protocol": security}
    if security == "SSL":
        settings |= {
            "ssl.keystore.type": "PEM", "ssl.keystore.location": certificates.bundle("alice"),
            "ssl.truststore.type": "PEM", "ssl.truststore.location": certificates.authority}
    config = write_properties(stage.directory / "client.properties", settings)
    address = broker.tls_address if security == "SSL" else broker.address

    def run(command, *arguments, given="", code=0):
        done = subprocess.run(
            [BINARIES / "martlet", command, "--bootstrap-server", address, "--command-config", config, *arguments],
            input=given, text=True, capture_output=True, timeout=90)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stderr
    return run


def test_a_topic_is_made_described_grown_and_deleted(martlet, topic):
    martlet("topics", "--create", "--topic", topic, "--partitions", "2", "--config", "retention.ms=7654321")
    assert topic in martlet("topics", "--list").split()
    martlet("topics", "--alter", "--topic", topic, "--partitions", "3")
    described = martlet("topics", "--describe", "--topic", topic)
    assert "PartitionCount: 3" in described and "retention.ms=7654321" in described
    assert topic in martlet("topics", "--create", "--topic", topic, code=1)
    martlet("topics", "--delete", "--topic", topic)
    assert topic not in martlet("topics", "--list").split()


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_what_is_produced_is_consumed(martlet, topic, codec):
    martlet("topics", "--create", "--topic", topic, "--partitions", "1")
    lines = [f"key{number}\tvalue {number}" for number in range(500)]
    martlet("produce", "--topic", topic, "--compression-codec", codec, "--property", "parse.key=true",
            given="\n".join(lines) + "\n")
    consumed = martlet("consume", "--topic", topic, "--from-beginning", "--max-messages", "500", "--timeout-ms", "30000",
                       "--property", "print.key=true")
    assert consumed.splitlines() == lines


def test_a_missing_topic_is_named(martlet, topic):
    assert topic in martlet("topics", "--describe", "--topic", topic, code=1)


def test_a_users_credentials_stand_beside_its_quotas(martlet):
    alice = ("--user", f"alice-{uuid.uuid4().hex[:8]}")
    martlet("configs", "--alter", *alice, "--add-config",
            "SCRAM-SHA-256=[iterations=8192,password=a,b=c],SCRAM-SHA-512=[password=secret],producer_byte_rate=1024")
    told = ["producer_byte_rate=1024.0", "SCRAM-SHA-256=iterations=8192", "SCRAM-SHA-512=iterations=4096"]
    assert martlet("configs", "--describe", *alice).splitlines() == told
    martlet("configs", "--alter", *alice, "--delete-config", "SCRAM-SHA-256")
    assert martlet("configs", "--describe", *alice).splitlines() == told[:1] + told[2:]
    assert "does not exist" in martlet("configs", "--alter", *alice, "--delete-config", "SCRAM-SHA-256", code=1)
    for wrong in ("SCRAM-SHA-256=[iterations=1,password=hidden]", "SCRAM-SHA-256=[passwort=hidden]",
                  "SCRAM-SHA-256=[password=]", "SCRAM-SHA-256=hidden"):
        assert "hidden" not in martlet("configs", "--alter", *alice, "--add-config", wrong, code=64)
    martlet("configs", "--alter", "--user-defaults", "--add-config", "SCRAM-SHA-256=[password=x]", code=64)
    martlet("configs", "--alter", *alice, "--delete-config", "SCRAM-SHA-512,producer_byte_rate")
    assert martlet("configs", "--describe", *alice) == ""
