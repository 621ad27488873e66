"""Exact links that cannot do what they are told, or not any more: each says what stands in its way and what to mend, leaves
nothing half-made, and goes on by itself when that is mended."""

import uuid

import pytest
from confluent_kafka import KafkaException

from disks import fill, small_disk
from links import LINK, assert_proven, exactly, martlet, produce, refuses, regions
from load import read_partition
from martlet import eventually
from mirroring import MIRROR, Link
from namespaces import Network
from servers import CertificateFiles, Certificates, Cluster, Mirror


def delete(cluster, topic):
    admin = cluster.admin()
    admin.delete_topics([topic])[topic].result(60)
    eventually(lambda: topic not in cluster.metadata().topics, f"{topic} is gone")


def blocked(mirror):
    return {one["topic"]: one["cause"] for one in martlet(mirror, "describe")["blocked"]}


def test_what_stands_in_a_topics_place_is_named_and_left_alone(stage, topic):
    source, target = regions(stage, 1)
    ordinary, taken = f"{topic}-ordinary", f"{topic}-taken"
    for name in (ordinary, taken):
        source.create(name, 2, replicas=1)
    # With another number of partitions, and its own contents.
    target.create(ordinary, 1, replicas=1)
    produce(target, ordinary, b"its own")
    north = Link("north->eu-west", "cluster-in-the-north-0")
    eventually(
        lambda: north.alter(target.controller().address, MIRROR, [taken], uuid.uuid4().bytes, replicas=1)[0][0] == 0,
        "another link's mirror topic")
    mirror = exactly(stage, source, target, topics=f"{topic}.*,no-such-topic").start()
    causes = blocked(mirror)
    assert set(causes) == {ordinary, taken}
    assert "delete it there" in causes[ordinary] and "topics.exclude" in causes[ordinary]
    assert "north->eu-west" in causes[taken] and "topics.exclude" in causes[taken]
    assert "no-such-topic" in martlet(mirror, "describe")["unmatchedPatterns"]
    for name in (ordinary, taken):
        mirror.wait_for_log(f"{name} is left out")
    assert [value for _, value in read_partition(target.address, ordinary, "read_committed")] == [b"its own"]

    produce(source, ordinary, b"mirrored")
    delete(target, ordinary)
    eventually(lambda: ordinary not in blocked(mirror), "nothing stands in its place")
    assert_proven(mirror, ordinary, 2)
    assert mirror.stop() == 0


def test_a_link_to_its_own_cluster_is_refused(stage, topic):
    source, _ = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    mirror = exactly(stage, source, source)
    mirror.launch()
    mirror.wait_for_log("both ends of the link are cluster")
    assert "both ends of the link are cluster" in martlet(mirror, "plan", code=1)["refusal"]
    assert "both ends of the link are cluster" in martlet(mirror, "describe")["refusal"]
    assert produce(source, topic, b"written") == 0
    assert mirror.stop() == 0


def test_a_source_topic_is_made_anew_while_it_is_mirrored(stage, topic):
    source, target = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    mirror = exactly(stage, source, target).start()
    for value in (b"a", b"b", b"c"):
        produce(source, topic, value)
    assert_proven(mirror, topic, 1)
    delete(source, topic)
    source.create(topic, 1, replicas=1)
    produce(source, topic, b"new")
    # By its policy it stops, and keeps what it has.
    gap, = eventually(lambda: martlet(mirror, "describe")["gaps"], "the gap is in the ledger")
    assert (gap["topic"], gap["kind"], gap["from"], gap["to"], gap["policy"]) == (topic, "recreated", 0, 3, "stop")
    assert [value for _, value in read_partition(target.address, topic, "read_committed")] == [b"a", b"b", b"c"]

    martlet(mirror, "set", "mirror.gap.policy=rewind")
    eventually(
        lambda: [value for _, value in read_partition(target.address, topic, "read_committed")] == [b"new"],
        "it is mirrored anew")
    assert_proven(mirror, topic, 1)
    assert mirror.stop() == 0


def test_a_certificate_that_the_source_does_not_believe_any_more(stage, certificates, tmp_path, topic):
    source, target = regions(stage, 1, only_tls=True)
    source.create(topic, 1, replicas=1)
    files = CertificateFiles(tmp_path / "files", certificates)
    files.show(certificates, "alice")
    others = Certificates(tmp_path / "others", "other")
    mirror = stage.add(Mirror(
        stage.directory / "mirror", source, target, certificates, mode="exact",
        **{"us-east.ssl.keystore.location": files.bundle("server")})).start()
    produce(source, topic, b"before")
    assert_proven(mirror, topic, 1)

    files.show(others, "alice")
    broker, = source.brokers
    broker.kill()
    broker.start()
    produce(source, topic, b"after")
    told = martlet(mirror, "describe")
    assert "add its authority to the peer's truststore" in told["sourceFault"], told["sourceFault"]
    mirror.wait_for_log("trusts no authority that signed our certificate")
    produce(source, topic, b"later")

    files.show(certificates, "alice")
    assert_proven(mirror, topic, 1)
    assert martlet(mirror, "describe").get("sourceFault") is None
    assert mirror.stop() == 0


def test_a_target_without_room(stage, tmp_path, topic):
    source, _ = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    coordinator = stage.coordinator().start()
    with small_disk(tmp_path / "small") as small:
        target = stage.cluster(coordinator, 1, **{"log.dirs": small / "data"})
        broker, = target.brokers
        target.start()
        mirror = exactly(stage, source, target, topics=topic).start()
        produce(source, topic, b"before")
        assert_proven(mirror, topic, 1)
        fill(small / "ballast")
        for _ in range(4):
            produce(source, topic, bytes(100_000))
        mirror.wait_for_log(f"{topic}-0: writing: ")
        (small / "ballast").unlink()
        # A broker that could not write waits to be looked after.
        broker.kill()
        broker.start()
        assert_proven(mirror, topic, 1)
        assert mirror.stop() == 0
        broker.kill()


@pytest.fixture
def network():
    network = Network(3)
    try:
        yield network
    finally:
        network.close()


def test_a_planned_move_while_the_mirror_does_not_hear_the_source(stage, network, topic):
    """What the source says is lost on its way: the move gives up, and the source is the home as before."""
    def region(index):
        coordinator = stage.coordinator(host=network.outside).start()
        cluster = stage.add(Cluster(stage.directory / str(index), coordinator, 1, hosts=[network.hosts[index]]))
        broker, = cluster.brokers
        broker.command = network.command(index, broker.command)
        return cluster.start()
    source, target = region(0), region(1)
    source.create(topic, 1, replicas=1)
    mirror = exactly(stage, source, target)
    mirror.command = network.command(2, mirror.command)
    mirror.start()
    produce(source, topic, b"before")
    assert_proven(mirror, topic, 1)

    network.cut(0, 2)
    produce(source, topic, b"after")
    assert "open for writing again" in martlet(mirror, "promote", "--timeout", "3", code=1)
    eventually(lambda: not refuses(source, topic), "the source is written again")
    with pytest.raises(KafkaException):
        produce(target, topic, b"nobody writes this")
    assert martlet(mirror, "describe")["topics"][0]["state"] == "mirroring"

    network.heal()
    report = martlet(mirror, "promote")["topics"][topic]
    assert report["isDone"] and report["recordsPossiblyLost"] == 0
    assert refuses(source, topic)
    assert produce(target, topic, b"at home") == report["cuts"][0]
    assert [one["link"] for one in martlet(mirror, "list") if one["isEnabled"]] == [LINK]
