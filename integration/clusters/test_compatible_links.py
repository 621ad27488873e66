"""Links as MirrorMaker 2 has them: what stands in their way is named and left alone, and no gap is silent."""

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (
    AclBinding, AclOperation, AclPermissionType, ConfigResource, NewTopic, ResourcePatternType, ResourceType)

from links import LINK, commit, committed, martlet, position, produce, regions
from load import read_partition
from martlet import DEADLINE, eventually, free_port, http

IDENTITY = {"replication.policy.class": "org.apache.kafka.connect.mirror.IdentityReplicationPolicy"}


def values(cluster, topic):
    return [value for _, value in read_partition(cluster.address, topic, "read_committed")]


def arrives(cluster, topic, wanted):
    eventually(lambda: values(cluster, topic) == wanted, f"{topic} is {wanted}")


def settled(mirror):
    """What describe says once nothing lags any more but heartbeats, which never rest."""
    def look():
        report = martlet(mirror, "describe")
        topics = [topic for topic in report["topics"] if topic["topic"] != "heartbeats"]
        parts = [part for topic in topics for part in topic["partitions"]]
        return parts and all(part.get("lagInRecords") == 0 for part in parts) and report
    return eventually(look, "nothing lags")


def left_out(port, link=LINK):
    _, _, page = http(port, "/metrics")
    return [line for line in page.splitlines() if line.startswith(f'martlet_mirror_left_out{{link="{link}"')]


def delete(cluster, topic):
    admin = cluster.admin()
    admin.delete_topics([topic])[topic].result(DEADLINE)
    eventually(lambda: topic not in cluster.metadata().topics, f"{topic} is gone")


@pytest.mark.parametrize("policy", [{}, IDENTITY], ids=["default", "identity"])
def test_a_link_to_its_own_cluster_copies_nothing(stage, topic, policy):
    source, _ = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    produce(source, topic, b"once")
    mirror = stage.mirror(source, source, **policy)
    mirror.launch()
    mirror.wait_for_log("both ends of the link are cluster")
    assert "both ends of the link are cluster" in martlet(mirror, "plan", code=1)["refusal"]
    report = martlet(mirror, "describe")
    assert report["state"] == "refused" and "name another cluster's brokers" in report["cause"]
    eventually(lambda: "heartbeats" in source.metadata().topics, "the mirror is at work")
    assert not [name for name in source.metadata().topics if name.startswith("us-east.")]
    assert values(source, topic) == [b"once"]
    assert mirror.stop() == 0


@pytest.mark.parametrize("policy", [{}, IDENTITY], ids=["default", "identity"])
def test_what_stands_in_a_topics_place_is_left_as_it_is(stage, topic, policy):
    source, target = regions(stage, 1)
    prefix = "" if policy else "us-east."
    other, wide, empty = f"{topic}-other", f"{topic}-wide", f"{topic}-empty"
    admin = source.admin()
    for name in (other, wide, empty):
        admin.create_topics([NewTopic(name, 2, 1, config={"retention.ms": "7654321"})])[name].result(DEADLINE)
        produce(source, name, b"of the source")
    for name, count in ((other, 1), (wide, 3), (empty, 1)):
        target.create(prefix + name, count, replicas=1)
    produce(target, prefix + other, b"of the target")
    port = free_port()
    mirror = stage.mirror(
        source, target, topics=f"{topic}-.*,no-such-topic", mirror_metrics_port=port, **policy).start()
    # One that holds nothing becomes the copy.
    arrives(target, prefix + empty, [b"of the source"])
    report = martlet(mirror, "plan", code=1)
    causes = {one["topic"]: one["reason"] for one in report["topics"] if one["action"] == "blocked"}
    assert causes == {one["topic"]: one["cause"] for one in martlet(mirror, "describe")["blocked"]}
    assert set(causes) == {other, wide}
    assert f"{prefix}{other} has records of its own at eu-west" in causes[other]
    assert f"{prefix}{wide} has 3 partitions at eu-west, and at us-east 2" in causes[wide]
    assert all("delete it there" in cause and "topics.exclude" in cause for cause in causes.values())
    assert report["unmatchedPatterns"] == ["no-such-topic"] and report["unmatchedGroupPatterns"] == [".*"]
    shown = eventually(lambda: len(left_out(port)) == 3 and left_out(port), "monitoring is told")
    for part in (f"topic {other}", f"topic {wide}", "pattern no-such-topic"):
        assert any(f'part="{part}"' in line for line in shown)
        mirror.wait_for_log(f"{part} is left out")
    # Neither its records nor its shape were touched.
    assert values(target, prefix + other) == [b"of the target"]
    assert len(target.partitions(prefix + other)) == 1
    resource = ConfigResource(ResourceType.TOPIC, prefix + other)
    admin = target.admin()
    settings = admin.describe_configs([resource])[resource].result(DEADLINE)
    assert settings["retention.ms"].value != "7654321"

    delete(target, prefix + other)
    arrives(target, prefix + other, [b"of the source"])
    assert {one["topic"] for one in martlet(mirror, "describe")["blocked"]} == {wide}
    assert mirror.stop() == 0


