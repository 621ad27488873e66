"""Two regions and the links between them, looked after by martlet mirror."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from martlet import BINARIES, DEADLINE, eventually
from mirroring import FENCED, Link

LINK = "us-east->eu-west"
BACK = "eu-west->us-east"


def regions(stage, size, only_tls=False, **settings):
    """Two clusters with a coordinator each; with only_tls nobody speaks anything but mutual TLS with anybody."""
    coordinators = [stage.coordinator(tls=only_tls) for _ in range(2)]
    start(coordinators)
    clusters = [stage.cluster(one, size, tls=only_tls, only_tls=only_tls, **settings) for one in coordinators]
    for cluster in clusters:
        cluster.security = stage.certificates.client() if only_tls else {}
    start(clusters)
    return clusters


def start(servers):
    """All at once."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda server: server.start(), servers))


def exactly(stage, source, target, **settings):
    return stage.mirror(source, target, mode="exact", **settings)


def command(mirror, action, *more, link=LINK):
    link = [] if action == "list" else ["--link", link]
    return [
        BINARIES / "martlet", "mirror", *action.split(), "--config", mirror.directory / "mm2.properties", *link, "--json", *more]


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


def produce(cluster, topic, value, partition=0):
    """Where a client's record went; fails as the broker says.

    Not idempotent, as `load.Load` is: librdkafka asks for its producer's identity half a second after it was made.
    """
    results = []
    producer = Producer(
        {"bootstrap.servers": cluster.address, "message.timeout.ms": 30000, "acks": "all", "linger.ms": 0}
        | cluster.security)
    producer.produce(topic, value, partition=partition, on_delivery=lambda error, message: results.append(
        (error, None if error else message.offset())))
    producer.flush(60)
    error, offset = results[0]
    if error:
        raise KafkaException(error)
    return offset


def commit(cluster, group, topics, offset):
    """A group's position in the first partition of each topic, with a text of its own."""
    consumer = Consumer(
        {"bootstrap.servers": cluster.address, "group.id": group, "enable.auto.commit": False} | cluster.security)
    places = [TopicPartition(topic, 0, offset, f"{group} at {offset}") for topic in topics]
    eventually(lambda: consumer.commit(offsets=places, asynchronous=False), "the group commits")
    consumer.close()


def committed(cluster, group, topic):
    """Where a group is in a topic's first partition."""
    return position(cluster, group, topic).offset


def position(cluster, group, topic):
    """The same, with the text that the group gave."""
    consumer = Consumer({"bootstrap.servers": cluster.address, "group.id": group} | cluster.security)
    try:
        place, = consumer.committed([TopicPartition(topic, 0)], timeout=DEADLINE)
        return place
    finally:
        consumer.close()


def is_fenced(cluster, topic):
    """Whether its leader knows that the home is elsewhere. Who tries to write until it is refused writes meanwhile."""
    return Link(LINK).describe(cluster.leader(topic).address, topic).state == FENCED


def refuses(cluster, topic, partition=0):
    try:
        produce(cluster, topic, b"nobody writes this", partition)
    except KafkaException:
        return True
    return False
