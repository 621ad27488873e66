"""Users' credentials that follow a link to the other region, and with which nothing else may be done."""

import json
import time

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialDeletion, UserScramCredentialUpsertion)
from kazoo.client import KazooClient

from links import BACK, LINK, exactly, martlet
from martlet import DEADLINE, eventually
from mirroring import Link

SHORT, LONG = ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512
CLUSTER_AUTHORIZATION_FAILED = 31


class Region:
    """A cluster of one broker that listens in plaintext and over mutual TLS; its users stand in its tree."""

    def __init__(self, stage):
        coordinator = stage.coordinator().start()
        self.cluster = stage.cluster(coordinator, 1, tls=True).start()
        self.address, self.tls_address = self.cluster.address, self.cluster.tls_address
        self._admin = AdminClient(stage.certificates.client() | {"bootstrap.servers": self.tls_address})
        self._tree = KazooClient(coordinator.address)
        self._tree.start()

    def close(self):
        self._tree.stop()

    def set(self, user, mechanism, password, iterations=4096):
        info = ScramCredentialInfo(mechanism, iterations)
        self._alter(user, UserScramCredentialUpsertion(user, info, password.encode()))

    def delete(self, user, mechanism):
        self._alter(user, UserScramCredentialDeletion(user, mechanism))

    def _alter(self, user, alteration):
        self._admin.alter_user_scram_credentials([alteration])[user].result(DEADLINE)

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


def mirrored(stage, source, target, **settings):
    return exactly(
        stage, source, target, sync_scram_credentials_interval_seconds=1, sync_client_quotas_interval_seconds=1,
        **settings)


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
    assert target.described("alice") == {SHORT: 4096, LONG: 8192}

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
    assert target.described("alice") == {SHORT: 5000}

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
    assert target.described("alice") == {}
    assert mirror.log().count("bringing credentials is left out") == 1
    assert "trying again" not in mirror.log()

    # Mended, it brings them.
    mirror.kill()
    mended = mirrored(stage, source, target, tls=True)
    mended.launch()
    eventually(lambda: target.stored("alice") == source.stored("alice") != {}, "the user is there")