def test_two_links_that_want_the_same_topic(stage, topic):
    source, target = regions(stage, 1)
    other = stage.cluster(stage.coordinator().start(), 1).start()
    for cluster, value in ((source, b"east"), (other, b"north")):
        cluster.create(topic, 1, replicas=1)
        produce(cluster, topic, value)
    north = "north->eu-west"
    mirror = stage.mirror(
        source, target, topics=topic, clusters="us-east, eu-west, north",
        **(IDENTITY | {"north.bootstrap.servers": other.address, f"{north}.enabled": "true", f"{north}.topics": topic}))
    mirror.start()
    def one_is_blocked():
        blocked = {link: martlet(mirror, "describe", link=link)["blocked"] for link in (LINK, north)}
        return sorted(map(len, blocked.values())) == [0, 1] and blocked
    blocked = eventually(one_is_blocked, "one of both is told")
    loser, winner = sorted(blocked, key=lambda link: not blocked[link])
    assert f"link {winner} brings {topic} to eu-west as well" in blocked[loser][0]["cause"]
    arrives(target, topic, [b"east" if winner == LINK else b"north"])
    # Whoever comes first the next time.
    for _ in range(2):
        mirror.kill()
        mirror.start()
    assert [len(martlet(mirror, "describe", link=link)["blocked"]) for link in (loser, winner)] == [1, 0]
    arrives(target, topic, [b"east" if winner == LINK else b"north"])
    assert mirror.stop() == 0


def test_a_mirror_knows_its_copies_when_nothing_is_written_down_of_them(stage, topic):
    """As after the target has forgotten what was committed long ago."""
    source, target = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    mirror = stage.mirror(source, target).start()
    for value in (b"a", b"b", b"c"):
        produce(source, topic, value)
    arrives(target, f"us-east.{topic}", [b"a", b"b", b"c"])
    assert mirror.stop() == 0
    admin = target.admin()
    admin.delete_consumer_groups(["martlet-mirror.us-east"])["martlet-mirror.us-east"].result(DEADLINE)
    mirror.start()
    produce(source, topic, b"d")
    arrives(target, f"us-east.{topic}", [b"a", b"b", b"c", b"d"])
    assert mirror.stop() == 0


def test_a_copy_that_somebody_deletes_is_made_anew(stage, topic):
    source, target = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    copy = f"us-east.{topic}"
    mirror = stage.mirror(source, target).start()
    for value in (b"a", b"b"):
        produce(source, topic, value)
    arrives(target, copy, [b"a", b"b"])
    settled(mirror)
    admin = target.admin()
    admin.delete_topics([copy])[copy].result(DEADLINE)
    arrives(target, copy, [b"a", b"b"])
    produce(source, topic, b"c")
    arrives(target, copy, [b"a", b"b", b"c"])
    assert mirror.stop() == 0


def test_groups_that_lag_follow_also_after_a_restart(stage, topic):
    source, target = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    copy = f"us-east.{topic}"
    for number in range(30):
        produce(source, topic, b"%d" % number)
    mirror = stage.mirror(
        source, target, sync_group_offsets_enabled="true", sync_group_offsets_interval_seconds=1).start()
    commit(source, "slow", [topic], 5)
    eventually(lambda: committed(target, "slow", copy) == 5, "the group is there")
    assert position(target, "slow", copy).metadata == "slow at 5"
    for end in (mirror.stop, mirror.kill):
        settled(mirror)
        end()
        mirror.start()
        before = committed(target, "slow", copy)
        commit(source, "slow", [topic], before + 4)
        eventually(lambda: committed(target, "slow", copy) == before + 4, "the group goes on")
        commit(source, f"new-{before}", [topic], 2)
        eventually(lambda: committed(target, f"new-{before}", copy) == 2, "one that is further behind, too")
    assert mirror.stop() == 0


