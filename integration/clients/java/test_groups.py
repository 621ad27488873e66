"""Groups of Apache's Java consumers, of both protocols."""

import threading

import jpype
import pytest

from java_clients import (
    error, kafka, listed, listener, mapped, millis, partition, poll_until, properties, record, result)

PARTITIONS = 4
CLASSIC = {"group.protocol": "classic", "session.timeout.ms": 10_000, "heartbeat.interval.ms": 300}
CONSUMER = {"group.protocol": "consumer"}
ASSIGNOR = "org.apache.kafka.clients.consumer.{}"
KINDS = {
    "range": CLASSIC | {"partition.assignment.strategy": ASSIGNOR.format("RangeAssignor")},
    "eager-sticky": CLASSIC | {"partition.assignment.strategy": ASSIGNOR.format("StickyAssignor")},
    "cooperative": CLASSIC | {"partition.assignment.strategy": ASSIGNOR.format("CooperativeStickyAssignor")},
    "uniform": CONSUMER | {"group.remote.assignor": "uniform"},
    "server-range": CONSUMER | {"group.remote.assignor": "range"}}


def fill(java, admin, access, topic, partitions=PARTITIONS, each=25):
    result(admin.createTopics(listed(kafka("clients.admin.NewTopic")(topic, partitions, 1))).all())
    producer = java.producer(access)
    for one in [producer.send(record(topic, None, str(n), at=n % partitions)) for n in range(each * partitions)]:
        result(one)


@pytest.fixture
def filled(java, admin, access, topic):
    fill(java, admin, access, topic)
    return topic


@pytest.fixture
def member(java, access, filled):
    def join(settings, told=None, **more):
        consumer = java.consumer(
            access, **({"group.id": f"group-{filled}", "metadata.max.age.ms": 500} | settings | more))
        consumer.subscribe(listed(filled), listener([] if told is None else told))
        return consumer
    return join


def had(consumer):
    return sorted(one.partition() for one in consumer.assignment())


def all_are_given(*consumers):
    def check(_):
        given = [had(consumer) for consumer in consumers]
        return sorted(sum(given, [])) == list(range(PARTITIONS)) and all(given)
    return check


@pytest.mark.parametrize("kind", KINDS)
def test_members_share_and_those_that_stay_take_over(member, kind):
    told = []
    first, second = member(KINDS[kind], told), member(KINDS[kind])
    poll_until([first], all_are_given(first), "the first has all")
    poll_until([first, second], all_are_given(first, second), "both have some")
    assert len(had(first)) == len(had(second)) == 2
    revoked = [len(what) for name, what in told if name == "revoked"]
    # Eagerly all is given back, else only what the other gets.
    assert revoked == [4 if kind in ("range", "eager-sticky") else 2]
    second.close(kafka("clients.consumer.CloseOptions").timeout(millis(5000)))
    poll_until([first], all_are_given(first), "the one that stays has all")


@pytest.mark.parametrize("settings", [CLASSIC, CONSUMER], ids=["classic", "consumer"])
def test_what_was_committed_is_found_by_the_next_and_only_that(admin, member, filled, settings):
    first = member(settings, **{"max.poll.records": 10})
    [read] = poll_until([first], lambda came: len(came[0]) >= 40, "40 are read")
    first.commitSync()
    described = result(admin.describeConsumerGroups(listed(f"group-{filled}")).all())[f"group-{filled}"]
    assert (str(described.groupState()), described.members().size()) == ("Stable", 1)
    # Who is in the group has a say in it.
    with pytest.raises(error("GroupNotEmpty")):
        result(admin.deleteConsumerGroups(listed(f"group-{filled}")).all())
    first.close()
    committed = result(admin.listConsumerGroupOffsets(f"group-{filled}").partitionsToOffsetAndMetadata())
    assert sum(one.offset() for one in committed.values()) == len(read)
    second = member(settings)
    [rest] = poll_until([second], lambda came: len(came[0]) >= 100 - len(read), "the rest is read")
    assert sorted(int(one.value()) for one in read + rest) == list(range(100))
    second.close()

    place = partition(filled)
    OffsetAndMetadata = kafka("clients.consumer.OffsetAndMetadata")
    result(admin.alterConsumerGroupOffsets(f"group-{filled}", mapped({place: OffsetAndMetadata(7, "set")})).all())
    told = result(admin.listConsumerGroupOffsets(f"group-{filled}").partitionsToOffsetAndMetadata())[place]
    assert (told.offset(), told.metadata()) == (7, "set")
    everything = jpype.java.util.HashSet(listed(place))
    result(admin.deleteConsumerGroupOffsets(f"group-{filled}", everything).all())
    assert place not in result(admin.listConsumerGroupOffsets(f"group-{filled}").partitionsToOffsetAndMetadata())
    assert f"group-{filled}" in {one.groupId() for one in result(admin.listGroups().all())}
    result(admin.deleteConsumerGroups(listed(f"group-{filled}")).all())
    with pytest.raises(error("GroupIdNotFound")):
        result(admin.deleteConsumerGroups(listed(f"group-{filled}")).all())


