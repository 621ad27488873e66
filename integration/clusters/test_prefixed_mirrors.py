"""Exact mirrors that have the source's alias before their names: a hub has topics of several regions that are called the same,
and what goes home has its own name there."""

import json
import subprocess

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions

from links import BACK, LINK, command, commit, committed, exactly, is_fenced, martlet, position, produce, refuses, regions
from load import read_partition
from martlet import DEADLINE, eventually
from mirroring import Link
from topology import Topology

PREFIXED = {"replication.policy.class": "DefaultReplicationPolicy"}


def prefixed(stage, links, **settings):
    return Topology(stage, links, **PREFIXED | {"sync.topic.configs.interval.seconds": 1} | settings)


def plan(hub, link):
    """By the names at the source: the name at the target, the action and the reason."""
    report = subprocess.run(command(hub.mirror, "plan", link=link), capture_output=True, text=True, timeout=DEADLINE)
    assert report.stdout, report.stderr
    topics = json.loads(report.stdout)["topics"]
    return {one["topic"]: (one["remote"], one["action"], one.get("reason", "")) for one in topics}


def setting(cluster, topic, key, value=None):
    """What a topic's setting is, or lets it be that."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    admin = cluster.admin()
    if value is None:
        return admin.describe_configs([resource])[resource].result(DEADLINE)[key].value
    resource.add_incremental_config(ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET))
    return admin.incremental_alter_configs([resource])[resource].result(DEADLINE)


def test_a_hub_has_topics_of_regions_that_call_them_the_same(stage, topic):
    hub = prefixed(stage, {"a->hub": f"{topic}.*", "b->hub": f"{topic}.*", "hub->a": fr"a\.{topic}.*"})
    a, b, there = (hub.regions[alias] for alias in ("a", "b", "hub"))
    name = f"a.{topic}"
    for region, letter in ((a, "a"), (b, "b")):
        region.create(topic, 1, replicas=1)
        for number in range(3):
            produce(region, topic, b"%s%d" % (letter.encode(), number))
    assert plan(hub, "a->hub") == {topic: (name, "create", "")}
    hub.mirror.launch()
    first = [b"a0", b"a1", b"a2"]
    hub.has("hub", name, first)
    hub.has("hub", f"b.{topic}", [b"b0", b"b1", b"b2"])
    assert topic not in there.metadata().topics and refuses(there, name)
    assert plan(hub, "a->hub") == {topic: (name, "follow", "")}
    # The way back brings nothing that came from there.
    assert plan(hub, "hub->a") == {name: (topic, "leave", "its home is the target: it came from there")}

    # What follows has the name at the target.
    commit(a, "readers", [topic], 2)
    setting(a, topic, "retention.ms", "123456789")
    admin = a.admin()
    admin.create_partitions([NewPartitions(topic, 2)])[topic].result(DEADLINE)
    eventually(lambda: len(there.partitions(name)) == 2, "the mirror topic grows")
    eventually(lambda: setting(there, name, "retention.ms") == "123456789", "settings follow")
    eventually(lambda: committed(there, "readers", name) == 2, "groups follow")
    assert position(there, "readers", name).metadata == "readers at 2"
    assert position(there, "readers", f"b.{topic}").offset < 0
    produce(a, topic, b"second", 1)
    described = lambda: Link("a->hub").describe(there.leader(name, 1).address, name, 1)
    eventually(lambda: described().high_watermark == 1, "the new partition is mirrored")
    proof = hub.order("verify", "a->hub")
    assert {(one["topic"], one["topicAtSource"], one["verdict"]) for one in proof["partitions"]} == {(name, topic, "equal")}
    assert proof["groupsOutOfStep"] == proof["settingsThatDiffer"] == [] and not proof["topicsNotMirrored"]
    told, = hub.order("describe", "a->hub")["topics"]
    assert (told["topic"], told["remote"]) == (topic, name)

    # A rehearsal.
    report = hub.order("drill start", "a->hub", "--topics", topic)
    assert report["topics"][name]["fork"] == f"drill.{name}" and report["topics"][name]["state"] == "writable"
    assert {(one["group"], one["offset"]) for one in report["positions"]} == {("drill.readers", 2)}
    produce(there, f"drill.{name}", b"rehearsed")
    assert hub.order("drill end", "a->hub")["deletedTopics"] == [f"drill.{name}"]

    # Region a is lost, with a record that only it has.
    hub.mirror.kill()
    produce(a, topic, b"only there")
    a.kill()
    refusal = hub.order("failover", "a->hub", "--topics", name.replace(".", r"\."), code=1)
    assert f"topics go by their names at a: {topic}" in refusal
    report = hub.order("failover", "a->hub", "--topics", topic)
    assert list(report["topics"]) == [name] and report["topics"][name]["isDone"]
    assert produce(there, name, b"away") == 3 and refuses(there, f"b.{topic}")
    commit(there, "readers", [name], 4)
    a.start()
    hub.mirror.launch()
    eventually(lambda: is_fenced(a, topic), "the old home is fenced")

    # It comes back, and has its own name at home.
    refusal = hub.order("failback", "hub->a", "--topics", topic, code=1)
    assert f"topics go by their names at hub: {name}, not {topic} as at a" in refusal
    told = hub.order("failback", "hub->a")["topics"]
    assert list(told) == [topic] and told[topic]["isDone"]
    assert told[topic]["quarantineTopic"] == f"mirror-quarantine.{topic}.1000.internal"
    assert read_partition(a.address, told[topic]["quarantineTopic"], "read_committed") == [(0, b"only there")]
    hub.has("a", topic, first + [b"away"])
    eventually(lambda: committed(a, "readers", topic) == 4, "the group is where it was at the hub")
    assert hub.order("promote", "hub->a")["topics"][topic]["recordsPossiblyLost"] == 0
    assert produce(a, topic, b"home") == 4 and refuses(there, name)
    assert hub.order("failback", "a->hub")["topics"][name]["isDone"]
    hub.has("hub", name, first + [b"away", b"home"])
    hub.has("hub", f"b.{topic}", [b"b0", b"b1", b"b2"])
    assert not {name, f"hub.{name}", f"hub.{topic}"} & set(a.metadata().topics)
    # Again with a mirror that works: nothing is lost there.
    told = hub.order("promote", "a->hub", "--topics", topic)["topics"]
    assert told[name]["recordsPossiblyLost"] == 0 and refuses(a, topic) and not refuses(there, name)


def test_what_cannot_have_two_names_is_left_with_a_cause(stage, topic):
    hub = prefixed(
        stage,
        {"a->hub": f"{topic}|{topic}-taken|{topic}-gone|hub.*", "a->b": ".*", "b->hub": f".*{topic}|.*-chained"},
        **{"mirror.deletion.policy": "follow"})
    a, there = hub.regions["a"], hub.regions["hub"]
    chained, taken, gone, posing = (f"{topic}-chained", f"{topic}-taken", f"{topic}-gone", f"hub.{topic}-own")
    for name in (topic, chained, taken, gone, posing):
        a.create(name, 1, replicas=1)
        produce(a, name, b"0")
    there.create(f"a.{taken}", 1, replicas=1)
    planned = plan(hub, "a->hub")
    assert planned[topic][:2] == (f"a.{topic}", "create") and planned[taken][:2] == (f"a.{taken}", "blocked")
    assert f"an ordinary topic of that name, a.{taken}: delete it there" in planned[taken][2]
    assert planned[posing][1] == "leave" and "did not come from there" in planned[posing][2]
    hub.configure(**{"b->hub.enabled": "false"})
    hub.mirror.launch()
    for name in (topic, gone):
        hub.has("hub", f"a.{name}", [b"0"])
    hub.has("b", f"a.{topic}", [b"0"])
    # Along a row of regions names grow; what is there already comes no second time.
    hub.mirror.kill()
    hub.configure()
    hub.mirror.launch()
    hub.has("hub", f"b.a.{chained}", [b"0"])
    remote, action, reason = plan(hub, "b->hub")[f"a.{topic}"]
    assert (remote, action) == (f"b.a.{topic}", "blocked")
    assert f"the target has it as a.{topic} by link a->hub" in reason and "topics.exclude" in reason
    told = hub.order("describe", "b->hub")
    assert [one["topic"] for one in told["blocked"]] == [f"a.{topic}"]
    eventually(lambda: f"topic b.a.{topic} is left out" in hub.mirror.log(), "the log says so")

    # Another policy leaves what is there as it is, and makes nothing.
    hub.mirror.kill()
    hub.configure(**{"replication.policy.class": None})
    hub.mirror.launch()
    eventually(
        lambda: f"topic {topic} is left out: the target has it as a.{topic}, from before" in hub.mirror.log(),
        "the log says why it is left out")
    assert plan(hub, "a->hub")[topic][:2] == (topic, "blocked")
    assert "set that back" in hub.order("promote", "a->hub", code=1)
    # What is deleted is told from what has another name now.
    admin = a.admin()
    admin.delete_topics([gone])[gone].result(DEADLINE)
    eventually(lambda: f"a.{gone}" not in there.metadata().topics, "what is deleted is deleted there too")
    names = set(there.metadata().topics)
    assert f"a.{topic}" in names and topic not in names and not refuses(a, topic)
    # Nobody is asked about a topic that is there.
    hub.mirror.kill()
    hub.configure(**{"replication.policy.class": None, "mirror.deletion.policy": "ask"})
    blocked = [(one["topic"], one["cause"]) for one in hub.order("describe", "a->hub")["blocked"]]
    assert any(name == topic and "has it as" in cause for name, cause in blocked), blocked
    assert not any("deleted" in cause for _, cause in blocked), blocked
    # And the old home is fenced under the name that it has there.
    told = hub.order("failover", "a->hub")
    assert told["topics"][f"a.{topic}"]["isDone"] and told["isSourceFenced"] and refuses(a, topic)
    assert not refuses(there, f"a.{topic}")


def test_a_home_that_moves_along_a_row_keeps_its_names(stage, topic):
    hub = prefixed(stage, {"a->b": topic, "b->a": ".*", "b->c": fr"a\.{topic}", "c->b": ".*"})
    a, b, c = hub.regions.values()
    there, end = f"a.{topic}", f"b.a.{topic}"
    a.create(topic, 1, replicas=1)
    produce(a, topic, b"0")
    hub.mirror.launch()
    hub.has("c", end, [b"0"])
    commit(a, "readers", [topic], 1)
    eventually(lambda: committed(c, "readers", end) == 1, "the group's offset is at the end")
    assert hub.order("failover", "b->c")["topics"][end]["isDone"]
    assert produce(c, end, b"away") == 1
    for region, name in ((b, there), (a, topic)):
        eventually(lambda: is_fenced(region, name), "no other region is written")
    for link, alias, name in (("c->b", "b", there), ("b->a", "a", topic)):
        assert hub.order("failback", link)["topics"][name]["isDone"]
        hub.has(alias, name, [b"0", b"away"])
        assert hub.order("promote", link)["topics"][name]["recordsPossiblyLost"] == 0
    assert produce(a, topic, b"home") == 2 and refuses(b, there) and refuses(c, end)
    assert [set(region.metadata().topics) & {topic, there, end} for region in (a, b, c)] == [{topic}, {there}, {end}]


def test_a_home_is_taken_back_under_its_own_name(stage, topic):
    east, west = regions(stage, 1)
    name = f"us-east.{topic}"
    east.create(topic, 1, replicas=1)
    # The way back need not be an exact link.
    mirror = exactly(
        stage, east, west, replication_policy_class="DefaultReplicationPolicy",
        **{"eu-west->us-east.mode": "compatible"}).start()
    produce(east, topic, b"both")
    eventually(lambda: name in west.metadata().topics, "it is mirrored")
    eventually(lambda: Link(LINK).describe(west.leader(name).address, name).high_watermark == 1, "its record too")
    mirror.kill()
    assert martlet(mirror, "failover")["topics"][name]["isDone"] and refuses(east, topic)
    produce(west, name, b"lost")
    told = martlet(mirror, "failover", "--topics", name, link=BACK)
    assert list(told["topics"]) == [topic] and told["isSourceFenced"] and refuses(west, name)
    assert (told["topics"][topic]["isReclaimed"], told["topics"][topic]["recordsPossiblyLost"]) == (True, 1)
    assert produce(east, topic, b"home") == 1
    assert martlet(mirror, "failback")["topics"][name]["isDone"]
    mirror.start()
    eventually(
        lambda: read_partition(west.address, name, "read_committed") == [(0, b"both"), (1, b"home")], "it is in step")


def test_gaps_deletions_writers_and_leases_know_a_topic_by_both_names(stage, topic):
    source, target = regions(stage, 1)
    gone, name = f"{topic}-gone", f"us-east.{topic}"
    for one in (topic, gone):
        source.create(one, 1, replicas=1)
    produce(source, topic, b"0")
    mirror = exactly(
        stage, source, target, mirror_deletion_policy="follow", mirror_gap_policy="continue",
        replication_policy_class="DefaultReplicationPolicy").start()
    eventually(lambda: {name, f"us-east.{gone}"} <= set(target.metadata().topics), "both are mirrored")
    address = lambda: target.leader(name).address
    eventually(lambda: Link(LINK).describe(address(), name).high_watermark == 1, "its record too")
    admin = source.admin()
    admin.delete_topics([gone])[gone].result(DEADLINE)
    eventually(lambda: f"us-east.{gone}" not in target.metadata().topics, "what is deleted is deleted there too")

    # The source deletes what was not brought yet.
    mirror.kill()
    for number in range(1, 4):
        produce(source, topic, b"%d" % number)
    deleted, = admin.delete_records([TopicPartition(topic, 0, 3)]).values()
    deleted.result(DEADLINE)
    mirror.start()
    gap = eventually(lambda: martlet(mirror, "describe", "--topics", topic)["gaps"], "the gap is in the ledger")[0]
    assert (gap["topic"], gap["kind"], gap["from"], gap["to"]) == (name, "overtaken", 1, 3)
    eventually(lambda: read_partition(target.address, name, "read_committed") == [(3, b"3")], "it goes on behind the gap")

    # Writers that wait for the other region, and for word that the home has not moved.
    setting(source, topic, "mirror.synchronous.timeout.ms", "600000")
    setting(source, topic, "mirror.synchronous.link", LINK)
    martlet(mirror, "set", "mirror.home.lease.ms=3000")
    def told():
        one, = martlet(mirror, "describe")["topics"]
        assert (one["topic"], one["remote"]) == (topic, name)
        part, = one["partitions"]
        return part.get("synchrony") == "synchronous" and part.get("leaseInMilliseconds", 0) > 0
    eventually(told, "writers depend on the link")
    assert setting(target, name, "mirror.lease.ms") == "3000"
    for number in range(3):
        assert Link(LINK).describe(address(), name).high_watermark <= produce(source, topic, b"more")
        assert Link(LINK).describe(address(), name).high_watermark == 5 + number
    report = martlet(mirror, "failover", "--topics", topic)["topics"]
    assert report[name]["isDone"] and report[name]["cuts"] == [7]
    assert refuses(source, topic) and not refuses(target, name)
