"""Several martlet-mirror processes with one configuration: they share a link by load, and take over from each other."""

import re
import time

import pytest

from links import LINK, assert_proven, martlet, regions
from load import Load, read_all
from martlet import eventually, free_port, http

LIGHT = 9
HEAVY = 3


class Sharer:
    """One of the processes, by what it shows to Prometheus."""

    def __init__(self, stage, source, target, mode, topics):
        self.port = free_port()
        self.process = stage.mirror(
            source, target, mode=mode, topics=topics, mirror_metrics_port=self.port,
            mirror_sharing_enabled="true")

    def page(self):
        try:
            return http(self.port, "/metrics")[2]
        except OSError:
            return ""

    def figure(self, name):
        found = re.search(rf'^martlet_mirror_{name}{{link="{LINK}"[^}}]*}} (\S+)$', self.page(), re.MULTILINE)
        return float(found[1]) if found else None

    def owned(self):
        """The partitions that it brings."""
        state = rf'^martlet_mirror_partition_state{{link="{LINK}",topic="([^"]+)",partition="(\d+)"'
        found = re.findall(state, self.page(), re.MULTILINE)
        # Not the heartbeats.
        return {(name, int(index)) for name, index in found if name.endswith(("-light", "-heavy"))}


def brought(sharers):
    """What each brings, when all is brought by exactly one; nothing while it is not."""
    parts = [one.owned() for one in sharers]
    return parts if sum(map(len, parts)) == len(set().union(*parts)) == LIGHT + HEAVY else None


def heavy(parts):
    return [sum("heavy" in name for name, _ in part) for part in parts]


class World:
    def __init__(self, stage, topic, mode):
        self.mode = mode
        self.source, self.target = regions(stage, 1)
        self.topics = {f"{topic}-light": LIGHT, f"{topic}-heavy": HEAVY}
        for name, count in self.topics.items():
            self.source.create(name, count, replicas=1)
        rates = {f"{topic}-light": 90, f"{topic}-heavy": 3000}
        self.loads = [
            Load(self.source.address, name, per_second=rates[name], partitions=range(count))
            for name, count in self.topics.items()]
        self.sharers = [Sharer(stage, self.source, self.target, mode, f"{topic}.*") for _ in range(3)]

    def share(self):
        """Starts one after another, and waits until all share by load."""
        first, *others = self.sharers
        first.process.start()
        eventually(lambda: brought([first]), "the first brings all")
        # It has to see twice how much comes.
        time.sleep(11)
        for count, one in enumerate(others, 2):
            before = eventually(lambda: brought(self.sharers[:count - 1]), "all is brought")
            one.process.start()
            parts = eventually(
                lambda: (found := brought(self.sharers[:count])) and found[-1] and found, f"{count} bring all")
            moved = set().union(*(new - old for old, new in zip(before, parts)))
            # Where somebody is kept waiting what lags there weighs more, and something small goes elsewhere.
            assert len(moved) <= 2, f"{moved} moved and was not for the newcomer"
        return eventually(
            lambda: (found := brought(self.sharers)) and heavy(found) == [1, 1, 1] and found, "all share by load")

    def assert_all_arrived(self):
        for load in self.loads:
            load.end()
        for load, (name, count) in zip(self.loads, self.topics.items()):
            if self.mode == "exact":
                assert_proven(self.sharers[0].process, name, count)
                load.assert_agrees(read_all(self.target.address, name, range(count)))
            else:
                remote = f"us-east.{name}"
                eventually(
                    lambda: sum(map(len, read_all(self.target.address, remote, range(count)).values())) >= load.count,
                    f"{remote} is copied")
                load.assert_agrees(read_all(self.target.address, remote, range(count)))


