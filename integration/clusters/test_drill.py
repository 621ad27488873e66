"""A drill: writable forks of mirror topics for an application, beside the running mirror, and thrown away afterwards."""

import json
import subprocess
import time
import types
import uuid

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition

from links import BACK, LINK, assert_proven, command, exactly, martlet, produce, refuses, regions
from load import PARTITIONS, Load, close, read_all, read_partition
from martlet import DEADLINE, eventually, free_port
from mirroring import MIRROR, Link, batch, marker, transactional


def drill_command(mirror, step, *more, link=LINK):
    line = command(mirror, "drill", *more, link=link)
    return [*line[:3], step, *line[3:]]


def drill(mirror, step, *more, code=0, link=LINK):
    """The report of martlet mirror drill, or what it complains about."""
    result = subprocess.run(
        drill_command(mirror, step, *more, link=link), capture_output=True, text=True, timeout=3 * DEADLINE)
    assert result.returncode == code, (result.stdout, result.stderr)
    return json.loads(result.stdout) if result.stdout else result.stderr


def interrupt(mirror, step, delays):
    """Begins a step and kills the tool, again and again."""
    for delay in delays:
        begun = subprocess.Popen(
            drill_command(mirror, step), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        begun.kill()
        begun.wait()


def positions(cluster, group):
    # Kept until it has answered.
    admin = cluster.admin()
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
    found = asked[group].result(DEADLINE).topic_partitions
    return {(one.topic, one.partition): one.offset for one in found}


def test_an_application_works_on_forks_while_mirroring_goes_on(stage, topic):
    source, target = regions(stage, 3)
    source.create(topic, PARTITIONS)
    mirror = exactly(stage, source, target, **{"eu-west->us-east.enabled": "true", "eu-west->us-east.topics": ".*"}).start()
    load = Load(source.address, topic, per_second=2000)
    load.wait_for(3000)
    places = [TopicPartition(topic, partition, 100) for partition in range(PARTITIONS)]
    readers = Consumer({"bootstrap.servers": source.address, "group.id": "readers", "enable.auto.commit": False})
    readers.commit(offsets=places, asynchronous=False)
    readers.close()
    expected = {(topic, partition): 100 for partition in range(PARTITIONS)}
    eventually(lambda: positions(target, "readers") == expected, "the group's offsets are there")

    planned = drill(mirror, "start", "--dry-run")
    fork = f"drill.{topic}"
    assert planned["isRehearsal"] and planned["topics"][topic]["state"] == "planned"
    assert planned["capacity"]["neededBytes"] > 0 and len(planned["capacity"]["brokers"]) == 3
    assert fork not in target.metadata().topics
    report = drill(mirror, "start")
    told = report["topics"][topic]
    assert (told["fork"], told["state"]) == (fork, "writable")
    assert [part["verdict"] for part in told["partitions"]] == ["equal"] * PARTITIONS
    assert all(part["records"] == part["to"] > 0 for part in told["partitions"])
    assert told["recordsPossiblyLost"] >= 0 and 0 < report["secondsToWritable"] < DEADLINE
    assert {(one["group"], one["topic"], one["offset"]) for one in report["positions"]} == {("drill.readers", fork, 100)}

    # The application, as it would be started after a failover.
    application = Consumer({
        "bootstrap.servers": target.address, "group.id": "drill.readers", "auto.offset.reset": "error",
        "enable.auto.commit": False})
    application.subscribe([fork])
    first = {}
    while len(first) < PARTITIONS:
        message = application.poll(DEADLINE)
        assert message is not None and message.error() is None, message and message.error()
        first.setdefault(message.partition(), (message.offset(), int(message.value())))
    for partition, (offset, number) in first.items():
        assert (offset, number) == (100, load.acknowledged[partition][100])
    application.commit(asynchronous=False)
    close(application)
    assert produce(target, fork, b"rehearsed") == told["partitions"][0]["to"]
    assert refuses(target, topic)

    # The mirror has not noticed anything: the topic goes on, and the fork goes nowhere.
    load.wait_for(1000)
    load.end()
    assert_proven(mirror, topic, PARTITIONS)
    load.assert_agrees(read_all(target.address, topic))
    assert fork not in source.metadata().topics
    actions = {one["topic"]: one["action"] for one in martlet(mirror, "plan", link=BACK)["topics"]}
    assert actions[fork] == "leave"
    assert set(martlet(mirror, "failover", "--dry-run")["topics"]) == {topic}
    assert drill(mirror, "start")["topics"][topic]["partitions"][0]["forkEnd"] == told["partitions"][0]["to"] + 1

    assert drill(mirror, "end", "--dry-run")["deletedTopics"] == [fork]
    ended = drill(mirror, "end")
    assert ended["deletedTopics"] == [fork] and ended["forgottenPositions"] == {"drill.readers": PARTITIONS}
    eventually(lambda: fork not in target.metadata().topics, "the fork is gone")
    assert positions(target, "drill.readers") == {} and positions(target, "readers") == expected
    assert drill(mirror, "report")["topics"] == {} and drill(mirror, "end")["deletedTopics"] == []
    assert_proven(mirror, topic, PARTITIONS)
    assert mirror.stop() == 0


def test_a_drill_without_a_source_goes_on_where_it_was_killed(stage, topic):
    target = stage.cluster(stage.coordinator().start(), 1).start()
    lost = types.SimpleNamespace(address=f"127.0.0.1:{free_port()}")
    mirror = exactly(stage, lost, target, **{"us-east.default.api.timeout.ms": 1000})
    link = Link(LINK, "cluster-that-is-lost-0")
    topic_id = uuid.uuid4().bytes
    eventually(
        lambda: link.alter(target.controller().address, MIRROR, [topic], topic_id, replicas=1) == [(0, None, 0)],
        "a mirror topic")
    # The first transaction is decided behind the begin of one that stays open.
    batches = [
        batch(3, [b"a"]), transactional(10, [b"kept"], (501, 0, 0)), transactional(11, [b"never"], (502, 0, 0)),
        marker(12, (501, 0), commits=True)]
    batches += [batch(20 + number, [bytes(700_000)]) for number in range(40)]
    assert link.append_anyhow(target, topic, topic_id, batches) == 60

    fork = f"drill.{topic}"
    planned = drill(mirror, "start", "--dry-run")
    assert planned["sourceFault"] and "recordsPossiblyLost" not in planned["topics"][topic]
    interrupt(mirror, "start", (0.1, 0.2, 0.3, 0.4, 0.5, 0.6))
    report = drill(mirror, "start")
    told = report["topics"][topic]
    part, = told["partitions"]
    assert (told["state"], part["verdict"], part["to"], part["batches"]) == ("writable", "equal", 60, len(batches))
    assert "recordsPossiblyLost" not in told and told["secondsToWritable"] > 0
    read = [value for _, value in read_partition(target.address, fork, "read_committed")]
    assert read[:2] == [b"a", b"kept"] and len(read) == 42
    described = link.describe(target.leader(fork).address, fork)
    assert described.open == [] and produce(target, fork, b"rehearsed") == described.high_watermark
    mirrored = link.describe(target.leader(topic).address, topic)
    assert (mirrored.end, [one[0] for one in mirrored.open]) == (60, [502])

    # Another drill beside it, and its end, leave the first as it is.
    assert drill(mirror, "start", "--prefix", "other.", "--group-prefix", "")["topics"][topic]["state"] == "writable"
    assert drill(mirror, "end", "--prefix", "other.")["deletedTopics"] == [f"other.{topic}"]
    assert drill(mirror, "report")["topics"][topic]["state"] == "writable"
    interrupt(mirror, "end", (0.1, 0.3))
    drill(mirror, "end")
    eventually(lambda: set(target.metadata().topics) & {fork, f"other.{topic}"} == set(), "the forks are gone")
    assert link.describe(target.leader(topic).address, topic).end == 60


def test_what_cannot_be_forked_is_refused_and_nothing_is_made(stage, topic):
    target = stage.cluster(stage.coordinator().start(), 1).start()
    lost = types.SimpleNamespace(address=f"127.0.0.1:{free_port()}")
    mirror = exactly(stage, lost, target, **{"us-east.default.api.timeout.ms": 1000})
    link = Link(LINK, "cluster-that-is-lost-0")
    for name in (topic, f"{topic}-2"):
        eventually(
            lambda: link.alter(
                target.controller().address, MIRROR, [name], uuid.uuid4().bytes, replicas=1) == [(0, None, 0)],
            "a mirror topic")
    target.create(f"taken.{topic}", 1, replicas=1)
    before = set(target.metadata().topics)
    assert "there is no link" in drill(mirror, "start", code=1, link="us-east->nowhere")
    assert "is compatible" in drill(stage.mirror(lost, target), "start", code=1)
    assert "no mirror topic that --topics matches" in drill(mirror, "start", "--topics", "nothing-like-it", code=1)
    assert "is no fork of this drill" in drill(mirror, "start", "--prefix", "taken.", code=1)
    assert "no prefix for forks" in drill(mirror, "start", "--prefix", "a b", code=1)
    # A broker's own rules: dots and underscores make no difference between names of topics.
    target.create(f"near_{topic}", 1, replicas=1)
    assert "collides" in drill(mirror, "start", "--prefix", "near.", code=1)
    assert set(target.metadata().topics) - {f"near_{topic}"} == before
    # What is no fork is never deleted.
    assert drill(mirror, "end", "--prefix", "taken.")["deletedTopics"] == []
    assert f"taken.{topic}" in target.metadata().topics
