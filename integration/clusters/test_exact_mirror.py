"""A region that is mirrored exactly to another: the same bytes at the same offsets, whoever dies, and a home that moves."""

import subprocess
import time
import uuid

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from links import BACK, LINK, assert_proven, command, exactly, is_fenced, martlet, produce, refuses, regions
from load import PARTITIONS, Load, read_all, read_partition
from martlet import BINARIES, DEADLINE, eventually, free_port, http
from mirroring import MIRROR, Link, batch, marker, transactional



def test_gaps_and_transactions_arrive_as_they_are(stage, topic):
    source, target = regions(stage, 1)
    # The source has them from a third region: a chain.
    north = Link("north->us-east", "cluster-in-the-north-0")
    topic_id = uuid.uuid4().bytes
    eventually(
        lambda: north.alter(source.controller().address, MIRROR, [topic], topic_id, replicas=1) == [(0, None, 0)],
        "a mirror topic")
    batches = [
        batch(5, [b"a", b"b"]), transactional(20, [b"c"], (501, 0, 0)), marker(21, (501, 0), commits=True),
        transactional(22, [b"never"], (502, 0, 0)), marker(23, (502, 0), commits=False), batch(40, [b"d"] * 3),
        transactional(43, [b"open"], (501, 0, 1))]
    assert north.append_anyhow(source, topic, topic_id, batches) == 44
    mirror = exactly(stage, source, target).start()
    part, = assert_proven(mirror, topic, 1)
    assert (part["from"], part["to"], part["batches"]) == (0, 44, len(batches))
    for isolation in ("read_committed", "read_uncommitted"):
        assert read_partition(target.address, topic, isolation) == read_partition(source.address, topic, isolation)
    assert refuses(target, topic)
    told = Link(LINK).describe(target.leader(topic).address, topic)
    assert [(one[0], one[3]) for one in told.open] == [(501, 43)]


@pytest.mark.parametrize("victim", ["mirror", "source", "target"])
def test_nothing_is_lost_or_doubled_when_somebody_is_killed(stage, topic, victim):
    source, target = regions(stage, 3)
    source.create(topic, PARTITIONS)
    mirror = exactly(stage, source, target).start()
    load = Load(source.address, topic, per_second=2000)
    for number in range(3):
        load.wait_for(2000)
        died = {"mirror": mirror, "source": source.broker(number + 1), "target": target.broker(number + 1)}[victim]
        died.kill()
        load.wait_for(1000)
        died.start()
        for cluster in (source, target):
            eventually(lambda: topic in cluster.metadata().topics, f"{topic} is there")
            cluster.wait_until_in_sync(topic)
    load.end()
    assert_proven(mirror, topic, PARTITIONS)
    load.assert_agrees(read_all(target.address, topic))
    assert mirror.stop() == 0


