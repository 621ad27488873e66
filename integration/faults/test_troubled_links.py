"""Exact links that cannot do what they are told, or not any more: each says what stands in its way and what to mend, leaves
nothing half-made, and goes on by itself when that is mended."""

import random
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import KafkaException, TopicPartition

from disks import fill, small_disk
from links import LINK, assert_proven, commit, committed, exactly, martlet, produce, refuses, regions
from load import read_partition
from martlet import eventually, free_port, http
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
    assert "both ends of the link are cluster" in martlet(mirror, "verify", code=1)["refusal"]
    listed, = [one for one in martlet(mirror, "list") if one["isEnabled"]]
    assert listed["state"] == "refused" and "both ends of the link are cluster" in listed["cause"]
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


def shown(port, name):
    """What the mirror of the first link shows to monitoring under a name, by its other labels."""
    _, _, page = http(port, "/metrics")
    prefix = f'{name}{{link="{LINK}"'
    return {line[len(prefix):].split("}")[0].strip(","): float(line.split()[-1])
            for line in page.splitlines() if line.startswith(prefix)}


def test_a_mirror_topic_that_somebody_deletes_is_mirrored_again(stage, topic):
    source, target = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    port = free_port()
    mirror = exactly(stage, source, target, mirror_metrics_port=port).start()
    for value in (b"a", b"b"):
        produce(source, topic, value)
    assert_proven(mirror, topic, 1)
    commit(source, "readers", [topic], 1)
    eventually(lambda: committed(target, "readers", topic) == 1, "the group's offset is there")
    # Nothing is written any more that would bring the mirror to look at the target's log.
    delete(target, topic)
    eventually(lambda: topic in target.metadata().topics, "it is made again")
    assert_proven(mirror, topic, 1)
    assert [value for _, value in read_partition(target.address, topic, "read_committed")] == [b"a", b"b"]
    eventually(lambda: committed(target, "readers", topic) == 1, "the group's offset is there again")
    eventually(lambda: not any(shown(port, "martlet_mirror_failing_parts").values()), "nothing fails")
    assert mirror.stop() == 0


def test_monitoring_sees_that_a_source_is_not_heard_of(stage, topic):
    source, target = regions(stage, 3)
    source.create(topic, 3)
    port = free_port()
    mirror = exactly(stage, source, target, mirror_metrics_port=port).start()
    produce(source, topic, b"a")
    assert_proven(mirror, topic, 3)
    seconds = lambda: shown(port, "martlet_mirror_lag_seconds").values()
    eventually(lambda: seconds() and not any(seconds()), "nothing is missing")

    # A broker that leads nothing any more is not waited for.
    source.leader(topic).kill()
    eventually(lambda: any(shown(port, "martlet_mirror_failing_parts").values()), "a broker fails")
    eventually(lambda: not any(shown(port, "martlet_mirror_failing_parts").values()), "others lead what it led")
    assert_proven(mirror, topic, 3)

    # Who is not heard of may have gone on: nobody can say that nothing would be lost.
    for broker in source.brokers:
        if broker.is_running:
            broker.freeze()
    eventually(lambda: min(seconds()) > 8, "what may be missing grows older")
    for broker in source.brokers:
        if broker.is_running:
            broker.thaw()
    eventually(lambda: not any(seconds()), "nothing is missing again")
    assert mirror.stop() == 0


