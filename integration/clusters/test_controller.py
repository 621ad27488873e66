"""Three brokers and what their controller does: moves, elections, shutdowns, deletions, settings."""

import json
import subprocess
import time

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as Place
from confluent_kafka.admin import AdminClient
from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import InvalidReplicationAssignmentError
from kazoo.client import KazooClient

from load import Load, assert_all_arrived
from martlet import BINARIES, eventually
from servers import wait_until_acquainted

IDS = (1, 2, 3)


class Cluster:
    def __init__(self, stage, **settings):
        self.coordinator = stage.coordinator().start()
        self.brokers = {}
        for broker_id in IDS:
            self.brokers[broker_id] = stage.broker(self.coordinator, broker_id=broker_id, **settings)
            self.brokers[broker_id].launch()
        for broker in self.brokers.values():
            broker.wait_for_log("is ready")
        wait_until_acquainted(self.brokers.values())
        self.address = ",".join(broker.address for broker in self.brokers.values())
        self.tree = KazooClient(self.coordinator.address)
        self.tree.start()
        self._admin = None

    @property
    def admin(self):
        if self._admin is None:
            self._admin = KafkaAdminClient(bootstrap_servers=self.address.split(","))
        return self._admin

    def close(self):
        self.tree.stop()
        self.tree.close()
        if self._admin is not None:
            self._admin.close()

    def node(self, path):
        return json.loads(self.tree.get(path)[0])

    def state(self, topic, partition=0):
        return self.node(f"/brokers/topics/{topic}/partitions/{partition}/state")

    def controller(self):
        return self.node("/controller")["brokerid"]

    def create(self, topic, replicas):
        self.admin.create_topics({topic: {"assignments": dict(enumerate(replicas))}})
        eventually(
            lambda: all(sorted(self.state(topic, index)["isr"]) == sorted(ids) for index, ids in enumerate(replicas)),
            f"{topic} is in sync")


@pytest.fixture
def cluster(stage):
    cluster = Cluster(stage)
    yield cluster
    cluster.close()


def test_a_partition_moves_under_load(cluster, topic):
    cluster.create(topic, [[1, 2]] * 3)
    load = Load(cluster.address, topic)
    load.wait_for(500)
    moves = {TopicPartition(topic, index): [3, 2] for index in range(3)}
    assert set(cluster.admin.alter_partition_reassignments(moves).values()) == {None}
    eventually(
        lambda: all(cluster.state(topic, index)["leader"] == 3 for index in range(3)), "the new broker leads")
    eventually(lambda: cluster.admin.list_partition_reassignments() == {}, "the move is done")
    node = cluster.node(f"/brokers/topics/{topic}")
    assert node["partitions"] == {"0": [3, 2], "1": [3, 2], "2": [3, 2]}
    assert node["adding_replicas"] == {} and node["removing_replicas"] == {}
    load.wait_for(500)
    load.end()
    assert_all_arrived(load, cluster.address)
    eventually(
        lambda: not list(cluster.brokers[1].data.glob(f"{topic}-[0-9]")), "the old replica's log goes")


def test_a_replica_begins_in_the_middle_of_a_batch(cluster, topic):
    cluster.create(topic, [[1, 2]])
    producer = Producer({"bootstrap.servers": cluster.address, "linger.ms": 1000})
    for number in range(20):
        producer.produce(topic, str(number).encode(), partition=0)
    assert producer.flush(30) == 0
    partition = TopicPartition(topic, 0)
    assert cluster.admin.delete_records({partition: 13})[partition]["low_watermark"] == 13
    assert set(cluster.admin.alter_partition_reassignments({partition: [3]}).values()) == {None}
    eventually(lambda: cluster.state(topic)["isr"] == [3], "the new replica has all of it")
    consumer = Consumer({"bootstrap.servers": cluster.address, "group.id": topic, "auto.offset.reset": "error"})
    consumer.assign([Place(topic, 0, 13)])
    records = [consumer.poll(30) for _ in range(7)]
    assert [(record.offset(), int(record.value())) for record in records] == [(number, number) for number in range(13, 20)]
    consumer.close()


def test_moves_to_brokers_that_there_are_not_write_nothing(cluster, topic):
    cluster.create(topic, [[1, 2]])
    before = cluster.tree.get(f"/brokers/topics/{topic}")
    told = cluster.admin.alter_partition_reassignments({TopicPartition(topic, 0): [1, 9]})
    assert told == {TopicPartition(topic, 0): InvalidReplicationAssignmentError}
    after = cluster.tree.get(f"/brokers/topics/{topic}")
    assert (after[0], after[1].version) == (before[0], before[1].version)


