"""Two regions and the links between them, looked after by martlet mirror."""

import json
import subprocess

from confluent_kafka import KafkaException, Producer

from martlet import BINARIES, DEADLINE, eventually

LINK = "us-east->eu-west"
BACK = "eu-west->us-east"


def regions(stage, size):
    """Two clusters with a coordinator each."""
    coordinators = [stage.coordinator().start() for _ in range(2)]
    return [stage.cluster(coordinator, size).start() for coordinator in coordinators]


def exactly(stage, source, target, **settings):
    return stage.mirror(source, target, mode="exact", **settings)


def command(mirror, action, *more, link=LINK):
    link = [] if action == "list" else ["--link", link]
    return [
        BINARIES / "martlet", "mirror", action, "--config", mirror.directory / "mm2.properties", *link, "--json", *more]


def martlet(mirror, action, *more, code=0, link=LINK):
    """The report of martlet mirror."""
    result = subprocess.run(command(mirror, action, *more, link=link), capture_output=True, text=True, timeout=3 * DEADLINE)
    assert result.returncode == code, (result.stdout, result.stderr)
    return json.loads(result.stdout) if result.stdout else result.stderr


def assert_proven(mirror, topic, partitions):
    """Waits until both sides hold the same, all of it."""
    def proof():
        report = martlet(mirror, "verify", "--topics", topic)
        parts = report["partitions"]
        return len(parts) == partitions and all(part["lagInRecords"] == 0 for part in parts) and parts
    parts = eventually(proof, f"{topic} is mirrored")
    assert [part["verdict"] for part in parts] == ["equal"] * partitions
    return parts


def produce(cluster, topic, value):
    """Where a client's record went; fails as the broker says."""
    results = []
    producer = Producer({"bootstrap.servers": cluster.address, "message.timeout.ms": 30000})
    producer.produce(topic, value, partition=0, on_delivery=lambda error, message: results.append(
        (error, None if error else message.offset())))
    producer.flush(60)
    error, offset = results[0]
    if error:
        raise KafkaException(error)
    return offset


def refuses(cluster, topic):
    try:
        produce(cluster, topic, b"nobody writes this")
    except KafkaException:
        return True
    return False