def await_takeover(victims, before, sharers):
    """How long it takes until others bring what one brought; nothing else moves."""
    begun = time.monotonic()
    after = eventually(lambda: brought(sharers), "others take over")
    took = time.monotonic() - begun
    kept = [part for one, part in zip(victims, before) if one in sharers]
    for old, new in zip(kept, after):
        assert old <= new, "something moved that its owner could go on with"
    # Under three seconds where there is time for what is to be done.
    assert took < 10, took
    print(f"took over within {took:.2f} s")
    return after


@pytest.mark.parametrize("mode", ["exact", "compatible"])
def test_processes_share_by_load_and_take_over(stage, topic, mode):
    world = World(stage, topic, mode)
    sharers = world.sharers
    parts = world.share()
    assert [one.figure("members") for one in sharers] == [3, 3, 3]
    assert sum(one.figure("has_duties") for one in sharers) == 1
    if mode == "exact":
        members = martlet(sharers[0].process, "describe")["members"]
        assert sorted(len(one["partitions"]) for one in members) == sorted(map(len, parts))
        assert sum(one["hasDuties"] for one in members) == 1

    # The one with the duties dies: its partitions go on elsewhere, and nothing else moves.
    victim = next(one for one in sharers if one.figure("has_duties") == 1)
    others = [one for one in sharers if one is not victim]
    victim.process.kill()
    parts = await_takeover(sharers, parts, others)
    for load in world.loads:
        load.wait_for(60)
    eventually(lambda: sum(one.figure("has_duties") for one in others) == 1, "one of them has the duties")

    # One is stopped beyond its session. When it goes on nobody brings what another brings.
    frozen, last = others
    frozen.process.freeze()
    try:
        await_takeover(others, parts, [last])
    finally:
        frozen.process.thaw()
    eventually(lambda: frozen.figure("members") == 2 and brought(others), "it has a part again")
    world.assert_all_arrived()
    for one in others:
        assert one.process.stop() == 0


def test_who_was_stopped_for_long_is_one_of_them_again(stage, topic):
    """Longer than a process does without the group: in exact mirroring it would bring everything by itself."""
    source, target = regions(stage, 1)
    names = {f"{topic}-light": LIGHT, f"{topic}-heavy": HEAVY}
    for name, count in names.items():
        source.create(name, count, replicas=1)
    sharers = [Sharer(stage, source, target, "exact", f"{topic}.*") for _ in range(3)]
    for one in sharers:
        one.process.start()
    eventually(lambda: brought(sharers), "all share")
    load = Load(source.address, f"{topic}-light", per_second=300, partitions=range(LIGHT))
    others = list(sharers)
    for has_duties in (1, 0):
        one = eventually(lambda: next((one for one in others if one.figure("has_duties") == has_duties), None), "one of both")
        others.remove(one)
        one.process.freeze()
        time.sleep(11)
        one.process.thaw()
        eventually(lambda: one.figure("members") == 3 and brought(sharers), "all share again")
        assert_end(target, f"{topic}-light", load.count)
    load.end()
    assert_proven(sharers[0].process, f"{topic}-light", LIGHT)
    load.assert_agrees(read_all(target.address, f"{topic}-light", range(LIGHT)))


def test_who_is_started_again_waits_for_nobody(stage, topic):
    """The only member of a group has died: who is started in its place has its work at once."""
    source, target = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    load = Load(source.address, topic, per_second=500, partitions=range(1))
    mirror = stage.mirror(
        source, target, mode="exact", topics=topic, mirror_sharing_enabled="true",
        mirror_session_timeout_ms=60_000).start()
    assert_end(target, topic, load.count)
    for _ in range(2):
        mirror.kill()
        load.wait_for(200)
        mirror.start()
        # Long before the dead one's session is over.
        assert_end(target, topic, load.count)
    load.end()
    assert_proven(mirror, topic, 1)
    assert mirror.stop() == 0


def assert_end(target, topic, count):
    eventually(
        lambda: sum(map(len, read_all(target.address, topic, target.partitions(topic)).values())) >= count,
        f"{count} records of {topic} are there")
