"""Users' credentials and access rules that follow a link to the other region, of which the target's own stay."""

import json
import subprocess
import time

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient, ResourcePatternType, ResourceType,
    ScramCredentialInfo, ScramMechanism, UserScramCredentialDeletion, UserScramCredentialUpsertion)
from kazoo.client import KazooClient

from links import BACK, LINK, command, exactly, martlet
from martlet import DEADLINE, eventually
from mirroring import Link

SHORT, LONG = ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512
CLUSTER_AUTHORIZATION_FAILED = 31


class Region:
    """A cluster of one broker that listens in plaintext and over mutual TLS; its users stand in its tree."""

    def __init__(self, stage, **settings):
        coordinator = stage.coordinator().start()
        self.cluster = stage.cluster(coordinator, 1, tls=True, **settings).start()
        self.address, self.tls_address = self.cluster.address, self.cluster.tls_address
        self._admin = AdminClient(stage.certificates.client() | {"bootstrap.servers": self.tls_address})
        self._tree = KazooClient(coordinator.address)
        self._tree.start()

    def close(self):
        self._tree.stop()

    def set(self, user, mechanism, password, iterations=4096):
        info = ScramCredentialInfo(mechanism, iterations)
        self._alter(user, UserScramCredentialUpsertion(user, info, password.encode()))
        eventually(lambda: self.described(user).get(mechanism) == iterations, "the broker knows it")

    def delete(self, user, mechanism):
        self._alter(user, UserScramCredentialDeletion(user, mechanism))
        eventually(lambda: mechanism not in self.described(user), "the broker knows it")

    def _alter(self, user, alteration):
        self._admin.alter_user_scram_credentials([alteration])[user].result(DEADLINE)

    def allow(self, *rules):
        for future in self._admin.create_acls(list(rules)).values():
            future.result(DEADLINE)

    def forbid(self, *rules):
        filters = [
            AclBindingFilter(
                rule.restype, rule.name, rule.resource_pattern_type, rule.principal, rule.host, rule.operation,
                rule.permission_type) for rule in rules]
        for future in self._admin.delete_acls(filters).values():
            assert len(future.result(DEADLINE)) == 1

    def rules(self):
        everything = AclBindingFilter(
            ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY)
        return set(self._admin.describe_acls(everything).result(DEADLINE))

    def described(self, user):
        try:
            told = self._admin.describe_user_scram_credentials([user])[user].result(DEADLINE)
        except KafkaException:
            return {}
        return {info.mechanism: info.iterations for info in told.scram_credential_infos}

    def stored(self, user):
        """What the tree holds of a user, keys and quotas."""
        path = f"/config/users/{user}"
        return json.loads(self._tree.get(path)[0])["config"] if self._tree.exists(path) else {}


@pytest.fixture
def stand(stage):
    regions = [Region(stage) for _ in range(2)]
    yield regions
    for region in regions:
        region.close()


@pytest.fixture
def guarded(stage):
    """Two regions whose brokers permit only what rules say; the mirror's user may do all."""
    regions = [
        Region(
            stage, authorizer_class_name="kafka.security.authorizer.AclAuthorizer",
            super_users="User:ANONYMOUS;User:CN=alice,O=test") for _ in range(2)]
    yield regions
    for region in regions:
        region.close()


def mirrored(stage, source, target, **settings):
    return exactly(
        stage, source, target, sync_scram_credentials_interval_seconds=1, sync_client_quotas_interval_seconds=1,
        **settings)


def lines(mirror, *action, link=LINK):
    """What people see of martlet mirror."""
    line = [one for one in command(mirror, action[0], link=link) if one != "--json"]
    return subprocess.run(
        [*line[:3], *action[1:], *line[3:]], capture_output=True, text=True, timeout=3 * DEADLINE).stdout.splitlines()


def credentials(report):
    return next(one for one in report["following"] if one["kind"] == "credentials")