def test_a_plan_tells_what_the_mirror_then_does(stage, topic):
    source, target = regions(stage, 1)
    for name in (topic, f"{topic}-taken"):
        source.create(name, 1, replicas=1)
    target.create(f"{topic}-taken", 1, replicas=1)
    port = free_port()
    mirror = exactly(stage, source, target, topics=f"{topic}.*,nothing-like-it", mirror_metrics_port=port)
    place = f'{{link="{LINK}",topic="{topic}",partition="0"}}'
    listed, = [one for one in martlet(mirror, "list") if one["isEnabled"]]
    assert (listed["link"], listed["mode"]) == (LINK, "exact")
    plan = martlet(mirror, "plan", code=1)
    assert {one["topic"]: one["action"] for one in plan["topics"]} == {topic: "create", f"{topic}-taken": "blocked"}
    assert plan["topics"][0]["patterns"] == [f"{topic}.*"] and "nothing-like-it" in plan["unmatchedPatterns"]
    assert topic not in target.metadata().topics

    mirror.start()
    for number in range(3):
        produce(source, topic, b"%d" % number)
    assert_proven(mirror, topic, 1)
    plan = martlet(mirror, "plan", "--topics", topic)
    assert [one["action"] for one in plan["topics"]] == ["follow"]
    told = martlet(mirror, "describe")
    (one,) = told["topics"]
    assert (one["topic"], one["state"], one["homeEpoch"], told["gaps"]) == (topic, "mirroring", 0, [])
    (part,) = one["partitions"]
    assert (part["highWatermark"], part["sourceEnd"], part["lagInRecords"]) == (3, 3, 0)

    # The same for monitoring.
    def figures():
        _, _, page = http(port, "/metrics")
        lines = [line.rsplit(" ", 1) for line in page.splitlines() if line.startswith("martlet_mirror_")]
        return {name: float(number) for name, number in lines}
    shown = eventually(
        lambda: (lambda all: all.get(f"martlet_mirror_position{place}") == 3 and all)(figures()), "a position is shown")
    assert shown[f"martlet_mirror_lag_records{place}"] == shown[f"martlet_mirror_lag_seconds{place}"] == 0
    assert shown[f'martlet_mirror_bytes_total{{link="{LINK}"}}'] > 0
    # As the exporter of Java's figures names them for MirrorMaker 2.
    _, _, page = http(port, "/metrics")
    name = "kafka_connect_mirror_mirrorsourceconnector_record_count"
    labels = f'{{source="us-east",target="eu-west",topic="{topic}",partition="0"}}'
    assert float(page.split(f"{name}{labels} ")[1].split()[0]) == 3

    # Whether the target is ready: all but what stands in the way of a topic.
    report = martlet(mirror, "verify")
    assert list(report["topicsNotMirrored"]) == [f"{topic}-taken"]
    assert report["obstacles"] == ["no topic of the source matches nothing-like-it", "1 topics are not mirrored"]
    (part,) = report["partitions"]
    assert (part["lagInBytes"], part["retentionMarginInMilliseconds"]) == (0, 7 * 24 * 3600 * 1000)
    admin = target.admin()
    set_at_target = ConfigResource(
        ConfigResource.Type.TOPIC, topic,
        incremental_configs=[ConfigEntry("retention.ms", "60000", incremental_operation=AlterConfigOpType.SET)])
    mirror.kill()
    admin.incremental_alter_configs([set_at_target])[set_at_target].result(DEADLINE)
    (differing,) = martlet(mirror, "verify")["settingsThatDiffer"]
    assert (differing["topic"], differing["name"], differing["target"]) == (topic, "retention.ms", "60000")

    # The mirror is away, and what it would have brought is deleted meanwhile.
    for number in range(3):
        produce(source, topic, b"%d" % number)
    admin = source.admin()
    deleted, = admin.delete_records([TopicPartition(topic, 0, 5)]).values()
    deleted.result(DEADLINE)
    page_port = free_port()
    with subprocess.Popen(
        command(mirror, "verify", "--continuous", "--interval", "1", "--metrics-port", str(page_port)),
            stdout=subprocess.DEVNULL) as verifying:
        def verified():
            _, _, page = http(page_port, "/metrics")
            lines = [line.rsplit(" ", 1) for line in page.splitlines() if line.startswith("martlet_mirror_verify")]
            return {name: float(number) for name, number in lines}
        told = eventually(lambda: verified() or None, "a comparison is shown")
        verifying.kill()
    assert told[f'martlet_mirror_verify_ready{{link="{LINK}"}}'] == 0
    assert told[f"martlet_mirror_verify_lag_records{place}"] == 3
    # Two of three are gone, and the third may go as well.
    assert told[f"martlet_mirror_verify_lag_bytes{place}"] > 0
    assert told[f"martlet_mirror_verify_retention_margin_seconds{place}"] == 0
    mirror.start()
    gap = eventually(lambda: martlet(mirror, "describe")["gaps"], "the gap is in the ledger")[0]
    assert (gap["kind"], gap["from"], gap["to"], gap["policy"]) == ("overtaken", 3, 5, "stop")
    eventually(
        lambda: figures()[f'martlet_mirror_gaps_total{{link="{LINK}",kind="overtaken"}}'] == 1, "the gap is counted")


def test_a_planned_promotion_loses_nothing(stage, topic):
    source, target = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    mirror = exactly(stage, source, target).start()
    for number in range(20):
        produce(source, topic, b"%d" % number)
    readers = Consumer({"bootstrap.servers": source.address, "group.id": "readers", "enable.auto.commit": False})
    readers.commit(offsets=[TopicPartition(topic, 0, 12)], asynchronous=False)
    readers.close()
    assert_proven(mirror, topic, 1)
    there = Consumer({"bootstrap.servers": target.address, "group.id": "readers", "enable.auto.commit": False})
    place = [TopicPartition(topic, 0)]
    eventually(lambda: there.committed(place, timeout=DEADLINE)[0].offset == 12, "the group's offset is there")

    # Without a mirror nothing can be promised, so the source stays the home.
    mirror.kill()
    produce(source, topic, b"late")
    assert "open for writing again" in martlet(mirror, "promote", "--timeout", "2", code=1)
    eventually(lambda: not refuses(source, topic), "the source is written again")
    written = read_partition(source.address, topic, "read_committed")

    mirror.start()
    report = martlet(mirror, "promote", "--timeout", "60")
    told = report["topics"][topic]
    assert told["isDone"] and told["recordsPossiblyLost"] == 0 and told["cuts"] == [len(written)]
    assert refuses(source, topic)
    assert produce(target, topic, b"at home") == len(written)
    assert read_partition(target.address, topic, "read_committed") == written + [(len(written), b"at home")]
    assert there.committed(place, timeout=DEADLINE)[0].offset == 12
    there.close()
    # Again: all is as it was to be.
    assert martlet(mirror, "promote", "--timeout", "60")["topics"][topic]["homeEpoch"] == told["homeEpoch"]


