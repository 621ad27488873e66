"""Moves of homes between two regions that somebody disturbs at a step, and what has to be so after they are repeated."""

import json
import subprocess
import threading

from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from harm import Killed
from kafka_wire import Wire
from links import BACK, LINK, command, commit, committed, produce
from load import read_partition
from martlet import DEADLINE, eventually
from mirroring import FENCED, MIRRORING, ORDINARY, Link, transactional
from servers import Mirror
from steps import AFTER, BEFORE, Gated, Steps

SOURCE, TARGET = "us-east", "eu-west"
FAILOVER, FAILBACK, PROMOTE = "failover", "failback", "promote"
MOVES = (FAILOVER, FAILBACK, PROMOTE)
# Kinds of requests of which each one may do something else; of others only the first is a step of its own.
_CHANGES = {0, 8, 19, 20, 27, 10001}
_WHAT = {
    0: "Produce", 1: "Fetch", 2: "ListOffsets", 8: "OffsetCommit", 9: "OffsetFetch", 10: "FindCoordinator",
    16: "ListGroups", 19: "CreateTopics", 20: "DeleteTopics", 27: "WriteTxnMarkers", 32: "DescribeConfigs",
    60: "DescribeCluster", 10001: "MirrorAlter", 10002: "MirrorDescribe", 10003: "LogDigest"}
RECORDS, ONLY_THERE, LATER = 10, 3, 2
GROUP = "ahead"


def words(step, moment):
    cluster, key, number = step
    return f"{moment} {cluster}'s answer to {_WHAT.get(key, key)} {number}" if moment == AFTER else (
        f"{moment} {cluster} is asked {_WHAT.get(key, key)} {number}")


class Stranded(AssertionError):
    """A move did not come to its end though it was repeated."""