def test_a_group_that_may_not_be_touched_holds_up_no_other(stage, topic):
    source, target = regions(stage, 1, **{
        "authorizer.class.name": "kafka.security.authorizer.AclAuthorizer", "allow.everyone.if.no.acl.found": "true"})
    source.create(topic, 1, replicas=1)
    copy = f"us-east.{topic}"
    produce(source, topic, b"a")
    admin = target.admin()
    (made,) = admin.create_acls([AclBinding(
        ResourceType.GROUP, "a-denied", ResourcePatternType.LITERAL, "User:ANONYMOUS", "*", AclOperation.READ,
        AclPermissionType.DENY)]).values()
    made.result(DEADLINE)
    for group in ("a-denied", "fine"):
        commit(source, group, [topic], 1)
    mirror = stage.mirror(
        source, target, sync_group_offsets_enabled="true", sync_group_offsets_interval_seconds=1).start()
    eventually(lambda: committed(target, "fine", copy) == 1, "the other group follows")
    mirror.wait_for_log("GROUP_AUTHORIZATION_FAILED")
    assert mirror.stop() == 0


def test_groups_skip_nothing_behind_a_gap(stage, topic):
    source, target = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    copy = f"us-east.{topic}"
    mirror = stage.mirror(
        source, target, sync_group_offsets_enabled="true", sync_group_offsets_interval_seconds=1).start()
    for value in (b"0", b"1"):
        produce(source, topic, value)
    arrives(target, copy, [b"0", b"1"])
    settled(mirror)
    assert mirror.stop() == 0
    for number in range(2, 9):
        produce(source, topic, b"%d" % number)
    admin = source.admin()
    (deleted,) = admin.delete_records([TopicPartition(topic, 0, 4)]).values()
    assert deleted.result(DEADLINE).low_watermark == 4
    mirror.start()
    arrives(target, copy, [b"0", b"1", b"4", b"5", b"6", b"7", b"8"])
    commit(source, "behind", [topic], 6)
    eventually(lambda: committed(target, "behind", copy) == 4, "the group goes on with 6")
    # Its place follows from what is written down, too.
    settled(mirror)
    mirror.kill()
    mirror.start()
    commit(source, "later", [topic], 5)
    eventually(lambda: committed(target, "later", copy) == 3, "this one goes on with 5")
    assert mirror.stop() == 0


@pytest.mark.parametrize("policy", ["continue", "stop"])
def test_no_gap_is_silent(stage, topic, policy):
    source, target = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    copy = f"us-east.{topic}"
    port = free_port()
    mirror = stage.mirror(
        source, target, mirror_metrics_port=port,
        **({"us-east->eu-west.mirror.gap.policy": policy} if policy == "stop" else {})).start()
    def gaps(wanted):
        def look():
            told = [(one["kind"], one["from"], one["to"], one["policy"]) for one in martlet(mirror, "describe")["gaps"]]
            return sorted(told) == sorted(wanted)
        eventually(look, f"the ledger has {wanted}")
    def counted(kind):
        _, _, page = http(port, "/metrics")
        return f'martlet_mirror_gaps_total{{link="{LINK}",kind="{kind}"}} 1' in page
    for value in (b"a", b"b"):
        produce(source, topic, value)
    arrives(target, copy, [b"a", b"b"])
    settled(mirror)
    assert mirror.stop() == 0

    # Deleted before it was copied.
    for value in (b"c", b"d", b"e"):
        produce(source, topic, value)
    partition = TopicPartition(topic, 0, 4)
    admin = source.admin()
    (deleted,) = admin.delete_records([partition]).values()
    assert deleted.result(DEADLINE).low_watermark == 4
    mirror.start()
    overtaken = ("overtaken", 2, 4, policy)
    gaps([overtaken])
    assert counted("overtaken")
    mirror.wait_for_log(f"gap in {topic}-0: the source deleted [2, 4) before it was mirrored")
    if policy == "stop":
        assert values(target, copy) == [b"a", b"b"]
        _, _, page = http(port, "/metrics")
        assert any('state="resting",cause="the source deleted [2, 4)' in line for line in page.splitlines())
        martlet(mirror, "set", "mirror.gap.policy=continue")
    arrives(target, copy, [b"a", b"b", b"e"])
    settled(mirror)

    # Deleted, and made anew under the same name.
    delete(source, topic)
    source.create(topic, 1, replicas=1)
    produce(source, topic, b"new")
    arrives(target, copy, [b"a", b"b", b"e", b"new"])
    gaps([overtaken[:3] + ("continue",), ("recreated", 0, 5, "continue")])
    # It is found once.
    mirror.kill()
    mirror.start()
    produce(source, topic, b"newer")
    arrives(target, copy, [b"a", b"b", b"e", b"new", b"newer"])
    assert mirror.stop() == 0