def test_users_come_change_and_go_with_their_source(stage, stand):
    source, target = stand
    source.set("alice", SHORT, "first")
    source.set("alice", LONG, "first", 8192)
    source.set("carol", SHORT, "of the source")
    target.set("carol", SHORT, "of the target")
    own = target.stored("carol")
    mirror = mirrored(stage, source, target, tls=True)
    mirror.launch()
    eventually(lambda: target.stored("alice") == source.stored("alice") != {}, "a user is there, with the same keys")
    eventually(lambda: target.described("alice") == {SHORT: 4096, LONG: 8192}, "brokers know it too")

    # Plan and proof say what is otherwise, and neither says a key.
    plan = credentials(martlet(mirror, "plan"))
    assert (plan["atSource"], plan["toSet"], plan["toRemove"]) == (3, [], [])
    assert plan["kept"] == plan["different"] == ["SCRAM-SHA-256 of user carol"]
    proof = martlet(mirror, "verify")
    assert credentials(proof)["different"] == ["SCRAM-SHA-256 of user carol"]
    assert any("credentials differ" in one for one in proof["obstacles"])
    described = martlet(mirror, "describe")
    assert described["notFollowed"] == {}

    # The mirror dies; what changes meanwhile follows, and what it had set it knows to be its own.
    mirror.kill()
    source.set("alice", SHORT, "second", 5000)
    source.delete("alice", LONG)
    source.set("bob", LONG, "new")
    source.delete("carol", SHORT)
    target.delete("alice", LONG)
    assert credentials(martlet(mirror, "plan"))["toSet"] == ["SCRAM-SHA-256 of user alice", "SCRAM-SHA-512 of user bob"]
    mirror.launch()
    eventually(lambda: target.stored("alice") == source.stored("alice"), "another password is there")
    eventually(lambda: target.stored("bob") == source.stored("bob") != {}, "another user is there")
    eventually(lambda: target.described("alice") == {SHORT: 5000}, "the broker knows it")

    # What somebody changes at the target is told and mended; what was the target's own always stays.
    target.set("bob", LONG, "changed by hand")
    eventually(lambda: target.stored("bob") == source.stored("bob"), "it is mended")
    mirror.wait_for_log("SCRAM-SHA-512 of user bob was another at the target")
    source.delete("bob", LONG)
    eventually(lambda: target.described("bob") == {}, "a user that is gone goes")
    assert target.stored("carol") == own

    # The link is at an end: what it has brought stays.
    mirror.kill()
    keys = [part.split("=", 1)[1] for value in target.stored("alice").values() for part in value.split(",")
            if "_key=" in part]
    assert keys and target.described("alice") == {SHORT: 5000}
    for text in (mirror.log(), source.cluster.tail(10000), target.cluster.tail(10000)):
        assert not any(key in text for key in keys)


def test_a_mirror_that_is_killed_over_and_over_loses_and_leaves_nothing(stage, stand):
    source, target = stand
    target.set("own", SHORT, "of the target")
    own = target.stored("own")
    mirror = mirrored(stage, source, target, tls=True)
    for turn in range(6):
        for number in range(20):
            user = f"user{number}"
            if (turn + number) % 3:
                source.set(user, SHORT, f"{turn}", 4096 + turn)
            elif source.described(user):
                source.delete(user, SHORT)
        mirror.launch()
        # In the middle of it, or before, or after.
        eventually(lambda: source.described("user1") in ({}, target.described("user1")), "some of it is done")
        mirror.kill()
    mirror.launch()
    users = [f"user{number}" for number in range(20)]
    eventually(lambda: all(target.stored(user) == source.stored(user) for user in users), "all of it is there")
    for user in users:
        if source.described(user):
            source.delete(user, SHORT)
    eventually(lambda: not any(target.described(user) for user in users), "none of it is left")
    assert target.stored("own") == own