def test_a_failover_goes_on_where_it_was_killed(stage, topic):
    source, target = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    mirror = exactly(stage, source, target).start()
    for number in range(20):
        produce(source, topic, b"%d" % number)
    assert_proven(mirror, topic, 1)
    rehearsal = martlet(mirror, "failover", "--dry-run")
    assert rehearsal["isRehearsal"] and rehearsal["topics"][topic]["recordsPossiblyLost"] == 0
    assert refuses(target, topic)

    mirror.kill()
    source.kill()
    for delay in (0.05, 0.2, 0.5):
        interrupted = subprocess.Popen(
            command(mirror, "failover"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        interrupted.kill()
        interrupted.wait()
    report = martlet(mirror, "failover")
    assert report["topics"][topic]["isDone"] and report["topics"][topic]["homeEpoch"] == 1000
    assert not report["isSourceFenced"] and report["sourceFault"]
    assert produce(target, topic, b"at home") == 20

    # The old home hears of it from the mirror, and takes nothing more.
    source.start()
    mirror.start()
    eventually(lambda: is_fenced(source, topic), "the old home is fenced")
    assert [value for _, value in read_partition(target.address, topic, "read_committed")][-1] == b"at home"


def test_the_old_home_returns_and_becomes_the_home_again(stage, topic):
    source, target = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    mirror = exactly(stage, source, target, **{"eu-west->us-east.enabled": "true", "eu-west->us-east.topics": ".*"}).start()
    for number in range(10):
        produce(source, topic, b"%d" % number)
    assert_proven(mirror, topic, 1)
    # The mirror is away, and so is the source with what only it has.
    mirror.kill()
    for number in range(3):
        produce(source, topic, b"only there %d" % number)
    source.kill()
    assert martlet(mirror, "failover")["topics"][topic]["isDone"]
    for number in range(2):
        produce(target, topic, b"new %d" % number)
    source.start()
    mirror.start()
    eventually(lambda: is_fenced(source, topic), "the old home is fenced")

    told = martlet(mirror, "failback", "--dry-run", link=BACK)["topics"][topic]
    assert (told["partitions"][0]["cut"], told["partitions"][0]["end"], told["isDone"]) == (10, 13, False)
    for delay in (0.1, 0.4):
        interrupted = subprocess.Popen(
            command(mirror, "failback", link=BACK), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        interrupted.kill()
        interrupted.wait()
    martlet(mirror, "failback", link=BACK)
    kept = f"mirror-quarantine.{topic}.1000.internal"
    assert [value for _, value in read_partition(source.address, kept, "read_committed")] == [
        b"only there %d" % n for n in range(3)]
    def in_step():
        parts = martlet(mirror, "verify", "--topics", topic, link=BACK)["partitions"]
        return [part["verdict"] for part in parts] == ["equal"] and parts[0]["lagInRecords"] == 0 and parts[0]["to"] == 12
    eventually(in_step, "the old home is in step")
    assert martlet(mirror, "promote", "--topics", topic, link=BACK)["topics"][topic]["recordsPossiblyLost"] == 0
    assert produce(source, topic, b"at home again") == 12 and refuses(target, topic)
    # And the way of before: the other side becomes the mirror again, without anything that was kept.
    assert martlet(mirror, "failback", "--topics", topic)["topics"][topic]["isDone"]
    assert_proven(mirror, topic, 1)
    assert [value for _, value in read_partition(target.address, topic, "read_committed")][-1] == b"at home again"


def test_quotas_follow_and_the_targets_own_stay(stage):
    source, target = regions(stage, 1)

    def configs(cluster, *flags):
        return subprocess.run(
            [BINARIES / "martlet", "configs", "--bootstrap-server", cluster.address, *flags], capture_output=True,
            text=True, timeout=DEADLINE, check=True).stdout.split()

    def limit(cluster, *flags, add=None, delete=None):
        changes = ["--add-config", add] if add else ["--delete-config", delete]
        configs(cluster, "--alter", *flags, *changes)

    alice, reports, everybody = ("--user", "alice"), ("--user", "alice", "--client", "reports"), ("--client-defaults",)
    limit(source, *alice, add="producer_byte_rate=2048,request_percentage=12.5")
    limit(source, *reports, add="consumer_byte_rate=512")
    limit(source, *everybody, add="consumer_byte_rate=100")
    limit(target, *everybody, add="consumer_byte_rate=7")
    mirror = exactly(stage, source, target, sync_client_quotas_interval_seconds=1).start()
    told = ["producer_byte_rate=2048.0", "request_percentage=12.5"]
    eventually(lambda: configs(target, "--describe", *alice) == told, "a user's quotas are there")
    assert configs(target, "--describe", *reports) == ["consumer_byte_rate=512.0"]
    assert configs(target, "--describe", *everybody) == ["consumer_byte_rate=7.0"]

    # What changes while the mirror is away follows; what it had set is known to be its own.
    mirror.kill()
    limit(source, *alice, add="producer_byte_rate=4096")
    limit(source, *reports, delete="consumer_byte_rate")
    limit(source, *everybody, delete="consumer_byte_rate")
    limit(target, *alice, delete="request_percentage")
    mirror.start()
    told = ["producer_byte_rate=4096.0", "request_percentage=12.5"]
    eventually(lambda: configs(target, "--describe", *alice) == told, "they follow, and what was changed is mended")
    eventually(lambda: configs(target, "--describe", *reports) == [], "a quota that is gone goes")
    assert configs(target, "--describe", *everybody) == ["consumer_byte_rate=7.0"]
    assert mirror.stop() == 0