@pytest.mark.parametrize("policy", ["ask", "keep", "follow"])
def test_what_becomes_of_copies_whose_source_was_deleted(stage, topic, policy):
    source, target = regions(stage, 1)
    other = f"{topic}-other"
    for name in (topic, other):
        source.create(name, 1, replicas=1)
        produce(source, name, b"a")
    copy = f"us-east.{topic}"
    mirror = stage.mirror(
        source, target, emit_heartbeats_enabled="false", **{"us-east->eu-west.mirror.deletion.policy": policy}).start()
    for name in (topic, other):
        arrives(target, f"us-east.{name}", [b"a"])
    settled(mirror)
    delete(source, topic)
    if policy == "follow":
        mirror.wait_for_log(f"deleted {copy}, as us-east has deleted {topic}")
        eventually(lambda: copy not in target.metadata().topics, "the copy is gone")
        assert [one["topic"] for one in martlet(mirror, "describe")["topics"]] == [other]
    else:
        if policy == "ask":
            mirror.wait_for_log(f"topic {topic} is left out: us-east has deleted it: delete its copy {copy}")
        report = martlet(mirror, "describe")
        assert {(one["topic"], one["remote"], one["state"]) for one in report["topics"]} == {
            (topic, copy, "kept"), (other, f"us-east.{other}", "copied")}
        assert [one["topic"] for one in report["blocked"]] == ([topic] if policy == "ask" else [])
        assert values(target, copy) == [b"a"]
    # What takes its name is copied.
    source.create(topic, 1, replicas=1)
    produce(source, topic, b"b")
    arrives(target, copy, [b"b"] if policy == "follow" else [b"a", b"b"])
    eventually(lambda: not martlet(mirror, "describe")["blocked"], "nothing is left to decide")
    assert values(target, f"us-east.{other}") == [b"a"]
    assert mirror.stop() == 0


def test_describe_tells_how_copies_stand(stage, topic):
    source, target = regions(stage, 1)
    source.create(topic, 2, replicas=1)
    mirror = stage.mirror(source, target, topics=topic, emit_heartbeats_enabled="false").start()
    produce(source, topic, b"one")
    arrives(target, f"us-east.{topic}", [b"one"])
    (told,) = settled(mirror)["topics"]
    assert (told["topic"], told["remote"], told["state"]) == (topic, f"us-east.{topic}", "copied")
    first, second = told["partitions"]
    assert (first["logEnd"], first["sourceEnd"], second["logEnd"], second["sourceEnd"]) == (1, 1, 0, 0)
    martlet(mirror, "pause", "--reason", "a test")
    mirror.wait_for_log("paused: a test")
    produce(source, topic, b"two")
    first, _ = martlet(mirror, "describe")["topics"][0]["partitions"]
    assert first["lagInRecords"] == 1 and first["lagInMilliseconds"] >= 0
    # Digests say nothing of copies, and nobody is told that they do.
    for order in ("verify", "promote", "failover", "failback"):
        assert "is compatible" in martlet(mirror, order, code=1)
    martlet(mirror, "resume")
    settled(mirror)
    # The source may be away.
    for broker in source.brokers:
        broker.kill()
    report = martlet(mirror, "describe")
    assert "sourceFault" in report
    assert [one["topic"] for one in report["topics"]] == [f"us-east.{topic}"]