def test_links_both_ways_hand_each_other_nothing_that_is_gone(stage, stand):
    source, target = stand
    mirror = mirrored(stage, source, target, tls=True, **{"eu-west->us-east.enabled": "true"})
    mirror.launch()
    for turn in range(4):
        east, west = f"east{turn}", f"west{turn}"
        source.set(east, SHORT, "x")
        target.set(west, SHORT, "x")
        eventually(lambda: target.stored(east) == source.stored(east), "what was made here is there")
        eventually(lambda: target.stored(west) == source.stored(west), "and the other way")
        source.delete(east, SHORT)
        target.delete(west, SHORT)
        eventually(lambda: not target.described(east) and not source.described(west), "both go")
        assert not source.described(east) and not target.described(west)
    # They stay away.
    plans = [credentials(martlet(mirror, "plan", link=link)) for link in (LINK, BACK)]
    assert [(one["atSource"], one["toSet"]) for one in plans] == [(0, [])] * 2


def test_a_source_that_comes_back_after_a_failover_undoes_nothing(stage, stand, topic):
    source, target = stand
    source.cluster.create(topic, 1, replicas=1)
    for user in ("alice", "bob", "carol"):
        source.set(user, SHORT, "before")
    mirror = mirrored(stage, source, target, tls=True).start()
    eventually(lambda: target.stored("carol") == source.stored("carol") != {}, "users are there")
    eventually(lambda: topic in target.cluster.metadata().topics, "the topic is there")
    bob = target.stored("bob")
    source.cluster.kill()
    assert martlet(mirror, "failover")["topics"][topic]["isDone"]
    target.set("alice", SHORT, "since")
    target.delete("carol", SHORT)
    since = target.stored("alice")
    source.cluster.brokers[0].start()
    source.delete("bob", SHORT)
    mirror.wait_for_log(f"us-east does not write {topic} any more")
    # It looks every second.
    time.sleep(4)
    assert (target.stored("alice"), target.stored("bob"), target.described("carol")) == (since, bob, {})
    assert martlet(mirror, "plan")["following"] == []


def test_what_the_old_home_has_of_its_own_stays_after_a_failback_and_is_named(stage, stand, topic):
    source, target = stand
    source.cluster.create(topic, 1, replicas=1)
    for user in ("alice", "bob", "carol"):
        source.set(user, SHORT, "before")
    mirror = mirrored(stage, source, target, tls=True, **{"eu-west->us-east.enabled": "true"}).start()
    eventually(lambda: target.stored("carol") == source.stored("carol") != {}, "users are there")
    eventually(lambda: topic in target.cluster.metadata().topics, "the topic is there")
    source.cluster.kill()
    assert martlet(mirror, "failover")["topics"][topic]["isDone"]
    target.set("alice", SHORT, "since")
    target.delete("bob", SHORT)
    target.set("dave", SHORT, "since")
    source.cluster.brokers[0].start()
    mirror.wait_for_log(f"us-east does not write {topic} any more")
    before = source.stored("alice")
    assert martlet(mirror, "failback", link=BACK)["topics"][topic]["isDone"]
    eventually(lambda: source.stored("dave") == target.stored("dave") != {}, "what is new at the new home comes")
    # It looks every second.
    time.sleep(3)
    assert (source.stored("alice"), source.described("bob")) == (before, {SHORT: 4096})
    told = credentials(martlet(mirror, "verify", link=BACK))
    assert (told["different"], told["own"]) == (["SCRAM-SHA-256 of user alice"], ["SCRAM-SHA-256 of user bob"])
    assert "  SCRAM-SHA-256 of user bob is at the target alone" in lines(mirror, "verify", link=BACK)

    source.delete("alice", SHORT)
    source.delete("bob", SHORT)
    eventually(lambda: source.stored("alice") == target.stored("alice"), "the password of the new home comes")
    told = credentials(martlet(mirror, "verify", link=BACK))
    assert (told["different"], told["own"]) == ([], []) and source.described("bob") == {}


