"""Clusters of three brokers that lose members while records are produced with acks=all and read."""

import time

import pytest

from harm import Paused, kill_leaders_in_turn, restart_in_turn
from load import PARTITIONS, Load, Reader, assert_all_arrived, assert_nothing_lost
from martlet import eventually


def test_leaders_killed_in_turn(cluster, topic, load, reader):
    kill_leaders_in_turn(cluster, topic, range(PARTITIONS), load)
    assert_nothing_lost(cluster, load, reader)


def test_controllers_and_coordinators_killed_in_turn(stage, topic):
    ensemble = stage.ensemble().start()
    cluster = stage.cluster(ensemble).start()
    cluster.create(topic, PARTITIONS)
    load = Load(cluster.address, topic, per_second=2000)
    reader = Reader(cluster.address, topic)
    for _ in range(2):
        load.wait_for(1000)
        controller = cluster.controller()
        leader = ensemble.leader()
        controller.kill()
        leader.kill()
        load.wait_for(1000)
        leader.start()
        controller.start()
        cluster.wait_until_in_sync(topic)
    assert_nothing_lost(cluster, load, reader)


def test_all_brokers_killed_at_once(cluster, topic, load, reader):
    load.wait_for(1000)
    cluster.kill()
    cluster.start()
    assert_nothing_lost(cluster, load, reader)


def test_a_stopped_leader_is_replaced_and_comes_back(cluster, topic, load, reader):
    load.wait_for(1000)
    leader = cluster.leader(topic)
    registered = leader.log().count("registered broker")
    with Paused(leader):
        # Longer than its session: others lead, and what it still believes must not count.
        load.wait_for(1000)
        eventually(lambda: cluster.leader(topic) is not leader, "another broker leads")
    # Before that it tells clients what it knew when it was stopped, as Apache's would.
    leader.wait_for_log("registered broker", registered + 1)
    assert_nothing_lost(cluster, load, reader)


def test_rolling_restarts_refuse_nothing(cluster, topic, load, reader):
    for _ in range(2):
        restart_in_turn(cluster, topic, load)
    assert_nothing_lost(cluster, load, reader)


def test_a_dead_leader_is_replaced_before_its_session_ends(cluster, topic, load):
    """With every time-out at its default but the session's, which Apache's brokers would wait for."""
    times = []
    for _ in range(3):
        load.wait_for(500)
        leader = cluster.leader(topic)
        leader.kill()
        begun = time.monotonic()
        eventually(lambda: cluster.leader(topic) is not leader, "another broker leads")
        load.wait_for(300)
        times.append(time.monotonic() - begun)
        leader.start()
        cluster.wait_until_in_sync(topic)
    assert sorted(times)[1] < 2, times
    load.end()


@pytest.mark.parametrize("dies", ["follower", "leader"])
def test_the_last_of_two_in_sync_goes_on_alone(stage, topic, dies):
    """Of two in sync one is killed: what acks=all waits for is that its death is known, and who is left takes it out."""
    cluster = stage.cluster(stage.coordinator().start(), **{"min.insync.replicas": 1}).start()
    cluster.create(topic, 1, replicas=2)
    load = Load(
        cluster.address, topic, per_second=2000, partitions=[0],
        **{"request.timeout.ms": 3000, "socket.timeout.ms": 4000})
    times = []
    for _ in range(3):
        load.wait_for(500)
        leader = cluster.leader(topic)
        [other] = (cluster.broker(id) for id in cluster.partitions(topic)[0].replicas if id != leader.id)
        victim, left = (other, leader) if dies == "follower" else (leader, other)
        victim.kill()
        begun = time.monotonic()
        eventually(lambda: cluster.partitions(topic)[0].isrs == [left.id], "the one that is left is alone in sync")
        load.wait_for(300)
        times.append(time.monotonic() - begun)
        victim.start()
        cluster.wait_until_in_sync(topic)
    load.end()
    assert_all_arrived(load, cluster.address, partitions=[0])
    assert sorted(times)[1] < 2, times


def test_too_few_replicas_in_sync_refuse_what_must_be_safe(cluster, topic):
    load = Load(cluster.address, topic, per_second=500)
    load.wait_for(300)
    survivor, *others = cluster.brokers
    for broker in others:
        broker.kill()
    eventually(lambda: len(cluster.partitions(topic)[0].isrs) == 1, "only the survivor is in sync")
    acknowledged = load.count
    time.sleep(1)
    assert load.count == acknowledged, "acknowledged with one replica in sync"
    for broker in others:
        broker.start()
    load.wait_for(300)
    load.end()
    assert_all_arrived(load, cluster.address)


def test_the_checker_sees_what_is_lost_without_acks(cluster, topic):
    """Records that nobody waits for are lost with their leader: the same comparison has to say so."""
    load = Load(cluster.address, topic, acks="0", **{"enable.idempotence": False})
    load.wait_for(3000)
    leader = cluster.leader(topic)
    with Paused(*(broker for broker in cluster.brokers if broker is not leader)):
        load.wait_for(3000)
        leader.kill()
    load.wait_for(3000)
    leader.start()
    cluster.wait_until_in_sync(topic)
    load.end()
    with pytest.raises(AssertionError):
        assert_all_arrived(load, cluster.address)
