"""kcat (librdkafka 2.0) against a broker."""

import json
import subprocess

import pytest

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def kcat(broker, certificates, security, *arguments, given=""):
    """Runs kcat and returns what it printed."""
    if security == "SSL":
        access = [
            "-b", broker.tls_address, "-X", "security.protocol=ssl", "-X", f"ssl.ca.location={certificates.authority}",
            "-X", f"ssl.certificate.location={certificates.certificate('alice')}",
            "-X", f"ssl.key.location={certificates.key('alice')}"]
    else:
        access = ["-b", broker.address]
    done = subprocess.run(["kcat", *access, *arguments], input=given, text=True, capture_output=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_metadata_names_the_broker(broker, certificates, security):
    listing = json.loads(kcat(broker, certificates, security, "-L", "-J"))
    address = broker.tls_address if security == "SSL" else broker.address
    assert listing["brokers"] == [{"id": 1, "name": address}]
    assert listing["controllerid"] == 1


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_produced_is_consumed(broker, certificates, security, topic, codec):
    lines = [f"key{number}:value {number} {'x' * 200}" for number in range(500)]
    kcat(broker, certificates, security, "-P", "-t", topic, "-p", "0", "-K:", "-z", codec,
         given="\n".join(lines) + "\n")
    consumed = kcat(broker, certificates, security, "-C", "-t", topic, "-p", "0", "-e", "-q", "-f", "%o %k:%s\n")
    assert consumed.splitlines() == [f"{offset} {line}" for offset, line in enumerate(lines)]


def test_headers_timestamps_and_nulls(broker, certificates, security, topic):
    kcat(broker, certificates, security, "-P", "-t", topic, "-p", "0", "-H", "trace=abc", "-H", "trace=def", "-H",
         "empty=", "-Z", "-K:", given=":nothing before\nkey:\n")
    found = [json.loads(line) for line in kcat(
        broker, certificates, security, "-C", "-t", topic, "-p", "0", "-e", "-q", "-J").splitlines()]
    assert [(record["key"], record["payload"]) for record in found] == [(None, "nothing before"), ("key", None)]
    for record in found:
        assert record["headers"] == ["trace", "abc", "trace", "def", "empty", ""]
        assert record["tstype"] == "create" and record["ts"] > 1_600_000_000_000


def test_consume_from_an_offset_and_from_the_end(broker, certificates, security, topic):
    kcat(broker, certificates, security, "-P", "-t", topic, "-p", "0", given="".join(f"{n}\n" for n in range(100)))
    from_offset = kcat(broker, certificates, security, "-C", "-t", topic, "-p", "0", "-o", "40", "-c", "3", "-q")
    assert from_offset.split() == ["40", "41", "42"]
    last = kcat(broker, certificates, security, "-C", "-t", topic, "-p", "0", "-o", "-5", "-e", "-q")
    assert last.split() == ["95", "96", "97", "98", "99"]


def test_offset_of_a_time(broker, certificates, security, topic):
    kcat(broker, certificates, security, "-P", "-t", topic, "-p", "0", given="a\n")
    first = json.loads(kcat(broker, certificates, security, "-C", "-t", topic, "-p", "0", "-e", "-q", "-J"))["ts"]
    answer = kcat(broker, certificates, security, "-Q", "-t", f"{topic}:0:{first}")
    assert answer.strip() == f"{topic} [0] offset 0"
    beyond = kcat(broker, certificates, security, "-Q", "-t", f"{topic}:0:{first + 3_600_000}")
    assert beyond.strip() in (f"{topic} [0] offset -1", f"{topic} [0] offset 1")


def test_idempotent_producer(broker, certificates, security, topic):
    kcat(broker, certificates, security, "-P", "-t", topic, "-p", "0", "-X", "enable.idempotence=true", "-X",
         "batch.num.messages=10", given="".join(f"{n}\n" for n in range(1000)))
    consumed = kcat(broker, certificates, security, "-C", "-t", topic, "-p", "0", "-e", "-q")
    assert consumed.split() == [str(number) for number in range(1000)]
