"""Two regions of three brokers, and nobody speaks anything but mutual TLS: an exact link, a disaster, and the way back.

What was written, acknowledged, read and committed in either region is kept beside them and compared with what they hold.
"""

from confluent_kafka import TopicPartition

from history import GroupReader, GroupWatch, assert_holds, assert_prefix, numbers, read_log
from links import BACK, LINK, assert_proven, martlet, produce, refuses, regions
from load import PARTITIONS, Load
from martlet import DEADLINE, eventually
from servers import Mirror

GROUP = "readers"


def mirrored(stage, source, target, **settings):
    settings = {
        "mode": "exact", "mirror.gap.policy": "continue", "sync.group.offsets.interval.seconds": 1,
        "eu-west->us-east.enabled": "true", "eu-west->us-east.topics": ".*"} | settings
    return stage.add(Mirror(stage.directory / "mirror", source, target, stage.certificates, **settings))


def states(mirror, topic, link):
    """The state of each partition at the link's target, and where it ends there."""
    told = martlet(mirror, "describe", "--topics", topic, link=link)["topics"]
    return [(part["state"], part["highWatermark"]) for one in told for part in one["partitions"]]


def assert_takes_no_write(cluster, topic):
    before = read_log(cluster, topic, PARTITIONS)
    assert all(refuses(cluster, topic, partition) for partition in range(PARTITIONS))
    assert read_log(cluster, topic, PARTITIONS) == before
    return before


def written_until_refused(load):
    """Ends a load whose topic nobody may write any more; what was acknowledged."""
    eventually(lambda: load.failures, "the writer is refused")
    load.abandon()
    return load.acknowledged


def merged(*loads):
    return {partition: sum((load[partition] for load in loads), []) for partition in range(PARTITIONS)}


def assert_ledger_is_complete(mirror, source, target, topic):
    """Whatever the source had and the target lacks is told, no more and no less."""
    admin = source.admin()
    for value in range(3):
        produce(source, topic, b"%d" % value)
    assert_proven(mirror, topic, 1)
    mirror.kill()
    for value in range(3, 9):
        produce(source, topic, b"%d" % value)
    deleted, = admin.delete_records([TopicPartition(topic, 0, 7)]).values()
    deleted.result(DEADLINE)
    mirror.start()
    assert_proven(mirror, topic, 1)
    gaps = [(one["kind"], one["from"], one["to"]) for one in martlet(mirror, "describe", "--topics", topic)["gaps"]]
    assert gaps == [("overtaken", 3, 7)]
    # A log is one piece: with what is missing goes what stood before it.
    assert [offset for offset, _ in read_log(target, topic, 1)[0]] == [7, 8]


def test_a_region_is_lost_and_returns(stage, topic):
    east, west = regions(stage, 3, only_tls=True)
    for one, partitions in ((topic, PARTITIONS), (f"{topic}-gap", 1)):
        east.create(one, partitions)
    mirror = mirrored(stage, east, west).start()
    assert_ledger_is_complete(mirror, east, west, f"{topic}-gap")

    # Under load, somebody dies at each side.
    load = Load(east.address, topic, 1000, **east.security)
    reader = GroupReader(east, topic, GROUP)
    watch = GroupWatch(west, topic, PARTITIONS, GROUP)
    load.wait_for(1000)
    for victim in (west.leader(topic, 0), east.leader(topic, 1), mirror):
        victim.kill()
        load.wait_for(500)
        victim.start()
    for cluster in (east, west):
        cluster.wait_until_in_sync(topic)
    eventually(lambda: len(watch.positions) == PARTITIONS, "the group's position is in the other region")

    # The disaster: the mirror is away, and what is written meanwhile is only there.
    mirror.kill()
    load.wait_for(500)
    report = martlet(mirror, "failover")
    assert report["isSourceFenced"] and all(one["isDone"] for one in report["topics"].values())
    cuts = report["topics"][topic]["cuts"]
    acknowledged = written_until_refused(load)
    reader.end()
    watch.end()
    old_home = assert_takes_no_write(east, topic)
    new_home = read_log(west, topic, PARTITIONS)
    assert [len(new_home[partition]) for partition in range(PARTITIONS)] == cuts
    assert_prefix(new_home, old_home)
    assert_holds(old_home, acknowledged)
    # What was told to be possibly lost is at most what is: writers went on until the old home was closed.
    lost = sum(len(old_home[partition]) - cuts[partition] for partition in range(PARTITIONS))
    assert 0 < report["topics"][topic]["recordsPossiblyLost"] <= lost

    # The other region is the home: its groups go on where they were or before, never behind what they have not read.
    # Numbers go on too, so that none can come twice.
    load = Load(west.address, topic, 1000, first=load.next, **west.security)
    later = GroupReader(west, topic, GROUP)
    load.wait_for(500)
    eventually(lambda: len(later.seen) == PARTITIONS, "the group reads on")
    for partition, seen in later.seen.items():
        assert seen[0][0] <= min(reader.committed[partition], cuts[partition]), f"partition {partition}"
    mirror.start()

    # What only the old home has is kept, and it follows.
    told = martlet(mirror, "failback", "--topics", topic, link=BACK)["topics"][topic]
    assert [one["cut"] for one in told["partitions"]] == cuts
    kept = numbers(read_log(east, f"mirror-quarantine.{topic}.1000.internal", 1))[0]
    assert kept == [number for partition in range(PARTITIONS) for _, number in old_home[partition][cuts[partition]:]]
    load.wait_for(500)

    # The planned way back loses nothing, and the group goes on exactly where it was.
    eventually(lambda: states(mirror, topic, BACK), "the old home is a mirror")
    report = martlet(mirror, "promote", "--topics", topic, link=BACK)["topics"][topic]
    assert report["isDone"] and report["recordsPossiblyLost"] == 0
    returned = written_until_refused(load)
    log = assert_takes_no_write(west, topic)
    later.wait_until_committed({partition: len(held) for partition, held in log.items()})
    later.end()
    assert read_log(east, topic, PARTITIONS) == log
    assert_prefix(new_home, log)
    survived = numbers(new_home)
    assert_holds(log, merged(survived, returned))

    # And the way of before: the other region mirrors again.
    assert martlet(mirror, "failback", "--topics", topic, link=LINK)["topics"][topic]["isDone"]
    load = Load(east.address, topic, 1000, first=load.next, **east.security)
    load.wait_for(500)
    load.end()
    parts = assert_proven(mirror, topic, PARTITIONS)
    final = read_log(east, topic, PARTITIONS)
    assert read_log(west, topic, PARTITIONS) == final
    assert [part["to"] for part in parts] == [len(final[partition]) for partition in range(PARTITIONS)]
    assert_holds(final, merged(survived, returned, load.acknowledged))
    assert_takes_no_write(west, topic)
    assert mirror.stop() == 0
