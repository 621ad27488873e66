"""kcat (librdkafka 2.0) against a broker."""

import json
import subprocess

import pytest

from martlet import Process, eventually

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def access(broker, certificates, security):
    """The arguments with which kcat reaches the broker."""
    if security != "SSL":
        return ["-b", broker.address]
    return [
        "-b", broker.tls_address, "-X", "security.protocol=ssl", "-X", f"ssl.ca.location={certificates.authority}",
        "-X", f"ssl.certificate.location={certificates.certificate('alice')}",
        "-X", f"ssl.key.location={certificates.key('alice')}"]


def kcat(broker, certificates, security, *arguments, given=""):
    """Runs kcat and returns what it printed."""
    done = subprocess.run(
        ["kcat", *access(broker, certificates, security), *arguments], input=given, text=True, capture_output=True,
        timeout=90)
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
    assert beyond.strip() == f"{topic} [0] offset -1"


def test_idempotent_producer(broker, certificates, security, topic):
    kcat(broker, certificates, security, "-P", "-t", topic, "-p", "0", "-X", "enable.idempotence=true", "-X",
         "batch.num.messages=10", given="".join(f"{n}\n" for n in range(1000)))
    consumed = kcat(broker, certificates, security, "-C", "-t", topic, "-p", "0", "-e", "-q")
    assert consumed.split() == [str(number) for number in range(1000)]


class Member(Process):
    """A kcat in a group; its log holds the partitions it was given and the records it read."""

    def __init__(self, name, stage, group, topic, arrival):
        super().__init__(name, stage.directory / name, [
            "kcat", *arrival, "-G", group, "-X", "auto.offset.reset=earliest", "-X", "session.timeout.ms=6000",
            "-f", "read %p:%o:%s\\n", "-u", topic])

    def partitions(self):
        """What the latest rebalance gave it; nothing as long as it has nothing."""
        latest = [line for line in self.log().splitlines() if "rebalanced (" in line][-1:]
        return {word.strip("[],") for line in latest if "): assigned:" in line for word in line.split() if "[" in word}

    def records(self):
        return [line for line in self.log().splitlines() if line.startswith("read ")]


def test_two_members_share_and_one_takes_over(stage, broker, certificates, security, topic):
    for partition in range(3):
        kcat(broker, certificates, security, "-P", "-t", topic, "-p", str(partition), given="before\n")
    arrival = access(broker, certificates, security)
    members = [stage.add(Member(name, stage, topic, topic, arrival)).launch() for name in ("first", "second")]
    first, second = members

    def shared():
        parts = [member.partitions() for member in members]
        return all(parts) and parts[0] | parts[1] == {"0", "1", "2"} and not parts[0] & parts[1]
    eventually(shared, "both have partitions of their own")
    # kcat drops, but commits, a record that comes while it is being stopped.
    eventually(lambda: len(first.records() + second.records()) == 3, "all records are read")
    assert second.stop() == 0
    eventually(lambda: first.partitions() == {"0", "1", "2"}, "the first has all partitions")
    for partition in range(3):
        kcat(broker, certificates, security, "-P", "-t", topic, "-p", str(partition), given="after\n")
    eventually(lambda: sum("after" in line for line in first.records()) == 3, "the first reads what all get")
    # The second committed at its end what it had read: nobody reads it again.
    read = first.records() + second.records()
    assert sorted(read) == [f"read {p}:{o}:{word}" for p in range(3) for o, word in enumerate(["before", "after"])]
    # The third begins where the first one ended.
    assert first.stop() == 0
    third = stage.add(Member("third", stage, topic, topic, arrival)).launch()
    eventually(lambda: third.partitions() == {"0", "1", "2"}, "the third has all partitions")
    kcat(broker, certificates, security, "-P", "-t", topic, "-p", "0", given="last\n")
    eventually(third.records, "the third reads")
    assert third.records() == ["read 0:2:last"]
