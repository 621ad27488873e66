"""What martlet mirror verify finds where both ends of a link are not the same."""

import subprocess

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import NewPartitions, NewTopic

from links import assert_proven, command, exactly, martlet, produce, regions
from martlet import DEADLINE, eventually, free_port, http


def test_a_source_that_has_another_topic_is_not_equal(stage, topic):
    source, target = regions(stage, 1)
    names = [f"{topic}-{what}" for what in ("anew", "grown", "late")]
    anew, grown, late = names
    for name in names:
        source.create(name, 1, replicas=1)
    mirror = exactly(stage, source, target).start()
    for name in (anew, grown):
        produce(source, name, b"one")
        assert_proven(mirror, name, 1)
    assert_proven(mirror, late, 1)
    mirror.kill()
    # An empty topic in a full one's place has no digests that differ.
    admin = source.admin()
    admin.delete_topics([anew])[anew].result(DEADLINE)
    eventually(lambda: anew not in source.metadata().topics, "it is deleted")
    source.create(anew, 1, replicas=1)
    admin = source.admin()
    admin.create_partitions([NewPartitions(grown, 4)])[grown].result(DEADLINE)
    produce(source, late, b"one")

    report = martlet(mirror, "verify", code=1)
    parts = {part["topic"]: part for part in report["partitions"]}
    assert {name: part["verdict"] for name, part in parts.items()} == {anew: "different", grown: "equal", late: "equal"}
    assert parts[anew]["differsFrom"] == 0 and "ends at 0 at the source" in parts[anew]["fault"]
    assert set(report["topicsNotMirrored"]) == {anew, grown}
    assert "another topic of that name" in report["topicsNotMirrored"][anew]
    assert "3 of its 4 partitions" in report["topicsNotMirrored"][grown]
    # The mirror topic has no record from which on it is behind.
    assert (parts[late]["lagInRecords"], parts[late]["lagInMilliseconds"]) == (1, 0)
    assert "no topic matching nothing-like-it came by link" in _complaint(mirror, "--topics", "nothing-like-it")


def _complaint(mirror, *more):
    result = subprocess.run(command(mirror, "verify", *more), capture_output=True, text=True, timeout=DEADLINE)
    assert result.returncode == 1, result.stdout
    return result.stderr


def test_what_has_changed_on_a_disk_is_found(stage, topic):
    source, target = regions(stage, 1)
    compacted = f"{topic}-compacted"
    source.create(topic, 1, replicas=1)
    admin = source.admin()
    admin.create_topics([NewTopic(compacted, 1, 1, config={"cleanup.policy": "compact"})])[compacted].result(DEADLINE)
    mirror = exactly(stage, source, target).start()
    for name in (topic, compacted):
        producer = Producer({"bootstrap.servers": source.address})
        producer.produce(name, b"what was written", key=b"key")
        assert producer.flush(DEADLINE) == 0
        assert_proven(mirror, name, 1)
    broker = target.broker(1)
    assert broker.stop() == 0
    for name in (topic, compacted):
        segment, = broker.partition(f"{name}-0").glob("*.log")
        segment.write_bytes(segment.read_bytes().replace(b"what was written", b"what was-written"))
    broker.start()
    report = martlet(mirror, "verify", code=1)
    # The source compacts one of them, and may have dropped something; but that is no reason for this.
    assert [part["verdict"] for part in report["partitions"]] == ["different"] * 2
    assert all("1 batches at eu-west" in part["fault"] for part in report["partitions"])
    assert report["obstacles"] == ["2 partitions differ, or could not be compared"]


def test_a_group_that_is_deleted_at_the_target_comes_back(stage, topic):
    source, target = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    mirror = exactly(stage, source, target).start()
    produce(source, topic, b"one")
    assert_proven(mirror, topic, 1)
    readers = Consumer({"bootstrap.servers": source.address, "group.id": "readers", "enable.auto.commit": False})
    readers.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    readers.close()
    eventually(lambda: martlet(mirror, "verify")["groupsOutOfStep"] == [], "the group is in step")
    admin = target.admin()
    admin.delete_consumer_groups(["readers"])["readers"].result(DEADLINE)
    report = martlet(mirror, "verify")
    assert [one["group"] for one in report["groupsOutOfStep"]] == ["readers"] and report["obstacles"]
    # Though it does not move at the source.
    eventually(lambda: martlet(mirror, "verify")["groupsOutOfStep"] == [], "the group is in step again")


def test_a_comparison_that_does_not_end_outlives_its_source(stage, topic):
    source, target = regions(stage, 1)
    source.create(topic, 1, replicas=1)
    mirror = exactly(
        stage, source, target, default_api_timeout_ms=2000, request_timeout_ms=1000,
        socket_connection_setup_timeout_max_ms=1000).start()
    produce(source, topic, b"one")
    assert_proven(mirror, topic, 1)
    port = free_port()

    def compared_at():
        _, _, page = http(port, "/metrics")
        return float(next(line for line in page.splitlines() if "verify_timestamp_seconds{" in line).rsplit(" ", 1)[1])
    verifying = stage.process(
        "verifying", command(mirror, "verify", "--continuous", "--interval", "0.5", "--metrics-port", str(port))).launch()
    eventually(compared_at, "it compares")
    source.broker(1).kill()
    verifying.wait_for_log("not compared: ")
    before = compared_at()
    # What monitoring is to alarm on.
    verifying.wait_for_log("not compared: ", 3)
    assert compared_at() == before
    source.broker(1).start()
    eventually(lambda: compared_at() > before, "it compares again")
    assert verifying.is_running
