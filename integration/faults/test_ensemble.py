"""Members of an ensemble that are killed and stopped while clients write and read."""

import contextlib
import time

import pytest

import zk
from harm import Paused
from martlet import eventually
from registers import History


@contextlib.contextmanager
def history(ensemble, **settings):
    running = History([member.address for member in ensemble.members], **settings)
    try:
        yield running
    finally:
        running.close()


def _leader(ensemble):
    return eventually(ensemble.leader, "a member leads")


@pytest.mark.parametrize("size", [3, 5])
def test_leaders_killed_in_turn(stage, size):
    ensemble = stage.ensemble(size).start()
    with history(ensemble) as clients:
        for _ in range(3):
            clients.wait_for(100)
            leader = _leader(ensemble)
            leader.kill()
            clients.wait_for(50)
            leader.launch()
            leader.wait_until_serving()
        clients.wait_for(100)
        clients.assert_consistent()


def test_followers_killed_in_turn(stage):
    ensemble = stage.ensemble().start()
    with history(ensemble) as clients:
        for _ in range(3):
            clients.wait_for(100)
            follower = eventually(ensemble.followers, "a member follows")[0]
            follower.kill()
            clients.wait_for(50)
            follower.launch()
            follower.wait_until_serving()
        clients.assert_consistent()


def test_all_killed_at_once(stage):
    ensemble = stage.ensemble().start()
    with history(ensemble) as clients:
        for _ in range(3):
            clients.wait_for(100)
            ensemble.kill()
            ensemble.start()
        clients.wait_for(100)
        clients.assert_consistent()


def test_a_leader_that_is_stopped_is_replaced_and_comes_back(stage):
    ensemble = stage.ensemble().start()
    with history(ensemble) as clients:
        clients.wait_for(100)
        leader = _leader(ensemble)
        with Paused(leader):
            # Those connected to it need the time in which they give up a silent server.
            others = [member for member in ensemble.members if member is not leader]
            eventually(lambda: [m for m in others if m.mode() == "leader"], "another member leads", 10)
            time.sleep(2)
        eventually(lambda: leader.mode() == "follower", "the old leader follows")
        clients.wait_for(100)
        clients.assert_consistent()


def test_rolling_restart_keeps_sessions(stage):
    ensemble = stage.ensemble().start()
    with history(ensemble) as clients:
        for member in ensemble.members:
            clients.wait_for(50)
            assert member.stop() == 0
            clients.wait_for(50)
            member.launch()
            member.wait_until_serving()
        clients.assert_consistent()


def test_without_a_quorum_nothing_is_served(stage):
    ensemble = stage.ensemble().start()
    first, *others = ensemble.members
    # Who came last to a new ensemble counts for nothing before it has what was proposed after that: its disk may be one
    # that was lost.
    for number, member in enumerate(ensemble.members):
        assert zk.run(member.address, [f"create /{number} x"]).returncode == 0
    for member in others:
        member.kill()
    eventually(lambda: first.mode() is None, "the last member notices")
    others[0].launch()
    for member in (first, others[0]):
        member.wait_until_serving()


def test_writes_are_back_within_a_second(stage):
    """With the default tickTime; ZooKeeper 3.9 needs 1.0 to 2.2 s."""
    ensemble = stage.ensemble(tickTime=2000).start()
    times = []
    for attempt in range(3):
        leader = _leader(ensemble)
        survivors = [member.address for member in ensemble.members if member is not leader]
        running = History(survivors, name=f"attempt-{attempt}")
        try:
            running.wait_for(50)
            leader.kill()
            times.append(running.time_to_write())
            running.assert_consistent()
        finally:
            running.close()
        leader.launch()
        leader.wait_until_serving()
    assert sorted(times)[1] < 1.0, times