@pytest.mark.parametrize("settings", [CLASSIC, CONSUMER], ids=["classic", "consumer"])
def test_a_static_member_returns_to_what_it_had(member, settings):
    told = []
    static = member(settings, **{"group.instance.id": "one"})
    other = member(settings, told, **{"group.instance.id": "two"})
    poll_until([static, other], all_are_given(static, other), "both have some")
    before, heard = had(static), list(told)
    static.close()
    back = member(settings, **{"group.instance.id": "one"})
    poll_until([back, other], all_are_given(back, other), "it is back")
    assert (had(back), told) == (before, heard)


def test_a_static_member_that_has_gone_can_be_removed(admin, member, filled):
    gone, other = member(CLASSIC, **{"group.instance.id": "one"}), member(CLASSIC)
    poll_until([gone, other], all_are_given(gone, other), "both have some")
    gone.close()
    Options = kafka("clients.admin.RemoveMembersFromConsumerGroupOptions")

    def remove(name):
        members = jpype.java.util.HashSet(listed(kafka("clients.admin.MemberToRemove")(name)))
        result(admin.removeMembersFromConsumerGroup(f"group-{filled}", Options(members)).all())
    with pytest.raises(error("UnknownMemberId")):
        remove("two")
    remove("one")
    poll_until([other], all_are_given(other), "the other has all")


def test_expressions_find_topics_that_come_later(java, admin, access, filled):
    Pattern = jpype.java.util.regex.Pattern
    SubscriptionPattern = kafka("clients.consumer.SubscriptionPattern")
    for number, (settings, expression) in enumerate([
            (CLASSIC, Pattern.compile(f"{filled}(-.*)?")), (CONSUMER, Pattern.compile(f"{filled}(-.*)?")),
            (CONSUMER, SubscriptionPattern(f"{filled}(-.*)?"))]):
        consumer = java.consumer(access, **(
            {"group.id": f"group-{filled}-{number}", "metadata.max.age.ms": 500} | settings))
        consumer.subscribe(expression)
        there = 100 + 5 * number
        poll_until([consumer], lambda came: len(came[0]) == there, "what is there is read")
        later = f"{filled}-{number}"
        fill(java, admin, access, later, 1, 5)
        poll_until(
            [consumer], lambda came: sum(one.topic() == later for one in came[0]) == 5, "what came later is read")
    broken = java.consumer(access, **(CONSUMER | {"group.id": f"group-{filled}-broken"}))
    broken.subscribe(SubscriptionPattern("("))
    with pytest.raises(kafka("common.errors.InvalidRegularExpression")):
        for _ in range(200):
            broken.poll(millis(50))


@pytest.mark.parametrize("settings", [CLASSIC, CONSUMER], ids=["classic", "consumer"])
def test_a_poll_is_woken(java, access, topic, settings):
    consumer = java.consumer(access, **(settings | {"group.id": topic}))
    consumer.subscribe(listed(topic))
    timer = threading.Timer(0.5, consumer.wakeup)
    timer.start()
    with pytest.raises(error("Wakeup")):
        consumer.poll(millis(30_000))
    timer.join()


def test_share_consumers_are_refused(java, access, filled):
    deserializer = "org.apache.kafka.common.serialization.StringDeserializer"
    consumer = kafka("clients.consumer.KafkaShareConsumer")(properties(access, {
        "group.id": f"share-{filled}", "key.deserializer": deserializer, "value.deserializer": deserializer}))
    try:
        consumer.subscribe(listed(filled))
        with pytest.raises(error("UnsupportedVersion")):
            for _ in range(40):
                consumer.poll(millis(250))
    finally:
        consumer.close(millis(1000))
