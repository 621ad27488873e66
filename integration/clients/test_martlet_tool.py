"""martlet's own commands against a broker, in plaintext and over mutual TLS."""

import subprocess

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
