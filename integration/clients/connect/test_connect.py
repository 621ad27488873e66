"""Apache Kafka Connect on our brokers: its workers' topics, groups, offsets and rebalances, whoever dies."""

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource

from connect_workers import ConnectWorker, Refused, add_security_handler
from martlet import DEADLINE, eventually

# What a JVM says that was asked to end (SIGTERM).
ENDED = 143
SOURCE = {"connector.class": "FileStreamSource", "tasks.max": 1}
# Its consumers are members of a group that has to notice the death of one.
SINK = {"connector.class": "FileStreamSink", "tasks.max": 2, "consumer.override.session.timeout.ms": 6000,
        "consumer.override.heartbeat.interval.ms": 500}


@pytest.fixture(scope="module")
def classes(shared_stage):
    """Where what the workers need besides the jars lies."""
    folder = shared_stage.directory / "classes"
    add_security_handler(folder)
    return folder


def append(path, numbers):
    with open(path, "a") as file:
        file.write("".join(f"{number}\n" for number in numbers))


def lines(path):
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def apart(group):
    """What makes a worker one of a group, with topics of that group's own."""
    topics = {f"{kind}.storage.topic": f"{kind}-{group}" for kind in ("offset", "config", "status")}
    return {"group.id": group} | topics


def wait_until_written(path, numbers):
    """Waits until the sink has written all of them, in whatever order and how often, and nothing else."""
    eventually(lambda: set(lines(path)) >= set(numbers), f"{path.name} holds {numbers}")
    assert set(lines(path)) == set(numbers)


def test_workers_share_the_work_and_take_over_from_one_that_dies(stage, broker, classes, topic):
    source, sink = (stage.directory / name for name in ("source", "sink"))
    names = ("one", "two")
    workers = {name: stage.add(ConnectWorker(name, stage.directory / name, classes, broker.address)) for name in names}
    for worker in workers.values():
        worker.launch()
    for worker in workers.values():
        worker.wait_until_serving()
    append(source, range(300))
    one = workers["one"]
    one.connect("source", **SOURCE, file=str(source), topic=topic)
    one.connect("sink", **SINK, file=str(sink), topics=topic)
    wait_until_written(sink, range(300))
    assert sorted(lines(sink)) == list(range(300)), "each once, while nobody dies"
    at_work = {*one.wait_until("source", "RUNNING", 1), *one.wait_until("sink", "RUNNING", 2)}
    assert at_work == {worker.identity for worker in workers.values()}
    assert one.ask("connectors/source/topics") == {"source": {"topics": [topic]}}

    admin = AdminClient({"bootstrap.servers": broker.address})
    internal = [
        ConfigResource(ConfigResource.Type.TOPIC, f"worker-{name}") for name in ("offsets", "configs", "status")]
    for described in admin.describe_configs(internal).values():
        assert described.result(DEADLINE)["cleanup.policy"].value == "compact"

    # The one that has the source's task dies; the other knows of no other worker then.
    source_worker = one.wait_until("source", "RUNNING", 1)[1]
    victim, = (worker for worker in workers.values() if worker.identity == source_worker)
    survivor, = (worker for worker in workers.values() if worker is not victim)
    victim.kill()
    append(source, range(300, 600))
    eventually(
        lambda: {*survivor.wait_until("source", "RUNNING", 1), *survivor.wait_until("sink", "RUNNING", 2)}
        == {survivor.identity}, "the other takes over")
    wait_until_written(sink, range(600))

    # It ends in order and begins anew: what it had done is done, and nothing is done twice.
    before = lines(sink)
    assert survivor.stop() == ENDED
    append(source, range(600, 700))
    survivor.launch().wait_until_serving()
    wait_until_written(sink, range(700))
    assert lines(sink)[:len(before)] == before and sorted(lines(sink)[len(before):]) == list(range(600, 700))


def test_connectors_are_paused_and_their_offsets_altered(stage, broker, classes, topic):
    source, sink = (stage.directory / name for name in ("source", "sink"))
    worker = stage.add(ConnectWorker(
        "worker", stage.directory / "worker", classes, broker.address, **apart(topic))).launch()
    worker.wait_until_serving()
    append(source, range(10))
    worker.connect("source", **SOURCE, file=str(source), topic=topic)
    worker.connect("sink", **SINK, file=str(sink), topics=topic)
    wait_until_written(sink, range(10))
    place = {"filename": str(source)}
    eventually(
        lambda: worker.ask("connectors/source/offsets") == {
            "offsets": [{"partition": place, "offset": {"position": source.stat().st_size}}]}, "it says how far it is")

    worker.ask("connectors/source/pause", "PUT")
    worker.wait_until("source", "PAUSED", 1)
    append(source, range(10, 20))
    worker.ask("connectors/source/resume", "PUT")
    worker.wait_until("source", "RUNNING", 1)
    wait_until_written(sink, range(20))

    # The source reads its last ten lines again, and the sink all that there is.
    with pytest.raises(Refused, match="400"):
        worker.ask("connectors/source/offsets", "DELETE")
    for name in ("source", "sink"):
        worker.ask(f"connectors/{name}/stop", "PUT")
        worker.wait_until(name, "STOPPED", 0)
    worker.ask("connectors/source/offsets", "PATCH", {"offsets": [{"partition": place, "offset": {"position": 20}}]})
    worker.ask("connectors/sink/offsets", "DELETE")
    assert worker.ask("connectors/sink/offsets") == {"offsets": []}
    sink.unlink()
    for name in ("source", "sink"):
        worker.ask(f"connectors/{name}/resume", "PUT")
    eventually(lambda: len(lines(sink)) >= 30, "all is written anew")
    assert sorted(lines(sink)) == sorted([*range(20), *range(10, 20)])

    worker.ask("connectors/sink", "DELETE")
    eventually(lambda: worker.ask("connectors") == ["source"], "the sink is gone")
    assert worker.stop() == ENDED


def test_a_worker_that_is_alone_goes_on_where_it_was(stage, broker, classes, topic):
    source, sink = (stage.directory / name for name in ("source", "sink"))
    connectors = [
        {"name": f"source-{topic}", **SOURCE, "file": source, "topic": topic},
        {"name": f"sink-{topic}", **SINK, "tasks.max": 1, "file": sink, "topics": topic}]
    worker = stage.add(ConnectWorker("alone", stage.directory / "alone", classes, broker.address, connectors))
    for count in (100, 200):
        append(source, range(count - 100, count))
        worker.launch().wait_until_serving()
        wait_until_written(sink, range(count))
        assert worker.stop() == ENDED
    assert sorted(lines(sink)) == list(range(200))


def test_exactly_once_is_refused_with_the_reason(stage, broker, classes, topic):
    worker = stage.add(ConnectWorker(
        "exact", stage.directory / "exact", classes, broker.address, **{
            "exactly.once.source.support": "enabled"} | apart(topic))).launch()
    worker.wait_for_log("This cluster has no transactions")