def test_a_broker_that_stops_hands_its_leaderships_over_first(cluster, topic):
    cluster.create(topic, [[1, 2, 3]] * 3)
    load = Load(cluster.address, topic)
    load.wait_for(300)
    begun = time.monotonic()
    assert cluster.brokers[1].stop() == 0
    assert time.monotonic() - begun < 10
    assert "while others wait" not in cluster.brokers[1].log()
    states = [cluster.state(topic, index) for index in range(3)]
    assert all(state["leader"] == 2 and 1 not in state["isr"] for state in states)
    load.wait_for(300)
    cluster.brokers[1].start()
    eventually(lambda: all(1 in cluster.state(topic, index)["isr"] for index in range(3)), "broker 1 is in sync")
    run_tool(cluster, "elect-leaders", "--election-type", "preferred", "--topic", topic)
    eventually(lambda: all(cluster.state(topic, index)["leader"] == 1 for index in range(3)), "broker 1 leads")
    load.wait_for(300)
    load.end()
    assert_all_arrived(load, cluster.address)


def test_the_office_goes_on_when_the_controller_is_killed(cluster, topic):
    cluster.create(topic, [[1, 2, 3], [2, 3, 1], [3, 1, 2]])
    load = Load(cluster.address, topic)
    load.wait_for(300)
    first = cluster.controller()
    epoch = int(cluster.tree.get("/controller_epoch")[0])
    cluster.brokers[first].kill()
    eventually(lambda: cluster.controller() != first, "another broker becomes controller")
    assert int(cluster.tree.get("/controller_epoch")[0]) == epoch + 1
    eventually(
        lambda: all(cluster.state(topic, index)["leader"] not in (first, -1) for index in range(3)),
        "others lead")
    load.wait_for(300)
    cluster.brokers[first].start()
    load.end()
    assert_all_arrived(load, cluster.address)


def test_a_topic_deleted_while_a_broker_is_away_leaves_nothing_on_it(cluster, topic):
    cluster.create(topic, [[1, 2, 3]])
    producer = Producer({"bootstrap.servers": cluster.address})
    producer.produce(topic, b"old", partition=0)
    assert producer.flush(30) == 0
    cluster.brokers[3].kill()
    eventually(lambda: 3 not in cluster.state(topic)["isr"], "broker 3 is seen to be dead")
    admin = AdminClient({"bootstrap.servers": cluster.address})
    admin.delete_topics([topic])[topic].result(30)
    cluster.brokers[3].start()
    assert not (cluster.brokers[3].data / f"{topic}-0").exists()

    cluster.create(topic, [[3, 1]])
    consumer = Consumer({"bootstrap.servers": cluster.address, "group.id": topic, "auto.offset.reset": "earliest"})
    partitions = eventually(lambda: consumer.list_topics(topic).topics[topic].partitions, "whoever is asked knows it")
    assert partitions[0].replicas == [3, 1]
    consumer.close()


def test_old_tools_are_obeyed(cluster, topic):
    cluster.create(topic, [[1, 2]])
    wanted = {"version": 1, "partitions": [{"topic": topic, "partition": 0, "replicas": [2, 3]}]}
    cluster.tree.create("/admin/reassign_partitions", json.dumps(wanted).encode())
    eventually(lambda: not cluster.tree.exists("/admin/reassign_partitions"), "the move is done")
    assert cluster.node(f"/brokers/topics/{topic}")["partitions"] == {"0": [2, 3]}
    assert sorted(cluster.state(topic)["isr"]) == [2, 3]

    cluster.admin.alter_partition_reassignments({TopicPartition(topic, 0): [3, 2]})
    eventually(lambda: cluster.node(f"/brokers/topics/{topic}")["partitions"] == {"0": [3, 2]}, "the order is new")
    wanted = {"version": 1, "partitions": [{"topic": topic, "partition": 0}]}
    cluster.tree.create("/admin/preferred_replica_election", json.dumps(wanted).encode())
    eventually(lambda: not cluster.tree.exists("/admin/preferred_replica_election"), "the election is held")
    assert cluster.state(topic)["leader"] == 3


def test_a_second_broker_of_an_id_is_refused(stage, cluster):
    # It waits for the end of a session of its predecessor's, as long as its own would last.
    second = stage.broker(cluster.coordinator, broker_id=2, zookeeper_session_timeout_ms=1000)
    second.launch()
    assert second.process.wait(60) == 1
    assert "broker 2 is registered already" in second.log()
    assert cluster.brokers[2].is_running


