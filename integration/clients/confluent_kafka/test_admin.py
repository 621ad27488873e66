"""Topics, configurations, groups and records as confluent-kafka's AdminClient manages them."""

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType)

from martlet import DEADLINE, eventually


@pytest.fixture
def admin(access):
    return AdminClient(access)


def only(futures):
    """The result of the one thing that was asked for."""
    [future] = futures.values()
    return future.result(DEADLINE)


def refusal(futures):
    with pytest.raises(KafkaException) as raised:
        only(futures)
    return raised.value.args[0].code()


def produce(access, topic, count, partition=0):
    producer = Producer(access)
    for number in range(count):
        producer.produce(topic, str(number).encode(), partition=partition)
    assert producer.flush(DEADLINE) == 0


def configs(admin, topic):
    return only(admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))


def test_topics_come_and_go(admin, topic):
    only(admin.create_topics([NewTopic(topic, 5, 1, config={"retention.ms": "12345"})]))
    metadata = admin.list_topics(topic, timeout=DEADLINE).topics[topic]
    assert sorted(metadata.partitions) == [0, 1, 2, 3, 4]
    assert all(p.leader == 1 and p.replicas == [1] and p.isrs == [1] for p in metadata.partitions.values())
    assert refusal(admin.create_topics([NewTopic(topic, 1, 1)])) == KafkaError.TOPIC_ALREADY_EXISTS
    only(admin.delete_topics([topic]))
    eventually(lambda: topic not in admin.list_topics(timeout=DEADLINE).topics, "the topic goes")
    assert refusal(admin.delete_topics([topic])) == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_a_topic_made_anew_is_empty(access, admin, topic):
    only(admin.create_topics([NewTopic(topic, 1, 1)]))
    produce(access, topic, 10)
    only(admin.delete_topics([topic]))
    eventually(lambda: topic not in admin.list_topics(timeout=DEADLINE).topics, "the topic goes")
    eventually(lambda: only(admin.create_topics([NewTopic(topic, 1, 1)])) is None, "the topic comes again")
    produce(access, topic, 3)
    latest = only(admin.list_offsets({TopicPartition(topic, 0): OffsetSpec.latest()}))
    assert latest.offset == 3


@pytest.mark.parametrize(("bad", "code"), [
    ({"topic": "no/slashes"}, KafkaError.TOPIC_EXCEPTION),
    ({"replication_factor": 2}, KafkaError.INVALID_REPLICATION_FACTOR),
    ({"config": {"retention.ms": "soon"}}, KafkaError.INVALID_CONFIG),
    ({"config": {"no.such.key": "1"}}, KafkaError.INVALID_CONFIG)])
def test_topics_that_cannot_be(admin, topic, bad, code):
    wanted = {"topic": topic, "num_partitions": 1, "replication_factor": 1} | bad
    assert refusal(admin.create_topics([NewTopic(**wanted)])) == code
    assert wanted["topic"] not in admin.list_topics(timeout=DEADLINE).topics


def test_only_asking_creates_nothing(admin, topic):
    only(admin.create_topics([NewTopic(topic, 1, 1)], validate_only=True))
    assert topic not in admin.list_topics(timeout=DEADLINE).topics


def test_partitions_are_added(access, admin, topic):
    only(admin.create_topics([NewTopic(topic, 1, 1)]))
    only(admin.create_partitions([NewPartitions(topic, 4)]))
    eventually(lambda: len(admin.list_topics(topic, timeout=DEADLINE).topics[topic].partitions) == 4, "four partitions")
    produce(access, topic, 5, partition=3)
    assert refusal(admin.create_partitions([NewPartitions(topic, 2)])) == KafkaError.INVALID_PARTITIONS


def test_configs_are_described_and_altered(admin, topic):
    only(admin.create_topics([NewTopic(topic, 1, 1, config={"retention.ms": "12345"})]))
    described = configs(admin, topic)
    assert described["retention.ms"].value == "12345" and not described["retention.ms"].is_default
    assert described["cleanup.policy"].value == "delete" and described["cleanup.policy"].is_default
    change = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry("retention.ms", None, incremental_operation=AlterConfigOpType.DELETE),
        ConfigEntry("segment.bytes", "100000", incremental_operation=AlterConfigOpType.SET),
        ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND)])
    only(admin.incremental_alter_configs([change]))
    eventually(lambda: configs(admin, topic)["segment.bytes"].value == "100000", "the change is there")
    described = configs(admin, topic)
    assert described["retention.ms"].is_default
    assert described["cleanup.policy"].value == "delete,compact"
    bad = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry("segment.bytes", "few", incremental_operation=AlterConfigOpType.SET)])
    assert refusal(admin.incremental_alter_configs([bad])) == KafkaError.INVALID_CONFIG


def test_the_brokers_configs_are_described(admin):
    described = only(admin.describe_configs([ConfigResource(ResourceType.BROKER, "1")]))
    assert described["num.partitions"].value == "3"
    assert described["zookeeper.connect"].value.startswith("127.0.0.1:")


def test_records_are_deleted_up_to_an_offset(access, admin, topic):
    only(admin.create_topics([NewTopic(topic, 1, 1)]))
    produce(access, topic, 20)
    assert only(admin.delete_records([TopicPartition(topic, 0, 12)])).low_watermark == 12
    assert only(admin.list_offsets({TopicPartition(topic, 0): OffsetSpec.earliest()})).offset == 12
    consumer = Consumer(access | {"group.id": topic, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert consumer.poll(DEADLINE).value() == b"12"
    consumer.close()
    assert refusal(admin.delete_records([TopicPartition(topic, 0, 100)])) == KafkaError.OFFSET_OUT_OF_RANGE


def test_groups_are_listed_described_and_deleted(access, admin, topic):
    only(admin.create_topics([NewTopic(topic, 2, 1)]))
    group = f"group-{topic}"
    consumer = Consumer(access | {"group.id": group, "client.id": "the-client", "enable.auto.commit": False})
    consumer.subscribe([topic])
    eventually(lambda: consumer.poll(0.1) is None and len(consumer.assignment()) == 2, "the member has joined")
    consumer.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    listed = {g.group_id: g for g in admin.list_consumer_groups().result(DEADLINE).valid}
    assert listed[group].state.name == "STABLE"
    described = only(admin.describe_consumer_groups([group]))
    assert described.state.name == "STABLE" and described.partition_assignor == "range"
    [member] = described.members
    assert member.client_id == "the-client"
    assert sorted(p.partition for p in member.assignment.topic_partitions) == [0, 1]
    assert refusal(admin.delete_consumer_groups([group])) == KafkaError.NON_EMPTY_GROUP
    consumer.close()
    eventually(lambda: only(admin.describe_consumer_groups([group])).state.name == "EMPTY", "the group is empty")
    only(admin.delete_consumer_groups([group]))
    assert group not in {g.group_id for g in admin.list_consumer_groups().result(DEADLINE).valid}
    assert refusal(admin.delete_consumer_groups([group])) == KafkaError.GROUP_ID_NOT_FOUND


def test_the_cluster_is_described(admin, broker):
    described = admin.describe_cluster().result(DEADLINE)
    assert [node.id for node in described.nodes] == [1] and described.controller.id == 1
    assert len(described.cluster_id) == 22