def test_keys_are_handed_on_over_tls_only(stage, stand):
    source, target = stand
    source.set("alice", SHORT, "secret")
    # As anybody could ask.
    error, message, count = Link().credentials(source.address)
    assert (error, count) == (CLUSTER_AUTHORIZATION_FAILED, 0) and "TLS" in message

    # A mirror in plaintext says so once, and what to mend.
    mirror = mirrored(stage, source, target)
    mirror.launch()
    mirror.wait_for_log("bringing credentials is left out")
    described = martlet(mirror, "describe")
    assert "security.protocol=SSL" in described["notFollowed"]["credentials"]
    assert any("credentials do not follow" in one for one in martlet(mirror, "verify")["obstacles"])
    assert any(one.startswith("credentials do not follow: ") for one in lines(mirror, "drill", "report"))
    assert target.described("alice") == {}
    assert mirror.log().count("bringing credentials is left out") == 1
    assert "trying again" not in mirror.log()

    # Mended, it brings them.
    mirror.kill()
    mended = mirrored(stage, source, target, tls=True)
    mended.launch()
    eventually(lambda: target.stored("alice") == source.stored("alice") != {}, "the user is there")


def rules_of(report):
    return next(one for one in report["following"] if one["kind"] == "access rules")


def rule(name, operation, user="User:bob", type=ResourceType.TOPIC, form=ResourcePatternType.LITERAL,
         permission=AclPermissionType.ALLOW):
    return AclBinding(type, name, form, user, "*", operation, permission)


def test_rules_come_and_go_with_their_source(stage, guarded):
    source, target = guarded
    kept = rule("own", AclOperation.READ)
    read, write = rule("orders", AclOperation.READ), rule("orders", AclOperation.WRITE)
    others = [
        rule("billing", AclOperation.READ, type=ResourceType.GROUP, form=ResourcePatternType.PREFIXED),
        rule("kafka-cluster", AclOperation.DESCRIBE, type=ResourceType.BROKER),
        rule("tx", AclOperation.ALL, type=ResourceType.TRANSACTIONAL_ID, permission=AclPermissionType.DENY)]
    target.allow(kept)
    source.allow(read, write, *others)
    mirror = mirrored(stage, source, target, tls=True, sync_acls_interval_seconds=1)
    mirror.launch()
    eventually(lambda: target.rules() == source.rules() | {kept}, "all rules are there, as they are")

    mirror.kill()
    source.forbid(write)
    target.forbid(read)
    source.allow(kept)
    told = rules_of(martlet(mirror, "plan"))
    assert (told["toSet"], told["toRemove"]) == (
        ["ALLOW User:bob READ on topic orders"], ["ALLOW User:bob WRITE on topic orders"])
    mirror.launch()
    eventually(lambda: target.rules() == source.rules(), "what changed meanwhile follows")
    mirror.wait_for_log("ALLOW User:bob READ on topic orders was gone at the target")
    eventually(lambda: rules_of(martlet(mirror, "verify"))["different"] == [], "both ends have the same")
    source.forbid(kept, read, *others)
    eventually(lambda: target.rules() == {kept}, "the target's own stays, and all else goes")


def test_rules_of_mirrors_with_prefixed_names_are_about_those(stage, guarded):
    source, target = guarded
    everybody = rule("*", AclOperation.DESCRIBE)
    source.allow(
        rule("orders", AclOperation.WRITE), rule("ord", AclOperation.READ, form=ResourcePatternType.PREFIXED), everybody,
        rule("eu-west.pay", AclOperation.READ), rule("billing", AclOperation.READ, type=ResourceType.GROUP))
    mirror = exactly(
        stage, source, target, tls=True, sync_acls_interval_seconds=1, replication_policy_class="DefaultReplicationPolicy")
    mirror.launch()
    expected = {
        rule("us-east.orders", AclOperation.WRITE),
        rule("us-east.ord", AclOperation.READ, form=ResourcePatternType.PREFIXED),
        rule("us-east.", AclOperation.DESCRIBE, form=ResourcePatternType.PREFIXED),
        rule("pay", AclOperation.READ), rule("billing", AclOperation.READ, type=ResourceType.GROUP)}
    eventually(lambda: target.rules() == expected, "rules are about the mirror topics")
    source.forbid(everybody)
    eventually(lambda: len(target.rules()) == 4, "what is gone goes")


