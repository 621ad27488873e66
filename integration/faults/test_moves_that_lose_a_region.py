"""Moves that are cut short at each of their steps because the region is lost where the home is, or is to be: the other one
becomes the home of every topic, and the lost one its mirror when it returns."""

from confluent_kafka import Consumer, TopicPartition

from links import BACK, LINK, commit, produce, refuses
from load import read_partition
from martlet import DEADLINE, eventually
from moves import (
    FAILBACK, FAILOVER, FENCED, GROUP, LATER, MIRRORING, ONLY_THERE, ORDINARY, PROMOTE, RECORDS, SOURCE, TARGET,
    Theatre)
from steps import AFTER, BEFORE

ALTER, COMMIT, PRODUCE, CREATE = 10001, 8, 0, 19
COMMON, OWN, NEW = (
    [b"%d" % one for one in range(*span)]
    for span in ((0, RECORDS), (RECORDS, RECORDS + ONLY_THERE), (100, 100 + LATER)))
# Where the tool is killed on the way back, before and after the old home has dropped what only it had.
KEEPING = [
    ((SOURCE, CREATE, 1), AFTER), ((SOURCE, PRODUCE, 1), AFTER), ((SOURCE, COMMIT, 1), AFTER), ((SOURCE, ALTER, 1), BEFORE)]
REWOUND = ((SOURCE, ALTER, 1), AFTER)
# The source of a planned move is fenced; its target begins to be promoted; it is.
PLANNED = {
    LINK: [((SOURCE, ALTER, 1), AFTER), ((TARGET, ALTER, 1), AFTER), ((TARGET, ALTER, 2), AFTER)],
    BACK: [((TARGET, ALTER, 1), AFTER), ((SOURCE, ALTER, 1), AFTER), ((SOURCE, ALTER, 2), AFTER)]}
# What is fenced begins to be promoted; groups are set back; it is the home.
RECLAIMING = {
    "keeping-0": ((SOURCE, ALTER, 1), AFTER), "keeping-1": ((SOURCE, COMMIT, 1), AFTER),
    "keeping-3": ((SOURCE, ALTER, 2), AFTER)}


def values(cluster, topic):
    return [value for _, value in read_partition(cluster.address, topic, "read_committed")]


def committed(cluster, topics):
    consumer = Consumer({"bootstrap.servers": cluster.address, "group.id": GROUP})
    places = consumer.committed([TopicPartition(topic, 0) for topic in topics], timeout=DEADLINE)
    consumer.close()
    return {place.topic: place.offset for place in places}


def test_the_region_that_is_left_becomes_the_home_whatever_was_under_way(stage):
    theatre = Theatre(stage, 1)
    east, west = theatre.clusters.values()
    keeping = [f"keeping-{place}" for place in range(len(KEEPING))]
    back = [f"back-{place}" for place in range(len(PLANNED[BACK]))]
    there = [f"there-{place}" for place in range(len(PLANNED[LINK]))]
    theatre.prepare(FAILBACK, [*keeping, "rewound", "returned", *back])
    theatre.prepare(PROMOTE, there)
    commit(east, GROUP, keeping, 1000)
    for topic, (step, moment) in zip(keeping, KEEPING):
        theatre.cut_short(FAILBACK, topic, step, moment)
    theatre.run(FAILBACK, ["returned", *back])
    for topic in ["returned", *back]:
        eventually(lambda: values(east, topic) == COMMON + NEW, f"{topic} is in step")
    for topics, link in ((back, BACK), (there, LINK)):
        for topic, (step, moment) in zip(topics, PLANNED[link]):
            theatre.cut_short(PROMOTE, topic, step, moment, link)
    theatre.cut_short(FAILBACK, "rewound", *REWOUND)

    everything = [*keeping, "rewound", "returned", *back, *there]
    west.kill()
    west.coordinator.kill()
    for topic, (step, moment) in RECLAIMING.items():
        theatre.cut_short(FAILOVER, topic, step, moment, BACK)
    report = theatre.run(FAILOVER, everything, BACK)["topics"]
    assert {name for name, one in report.items() if one["isReclaimed"]} == {*keeping, *there}
    assert all(one["isDone"] for one in report.values()) and len(report) == len(everything)
    homes = {}
    positions = committed(east, everything)
    for topic in everything:
        assert positions[topic] <= produce(east, topic, b"home"), topic
        homes[topic] = values(east, topic)
        *before, last = homes[topic]
        assert last == b"home"
        if topic == "rewound":
            assert before == COMMON + NEW[:len(before) - RECORDS]
        else:
            assert before == COMMON + (OWN if topic in keeping else [] if topic in there else NEW), topic
    # Whoever ran it may have been killed before it could tell.
    again = theatre.run(FAILOVER, everything, BACK)["topics"]
    assert {name: one["homeEpoch"] for name, one in again.items()} == {name: one["homeEpoch"] for name, one in report.items()}

    west.coordinator.start()
    west.start()
    for topic in everything:
        eventually(lambda: theatre.told(TARGET, topic).state in (FENCED, MIRRORING), f"{topic} is not written there")
    eventually(lambda: theatre.run(FAILBACK, everything, LINK), "all return")
    for topic in everything:
        eventually(lambda: values(west, topic) == homes[topic], f"{topic} is in step")
        assert theatre.told(TARGET, topic).state == MIRRORING and theatre.told(SOURCE, topic).state == ORDINARY
    assert refuses(west, everything[0])
    for topic in keeping:
        assert values(west, f"mirror-quarantine.{topic}.2000.internal") == NEW, topic
    theatre.close()
