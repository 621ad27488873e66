"""The region that had become the home is lost too, before the first one is in step: the first becomes the home again."""

import subprocess
import time

from links import (
    BACK, LINK, assert_proven, command, commit, committed, exactly, is_fenced, martlet, produce, refuses, regions)
from load import read_partition
from martlet import DEADLINE, eventually

ONLY_EAST, ONLY_WEST, AFTER = ([b"%s %d" % (name, number) for number in range(3)] for name in (b"east", b"west", b"after"))


def values(cluster, topic):
    return [value for _, value in read_partition(cluster.address, topic, "read_committed")]


def lost(region):
    region.kill()
    region.coordinator.kill()


def returned(region):
    region.coordinator.start()
    region.start()


def begin(mirror, *moves):
    """Moves that will be refused, each an action and a link."""
    return [
        subprocess.Popen(command(mirror, action, link=link), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for action, link in moves]


def refusals(running):
    said = [one.communicate(timeout=DEADLINE)[1] for one in running]
    assert [one.returncode for one in running] == [1] * len(running), said
    return said


def fenced(region, topic):
    """Waits until nobody writes there any more; who tried would write until then."""
    eventually(lambda: is_fenced(region, topic), "the old home is fenced")
    assert refuses(region, topic)


def failover(mirror, *more, link=LINK):
    return martlet(mirror, "failover", "--source-timeout", "0.5", *more, link=link)


def failed_over_and_back(stage, topic):
    """us-east was lost, eu-west has become the home, and us-east is there again, where nobody writes; both have records that
    the other one has not."""
    east, west = regions(stage, 1)
    east.create(topic, 1, replicas=1)
    mirror = exactly(stage, east, west, default_api_timeout_ms=5000).start()
    produce(east, topic, b"both")
    assert_proven(mirror, topic, 1)
    mirror.kill()
    for value in ONLY_EAST:
        produce(east, topic, value)
    commit(east, "readers", [topic], 3)
    commit(east, "ahead", [topic], 900)
    lost(east)
    assert failover(mirror)["topics"][topic]["cuts"] == [1]
    for value in ONLY_WEST:
        produce(west, topic, value)
    returned(east)
    mirror.start()
    fenced(east, topic)
    return east, west, mirror


def test_the_first_home_is_the_home_again_when_the_second_is_lost(stage, topic):
    # The way back need not be a link of its own.
    east, west, mirror = failed_over_and_back(stage, topic)
    told = failover(mirror, "--dry-run", link=BACK)["topics"][topic]
    assert (told["isReclaimed"], told["recordsPossiblyLost"], told["recordsOnlyHere"]) == (True, 3, 3)
    lost(west)

    # Whoever tries something else is told what to do.
    others = begin(mirror, ("failover", LINK), ("failback", LINK), ("promote", BACK), ("failback", BACK))
    assert "recordsPossiblyLost" not in failover(mirror, "--dry-run", link=BACK)["topics"][topic]
    assert refuses(east, topic)

    begun = time.monotonic()
    report = failover(mirror, link=BACK)
    assert produce(east, topic, AFTER[0]) == 4
    assert time.monotonic() - begun < 10
    told = report["topics"][topic]
    assert (told["isDone"], told["homeEpoch"], told["cuts"]) == (True, 2000, [4]) and "recordsPossiblyLost" not in told
    assert not report["isSourceFenced"] and report["sourceFault"]
    for value in AFTER[1:]:
        produce(east, topic, value)
    again = failover(mirror, link=BACK)["topics"][topic]
    assert (again["isDone"], again["homeEpoch"], again["cuts"]) == (True, 2000, [4])
    held = [b"both", *ONLY_EAST, *AFTER]
    assert values(east, topic) == held
    assert (committed(east, "readers", topic), committed(east, "ahead", topic)) == (3, 4)

    for said in refusals(others):
        assert "eu-west does not answer" in said and f"martlet mirror failover --link '{BACK}'" in said, said

    # The second home hears of it, and becomes a mirror.
    returned(west)
    fenced(west, topic)
    told = martlet(mirror, "failback", link=LINK)["topics"][topic]
    assert [(part["cut"], part["keptRecords"]) for part in told["partitions"]] == [(1, 3)]
    assert values(west, f"mirror-quarantine.{topic}.2000.internal") == ONLY_WEST
    assert_proven(mirror, topic, 1)
    assert values(west, topic) == values(east, topic) == held
    assert refuses(west, topic) and not refuses(east, topic)
    # From now on all is as it was before.
    told = martlet(mirror, "promote", link=LINK)["topics"][topic]
    assert (told["isDone"], told["homeEpoch"], told["recordsPossiblyLost"]) == (True, 2001, 0)
    assert refuses(east, topic) and not refuses(west, topic)


def test_who_takes_topics_back_while_their_home_answers_fences_it(stage, topic):
    east, west, mirror = failed_over_and_back(stage, topic)
    mirror.kill()
    said, = refusals(begin(mirror, ("promote", BACK)))
    assert f"martlet mirror failback --link '{BACK}'" in said, said
    report = failover(mirror, link=BACK)
    told = report["topics"][topic]
    assert report["isSourceFenced"] and refuses(west, topic) and produce(east, topic, AFTER[0]) == 4
    assert (told["isDone"], told["recordsPossiblyLost"], told["recordsOnlyHere"]) == (True, 3, 3)
    assert martlet(mirror, "failback", link=LINK)["topics"][topic]["isDone"]


def test_a_move_that_was_given_up_does_not_outrank_the_failover_after_it(stage, topic):
    """Of a move that is given up the home alone knows; then it is lost, and another region becomes the home."""
    east, west = regions(stage, 1)
    east.create(topic, 1, replicas=1)
    both = {"eu-west->us-east.enabled": "true", "eu-west->us-east.topics": ".*", "default_api_timeout_ms": 5000}
    mirror = exactly(stage, east, west, **both).start()
    produce(east, topic, b"both")
    assert_proven(mirror, topic, 1)

    # The first loss: the second region becomes the home. The second one: the first region, which has been its mirror.
    held = [b"both"]
    for home, other, link, back, wins in ((east, west, LINK, BACK, 1000), (west, east, BACK, LINK, 2000)):
        mirror.kill()
        produce(home, topic, b"only there")
        said = martlet(mirror, "promote", "--timeout", "1", code=1, link=link)
        assert "in time" in said and "is open for writing again" in said, said
        lost(home)
        told = failover(mirror, link=link)["topics"][topic]
        assert (told["isDone"], told["homeEpoch"]) == (True, wins), told
        held.append(b"at home %d" % wins)
        assert produce(other, topic, held[-1]) == len(held) - 1
        returned(home)
        assert not refuses(home, topic)
        mirror.start()
        fenced(home, topic)
        held.append(b"goes on %d" % wins)
        assert produce(other, topic, held[-1]) == len(held) - 1
        assert martlet(mirror, "failback", link=back)["topics"][topic]["isDone"]
        eventually(lambda: values(home, topic) == held, "the old home is the mirror")