class Theatre:
    """Two regions, a mirror that works both ways, and a tool whose every step is seen."""

    def __init__(self, stage, size=3):
        self.steps = Steps()
        self.coordinators = {alias: stage.coordinator().start() for alias in (SOURCE, TARGET)}
        self.clusters = {alias: stage.cluster(one, size) for alias, one in self.coordinators.items()}
        self.gates = {alias: Gated(self.steps, alias, one) for alias, one in self.clusters.items()}
        for cluster in self.clusters.values():
            cluster.start()
        settings = {
            "mode": "exact", "eu-west->us-east.enabled": "true", "eu-west->us-east.topics": ".*",
            "sync.group.offsets.enabled": "false"}
        self.mirror = stage.mirror(*self.clusters.values(), **settings).start()
        # Never started: for its configuration.
        self.tool = Mirror(
            stage.directory / "tool", *self.gates.values(), **settings | {
                "request.timeout.ms": 3000, "default.api.timeout.ms": 10000,
                "socket.connection.setup.timeout.max.ms": 3000})

    def close(self):
        for gated in self.gates.values():
            gated.close()

    # What a move begins with

    def prepare(self, move, topics):
        """Topics that stand as they do before the move, all at once."""
        source, target = self.clusters[SOURCE], self.clusters[TARGET]
        admin = source.admin()
        for made in admin.create_topics([NewTopic(one, 1, len(source.brokers)) for one in topics]).values():
            made.result(DEADLINE)
        self._write(source, topics, range(RECORDS))
        if move != FAILBACK:
            self._leave_open(source, topics)
        for one in topics:
            end = self._end(source, one)
            assert end >= RECORDS
            eventually(lambda: self._end(target, one) == end, f"{one} is mirrored")
        if move != FAILBACK:
            # Somebody is ahead of the data; a promotion sets everybody back.
            commit(target, GROUP, topics, 1000)
            return
        self.mirror.kill()
        self._write(source, topics, range(RECORDS, RECORDS + ONLY_THERE))
        self.run(FAILOVER, topics)
        self._write(target, topics, range(100, 100 + LATER))
        self.mirror.start()

    def _write(self, cluster, topics, values):
        producer = Producer({"bootstrap.servers": cluster.address, "message.timeout.ms": 60000})
        outcomes = []
        for one in topics:
            for value in values:
                producer.produce(
                    one, b"%d" % value, partition=0, on_delivery=lambda fault, _: outcomes.append(fault))
        assert producer.flush(DEADLINE) == 0 and not any(outcomes), [fault for fault in outcomes if fault][:1]

    def _leave_open(self, cluster, topics):
        """A transaction that nobody ends, in each of them."""
        for number, one in enumerate(topics):
            with Wire(cluster.leader(one)) as wire:
                code, *_ = wire.produce(one, transactional(0, [b"never"], (5_000_000 + number, 0, 0)))
                assert code == 0, code

    def _end(self, cluster, topic):
        if topic not in cluster.metadata().topics:
            return None
        told = self._described(cluster, topic)
        return told.end if told.high_watermark == told.end else None

    def told(self, alias, topic):
        """How the leader of its partition sees it."""
        return self._described(self.clusters[alias], topic)

    def _described(self, cluster, topic):
        told = Link(LINK).describe(cluster.leader(topic).address, topic)
        assert told.error == 0, told
        return told

    # Moving

    def _command(self, move, topics, link):
        link = link or (BACK if move == FAILBACK else LINK)
        return list(map(str, command(self.tool, move, "--topics", "|".join(topics), link=link)))

    def run(self, move, topics, link=None):
        """Until it is done; returns the report, or what was said last."""
        done = subprocess.run(self._command(move, topics, link), capture_output=True, text=True, timeout=3 * DEADLINE)
        if done.returncode:
            raise Stranded(f"{move} of {topics[0]}: {done.stdout} {done.stderr}")
        return json.loads(done.stdout)

    def record(self, move, topic):
        """The steps of a move that nobody disturbs, in order: cluster, kind of request, and the how manyeth it is."""
        self.prepare(move, [topic])
        self.steps.clear()
        self.run(move, [topic])
        seen = list(self.steps.seen)
        self.check(move, topic)
        return [step for step in seen if step[1] in _CHANGES or step[2] == 1]

    def disturb(self, move, topic, step, moment, fault):
        """Moves, and lets a fault begin at a step; it ends after a while. Then the move is repeated until it is done, and
        what has to be so then is checked."""
        tool = []

        def happen():
            fault.begin(tool[0])
            threading.Timer(fault.seconds, fault.end).start()
            return fault.passes
        self.steps.at(*step, moment, happen)
        said = self._run_disturbed(move, topic, tool)
        assert self.steps.has_come.wait(DEADLINE), f"{move}: nothing happened {words(step, moment)}: {said}"
        eventually(fault.is_over, f"{fault} is over")
        self.steps.clear()
        for alias, cluster in self.clusters.items():
            self.coordinators[alias].wait_until_serving()
            eventually(lambda: len(cluster.metadata().brokers) == len(cluster.brokers), "all brokers are registered")
        # What stands in the way for a moment, as leaders that are being elected, does not do so for long.
        eventually(lambda: self.run(move, [topic]), f"{move} comes to its end")
        self.check(move, topic)

    def cut_short(self, move, topic, step, moment, link=None):
        """Moves, and kills the tool at a step."""
        tool = []

        def happen():
            tool[0].kill()
            # Else what it has sent already would still arrive.
            tool[0].wait()
        self.steps.at(*step, moment, happen)
        said = self._run_disturbed(move, topic, tool, link)
        assert self.steps.has_come.is_set(), f"{move}: nothing happened {words(step, moment)}: {said}"
        self.steps.clear()

    def _run_disturbed(self, move, topic, tool, link=None):
        """Returns what was said, report and faults."""
        process = subprocess.Popen(
            self._command(move, [topic], link), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        tool.append(process)
        try:
            return process.communicate(timeout=2 * DEADLINE)[0]
        finally:
            process.kill()
            process.wait()

    # What has to be so afterwards

    def check(self, move, topic):
        if move == FAILBACK:
            self._check_return(topic)
        else:
            self._check_promotion(topic, 1000 if move == FAILOVER else 1)

    def _check_promotion(self, topic, home_epoch):
        source, target = self.clusters[SOURCE], self.clusters[TARGET]
        told = self.told(TARGET, topic)
        assert (told.state, told.home_epoch, told.open) == (ORDINARY, home_epoch, []), told
        held = read_partition(target.address, topic, "read_committed", RECORDS)
        assert [value for _, value in held] == [b"%d" % one for one in range(RECORDS)], held
        # The transaction that was open is ended by its abort; the next record comes directly behind.
        position = committed(target, GROUP, topic)
        assert position == told.cut == RECORDS + 2, (position, told)
        offset = produce(target, topic, b"at home")
        assert offset == told.cut, (offset, told)
        fenced = eventually(
            lambda: (lambda one: one.state == FENCED and one)(self.told(SOURCE, topic)), "the old home is fenced")
        assert fenced.home_epoch == home_epoch, fenced

    def _check_return(self, topic):
        source, target = self.clusters[SOURCE], self.clusters[TARGET]
        kept = read_partition(source.address, f"mirror-quarantine.{topic}.1000.internal", "read_committed", ONLY_THERE)
        assert [value for _, value in kept] == [b"%d" % one for one in range(RECORDS, RECORDS + ONLY_THERE)], kept
        home = read_partition(target.address, topic, "read_committed", RECORDS + LATER)
        eventually(lambda: self._end(source, topic) == len(home), "the old home is in step")
        told = self.told(SOURCE, topic)
        assert (told.state, told.cut) == (MIRRORING, RECORDS), told
        old = read_partition(source.address, topic, "read_committed", len(home))
        assert old == home, (old, home)


class Fault:
    """Something that begins at a step and ends by itself."""

    # Whether the request or the answer at which it begins goes on.
    passes = True
    # How long it lasts.
    seconds = 1.0

    def __init__(self):
        self._is_over = threading.Event()

    def is_over(self):
        return self._is_over.is_set()

    def end(self):
        self._is_over.set()


class ToolKilled(Fault):
    passes = False
    seconds = 0

    def begin(self, tool):
        tool.kill()
        # Else what it has sent already would still arrive.
        tool.wait()

    def __str__(self):
        return "the tool is killed"


class ConnectionsLost(Fault):
    """Every connection breaks, and with it the request or the answer that is on its way; new ones can be made."""

    passes = False
    seconds = 0

    def __init__(self, theatre):
        super().__init__()
        self._theatre = theatre

    def begin(self, _):
        for gated in self._theatre.gates.values():
            gated.cut()

    def __str__(self):
        return "all connections break"


class ServerKilled(Fault):
    def __init__(self, kind, choose):
        super().__init__()
        self._kind = kind
        self._choose = choose

    def begin(self, _):
        self._killed = Killed(self._choose())
        self._killed.begin()

    def end(self):
        self._killed.end()
        self._killed = None
        super().end()

    def __str__(self):
        return f"{self._kind} is killed"


class Muted(Fault):
    """The way to a cluster, or back, is cut: who asked waits in vain, and ends for it."""

    def __init__(self, steps, cluster, moment):
        super().__init__()
        self._steps = steps
        self._cluster = cluster
        self._moment = moment

    def begin(self, tool):
        self._tool = tool
        self._steps.mute(self._cluster, self._moment)

    def end(self):
        self._steps.heal()
        self._tool.kill()
        super().end()

    def __str__(self):
        return f"nothing comes {'to' if self._moment == BEFORE else 'from'} {self._cluster}"


def faults(theatre, topic):
    """Everything that can happen at a step, each to be made anew for each."""
    def leader(alias):
        return lambda: theatre.clusters[alias].leader(topic)

    def controller(alias):
        return lambda: theatre.clusters[alias].controller()
    yield "tool", ToolKilled
    yield "connections", lambda: ConnectionsLost(theatre)
    yield "mirror", lambda: ServerKilled("the mirror", lambda: theatre.mirror)
    for alias in (SOURCE, TARGET):
        yield f"{alias} leader", lambda alias=alias: ServerKilled(f"{alias}'s leader", leader(alias))
        yield f"{alias} controller", lambda alias=alias: ServerKilled(f"{alias}'s controller", controller(alias))
        yield f"{alias} coordinator", lambda alias=alias: ServerKilled(
            f"{alias}'s coordinator", lambda: theatre.coordinators[alias])
        for moment, way in ((BEFORE, "to"), (AFTER, "from")):
            yield f"way {way} {alias}", lambda alias=alias, moment=moment: Muted(theatre.steps, alias, moment)
