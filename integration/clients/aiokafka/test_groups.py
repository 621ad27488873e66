"""Consumer groups and administration of aiokafka."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from martlet import DEADLINE


def run(test):
    """Runs a test's coroutine, bounded."""
    return asyncio.run(asyncio.wait_for(test, 2 * DEADLINE))


async def until(check, what):
    end = asyncio.get_running_loop().time() + DEADLINE
    while not check():
        assert asyncio.get_running_loop().time() < end, what
        await asyncio.sleep(0.05)


async def fill(access, topic):
    """A topic of four partitions with 25 records in each."""
    admin = AIOKafkaAdminClient(**access)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 4, 1)])
    await admin.close()
    producer = AIOKafkaProducer(**access)
    await producer.start()
    await asyncio.gather(*[await producer.send(topic, str(n).encode(), partition=n % 4) for n in range(100)])
    await producer.stop()


async def join(access, topic, **settings):
    consumer = AIOKafkaConsumer(topic, **access, **{
        "group_id": f"group-{topic}", "auto_offset_reset": "earliest", "enable_auto_commit": False,
        "heartbeat_interval_ms": 300} | settings)
    await consumer.start()
    return consumer


def test_two_members_share_and_one_takes_over(access, topic):
    async def test():
        await fill(access, topic)
        first = await join(access, topic)
        second = await join(access, topic)
        await until(lambda: len(first.assignment()) == len(second.assignment()) == 2, "both have two")
        assert not first.assignment() & second.assignment()
        await second.stop()
        await until(lambda: len(first.assignment()) == 4, "the one that stays has all")
        await first.stop()
    run(test())


def test_committed_offsets_are_resumed(access, topic):
    async def test():
        await fill(access, topic)
        first = await join(access, topic)
        read = [await first.getone() for _ in range(40)]
        await first.commit()
        await first.stop()
        second = await join(access, topic)
        rest = [await second.getone() for _ in range(60)]
        assert await second.committed(TopicPartition(topic, read[0].partition)) > 0
        await second.stop()
        assert sorted((r.partition, r.offset) for r in read + rest) == [(p, o) for p in range(4) for o in range(25)]
    run(test())


def test_a_static_member_returns_to_its_partitions(access, topic):
    async def test():
        await fill(access, topic)
        first = await join(access, topic, group_instance_id="a")
        second = await join(access, topic, group_instance_id="b")
        await until(lambda: len(first.assignment()) == len(second.assignment()) == 2, "both have two")
        had, others = first.assignment(), second.assignment()
        await first.stop()
        back = await join(access, topic, group_instance_id="a")
        await until(lambda: len(back.assignment()) == 2, "it is back")
        assert (back.assignment(), second.assignment()) == (had, others)
        await back.stop()
        await second.stop()
    run(test())


def test_topics_and_groups_are_managed(access, topic):
    async def test():
        await fill(access, topic)
        consumer = await join(access, topic)
        await consumer.commit({TopicPartition(topic, 1): 7})
        await consumer.stop()
        admin = AIOKafkaAdminClient(**access)
        await admin.start()
        try:
            group = f"group-{topic}"
            assert group in {listed[0] for listed in await admin.list_consumer_groups()}
            offsets = await admin.list_consumer_group_offsets(group)
            assert {partition.partition: found.offset for partition, found in offsets.items()} == {1: 7}
            [described] = await admin.describe_topics([topic])
            assert len(described["partitions"]) == 4
            await admin.delete_topics([topic])
            gone = asyncio.get_running_loop().time() + DEADLINE
            while topic in await admin.list_topics():
                assert asyncio.get_running_loop().time() < gone
        finally:
            await admin.close()
    run(test())