def test_a_topic_that_the_source_has_deleted_is_asked_about_and_hides_nothing_else(stage, topic):
    source, target = regions(stage, 1)
    gone, made, taken = f"{topic}-gone", f"{topic}-made", f"{topic}-taken"
    for name in (topic, gone, made, taken):
        source.create(name, 1, replicas=1)
    target.create(taken, 1, replicas=1)
    mirror = exactly(stage, source, target).start()
    for name in (topic, gone, made):
        produce(source, name, b"a")
        assert_proven(mirror, name, 1)
    commit(source, "readers", [topic], 1)
    delete(source, gone)
    delete(source, made)
    source.create(made, 1, replicas=1)
    causes = eventually(lambda: (lambda all: set(all) == {gone, made, taken} and all)(blocked(mirror)), "all is told")
    assert "us-east has deleted it" in causes[gone] and "mirror.deletion.policy" in causes[gone]
    assert "another topic of that name" in causes[made] and "mirror.gap.policy=rewind" in causes[made]
    assert martlet(mirror, "describe").get("sourceFault") is None
    plan = martlet(mirror, "plan", code=1)["topics"]
    assert {one["topic"]: one["action"] for one in plan if topic in one["topic"]} == {
        topic: "follow", made: "blocked", taken: "blocked"}
    part, = martlet(mirror, "verify", "--topics", gone, code=1)["partitions"]
    assert part["verdict"] == "unknown" and "us-east has deleted it" in part["fault"]

    # Who has decided that it stays is not told every time that something is wrong.
    martlet(mirror, "set", "mirror.deletion.policy=keep")
    report = martlet(mirror, "verify", "--topics", gone)
    assert [part["verdict"] for part in report["partitions"]] == ["kept"] and report["obstacles"] == []
    assert gone not in blocked(mirror)
    # Its home moves with the others', and keeps none of them from moving as they should.
    martlet(mirror, "set", "mirror.gap.policy=rewind")
    eventually(lambda: made not in blocked(mirror), "it is mirrored anew")
    assert_proven(mirror, topic, 1)
    told = martlet(mirror, "promote")
    assert set(told["topics"]) == {topic, gone, made} and all(one["isDone"] for one in told["topics"].values())
    assert refuses(source, topic) and not refuses(target, gone)
    assert committed(target, "readers", topic) == 1
    assert mirror.stop() == 0


def test_a_partition_at_rest_is_told_with_what_to_decide(stage, topic):
    source, target = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    mirror = exactly(stage, source, target).start()
    produce(source, topic, b"a")
    assert_proven(mirror, topic, 1)
    mirror.kill()
    for _ in range(3):
        produce(source, topic, b"b")
    admin = source.admin()
    deleted, = admin.delete_records([TopicPartition(topic, 0, 3)]).values()
    deleted.result(60)
    mirror.start()
    cause = eventually(lambda: blocked(mirror).get(topic), "it is told")
    assert f"{topic}-0 rests: the source deleted [1, 3)" in cause and "mirror.gap.policy=continue" in cause
    martlet(mirror, "set", "mirror.gap.policy=continue")
    assert_proven(mirror, topic, 1)
    assert blocked(mirror) == {} and len(martlet(mirror, "describe")["gaps"]) == 1
    # What was decided then says nothing about the next one.
    martlet(mirror, "set", "--unset", "mirror.gap.policy")
    assert blocked(mirror) == {}
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


def test_a_mirror_leaves_room_to_its_target(stage, tmp_path, topic):
    source, _ = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    coordinator = stage.coordinator().start()
    with small_disk(tmp_path / "small") as small:
        target = stage.cluster(coordinator, 1, **{"log.dirs": small / "data"})
        broker, = target.brokers
        target.start()
        port = free_port()
        mirror = exactly(stage, source, target, topics=topic, mirror_metrics_port=port).start()
        for _ in range(40):
            produce(source, topic, random.randbytes(600_000))
        told = eventually(lambda: blocked(mirror).get(topic), "the link waits")
        assert "broker 1 of eu-west" in told and "make room there" in told
        mirror.wait_for_log("bytes free at")
        causes = shown(port, "martlet_mirror_partition_state")
        assert any(f'topic="{topic}"' in labels and "make room there" in labels for labels in causes), causes
        # What others do there goes on.
        target.create(f"{topic}-other", 1, replicas=1)
        assert produce(target, f"{topic}-other", b"written") == 0 and broker.is_running
        subprocess.run(["mount", "-o", "remount,size=128m", small], check=True)
        assert_proven(mirror, topic, 1)
        assert blocked(mirror) == {}
        assert mirror.stop() == 0
        broker.kill()


def test_looking_at_a_cluster_that_is_away_ends_soon(stage, topic):
    source, target = regions(stage, 1)
    mirror = exactly(stage, source, target)
    target.kill()
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        for said in pool.map(lambda action: martlet(mirror, action, code=1), ("plan", "describe")):
            assert "nobody listens there" in said
    assert time.monotonic() - began < 30


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