def test_a_drill_tells_whether_users_quotas_and_rules_are_there(stage, guarded, topic):
    source, target = guarded
    source.cluster.create(topic, 1, replicas=1)
    for user in ("alice", "bob"):
        source.set(user, SHORT, "of the source")
    for user in ("bob", "operator"):
        target.set(user, SHORT, "of the target")
    source.allow(rule(topic, AclOperation.READ), rule(topic, AclOperation.WRITE))
    mirror = mirrored(stage, source, target, tls=True, sync_acls_interval_seconds=1)
    mirror.launch()
    eventually(lambda: target.rules() == source.rules(), "rules are there")
    eventually(lambda: target.stored("alice") == source.stored("alice"), "a user is there")
    eventually(lambda: topic in target.cluster.metadata().topics, "the topic is there")
    expected = [
        "quotas: 0 at the source, 0 at the target, 0 differ",
        "credentials: 2 at the source, 3 at the target, 1 differ",
        "  SCRAM-SHA-256 of user bob is not as at the source",
        "  SCRAM-SHA-256 of user operator is at the target alone",
        "access rules: 2 at the source, 2 at the target, 0 differ"]
    lines(mirror, "drill", "start")
    told = lines(mirror, "drill", "report")
    first = told.index(expected[0])
    assert told[first:first + len(expected)] == expected, told
    mirror.kill()
    target.forbid(rule(topic, AclOperation.READ))
    told = lines(mirror, "drill", "report")
    first = told.index("access rules: 2 at the source, 1 at the target, 1 differ")
    assert told[first + 1] == f"  ALLOW User:bob READ on topic {topic} is not as at the source"


def test_rules_of_topics_follow_as_mirrormaker_brings_them(stage, guarded):
    source, target = guarded
    source.allow(
        rule("orders", AclOperation.ALL), rule("orders", AclOperation.WRITE, "User:carol"),
        rule("orders", AclOperation.WRITE, "User:dan", permission=AclPermissionType.DENY),
        rule("orders", AclOperation.DESCRIBE, "User:carol"), rule("ord", AclOperation.READ, form=ResourcePatternType.PREFIXED),
        rule("billing", AclOperation.READ, type=ResourceType.GROUP), rule("other", AclOperation.READ))
    mirror = stage.mirror(
        source, target, tls=True, topics="orders", sync_topic_acls_interval_seconds=1)
    mirror.launch()
    expected = {
        rule("us-east.orders", AclOperation.READ),
        rule("us-east.orders", AclOperation.WRITE, "User:dan", permission=AclPermissionType.DENY),
        rule("us-east.orders", AclOperation.DESCRIBE, "User:carol")}
    eventually(lambda: target.rules() == expected, "who may read may read there")
    source.forbid(rule("orders", AclOperation.ALL))
    eventually(lambda: len(target.rules()) == 2, "what the source gives up goes")


def test_a_target_without_an_authorizer_is_told(stage, guarded, stand):
    source, target = guarded[0], stand[1]
    source.allow(rule("orders", AclOperation.READ))
    mirror = mirrored(stage, source, target, tls=True, sync_acls_interval_seconds=1)
    mirror.launch()
    mirror.wait_for_log("bringing access rules is left out")
    assert "authorizer.class.name" in martlet(mirror, "describe")["notFollowed"]["access rules"]
    assert any("access rules do not follow" in one for one in martlet(mirror, "verify")["obstacles"])
    assert "trying again" not in mirror.log()