def run_tool(cluster, *arguments, code=0):
    done = subprocess.run(
        [BINARIES / "martlet", arguments[0], "--bootstrap-server", cluster.address, *arguments[1:]], text=True,
        capture_output=True, timeout=90)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def test_a_throttled_move_takes_its_time_and_slows_nobody_else(stage, topic):
    """Three megabytes at half a megabyte a second, in answers small enough to overdraw little."""
    cluster = Cluster(stage, replica_fetch_max_bytes=100_000)
    try:
        cluster.create(topic, [[1, 2]])
        producer = Producer({"bootstrap.servers": cluster.address, "acks": "all", "linger.ms": 0, "batch.size": 50_000})
        for _ in range(300):
            producer.produce(topic, bytes(10_000), partition=0)
        assert producer.flush(60) == 0
        plan = stage.directory / "plan.json"
        plan.write_text(
            json.dumps({"version": 1, "partitions": [{"topic": topic, "partition": 0, "replicas": [1, 3]}]}))
        begun = time.monotonic()
        told = run_tool(cluster, "reassign", "--execute", "--throttle", "500000", "--reassignment-json-file", plan)
        assert "begun" in told
        assert cluster.node("/config/brokers/3")["config"] == {
            "leader.replication.throttled.rate": "500000", "follower.replication.throttled.rate": "500000"}
        assert cluster.node(f"/config/topics/{topic}")["config"] == {
            "leader.replication.throttled.replicas": "0:1,0:2", "follower.replication.throttled.replicas": "0:3"}
        # The replica in sync has its records though the throttle is drawn out.
        for _ in range(10):
            producer.produce(topic, b"small", partition=0)
            assert producer.flush(60) == 0
        assert cluster.admin.list_partition_reassignments(), "the move is over already"
        eventually(lambda: not cluster.admin.list_partition_reassignments(), "the move is done")
        assert time.monotonic() - begun > 4
        told = run_tool(cluster, "reassign", "--verify", "--reassignment-json-file", plan)
        assert "done" in told and "taken back" in told
        for path in ("/config/brokers/1", "/config/brokers/3", f"/config/topics/{topic}"):
            assert cluster.node(path)["config"] == {}
    finally:
        cluster.close()


def test_our_tool_moves_elects_and_configures(stage, cluster, topic):
    cluster.create(topic, [[1, 2]])
    plan = stage.directory / "plan.json"
    wanted = {"version": 1, "partitions": [{"topic": topic, "partition": 0, "replicas": [3, 1]}]}
    plan.write_text(json.dumps(wanted))
    assert "begun" in run_tool(cluster, "reassign", "--execute", "--reassignment-json-file", plan)
    eventually(
        lambda: "done" in run_tool(cluster, "reassign", "--verify", "--reassignment-json-file", plan), "it is moved")
    assert run_tool(cluster, "reassign", "--list") == ""
    run_tool(cluster, "reassign", "--cancel", "--reassignment-json-file", plan, code=1)
    # Data directories: where it is already, one of another broker's that it does not have, and a plan that is short.
    wanted["partitions"][0]["log_dirs"] = ["any", str(cluster.brokers[1].data)]
    plan.write_text(json.dumps(wanted))
    told = run_tool(cluster, "reassign", "--execute", "--reassignment-json-file", plan)
    assert f"{topic}-0 on broker 1: moves to {cluster.brokers[1].data}" in told
    told = run_tool(cluster, "reassign", "--verify", "--reassignment-json-file", plan)
    assert f"{topic}-0 on broker 1: done" in told
    wanted["partitions"][0]["log_dirs"] = [str(cluster.brokers[1].data), "any"]
    plan.write_text(json.dumps(wanted))
    assert "LOG_DIR_NOT_FOUND" in run_tool(
        cluster, "reassign", "--execute", "--reassignment-json-file", plan, code=1)
    wanted["partitions"][0]["log_dirs"] = ["any"]
    plan.write_text(json.dumps(wanted))
    assert "log_dirs" in run_tool(cluster, "reassign", "--execute", "--reassignment-json-file", plan, code=1)
    told = run_tool(cluster, "elect-leaders", "--election-type", "preferred", "--topic", topic)
    assert "elected" in told or "not needed" in told
    assert cluster.state(topic)["leader"] == 3

    run_tool(
        cluster, "configs", "--alter", "--entity-type", "brokers", "--entity-default", "--add-config",
        "log.retention.ms=12345,log.cleanup.policy=[compact,delete]")
    described = run_tool(cluster, "configs", "--describe", "--entity-type", "brokers", "--entity-name", "2")
    assert "log.retention.ms=12345" in described and "log.cleanup.policy=compact,delete" in described
    described = run_tool(cluster, "configs", "--describe", "--all", "--entity-type", "topics", "--entity-name", topic)
    assert "retention.ms=12345" in described
    complaint = run_tool(
        cluster, "configs", "--alter", "--entity-type", "brokers", "--entity-name", "2", "--add-config",
        "broker.id=7", code=1)
    assert "Cannot update these configs dynamically" in complaint
    assert cluster.node("/config/brokers/<default>")["config"]["log.retention.ms"] == "12345"
    assert not cluster.tree.exists("/config/brokers/2")
