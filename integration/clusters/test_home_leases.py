"""Links whose source is written only while it hears that the home has not moved: there are never two homes."""

import subprocess
import threading
import time

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from links import LINK, assert_proven, command, exactly, martlet, produce, refuses, regions
from load import PARTITIONS, Load, read_all
from martlet import DEADLINE, eventually, free_port


def leased(stage, milliseconds, topic, size=1):
    """Two regions, and a mirror whose link keeps a lease of the topic."""
    source, target = regions(stage, size)
    source.create(topic, PARTITIONS, replicas=size)
    mirror = exactly(stage, source, target, mirror_home_lease_ms=milliseconds).start()
    eventually(lambda: setting(source, topic, "mirror.lease.link") == LINK, "the source needs a lease")
    return source, target, mirror


def setting(cluster, topic, key):
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    admin = AdminClient({"bootstrap.servers": cluster.address})
    return admin.describe_configs([resource])[resource].result(DEADLINE)[key].value


class Writer:
    """Writes one record after the other, and notes of those that were acknowledged when they were sent and when the
    answer came."""

    def __init__(self, cluster, topic):
        self.sent, self.answered = [], []
        self._producer = Producer({
            "bootstrap.servers": cluster.address, "acks": "all", "message.timeout.ms": 300, "retry.backoff.ms": 20,
            "linger.ms": 0})
        self._topic = topic
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._ending.is_set():
            began, errors = time.monotonic(), []
            self._producer.produce(self._topic, b"x", partition=0, on_delivery=lambda error, _: errors.append(error))
            while not errors:
                self._producer.poll(0.1)
            if errors[0] is None:
                self.sent.append(began)
                self.answered.append(time.monotonic())

    def end(self):
        self._ending.set()
        self._thread.join(DEADLINE)


def blind(mirror):
    """The mirror's configuration, for a tool that does not reach the source."""
    path = mirror.directory / "blind.properties"
    lines = (mirror.directory / "mm2.properties").read_text().splitlines()
    path.write_text("\n".join(
        f"us-east.bootstrap.servers=127.0.0.1:{free_port()}" if line.startswith("us-east.bootstrap.servers") else line
        for line in lines))
    return path


def test_writing_rests_while_nobody_vouches_for_the_home(stage, topic):
    source, target, mirror = leased(stage, 2000, topic, size=3)
    load = Load(source.address, topic, per_second=500)
    try:
        load.wait_for(1000)
        # Another leader needs the link's word, too, and gets it.
        source.leader(topic).kill()
        load.wait_for(1000)
        mirror.freeze()
        def rests():
            count = load.count
            time.sleep(1.5)
            return load.count == count
        eventually(rests, "nothing is written any more")
        mirror.thaw()
        load.wait_for(1000)
        mirror.kill()
        time.sleep(3)
        mirror.start()
        load.wait_for(1000)
        load.end()
    finally:
        load.abandon()
    assert_proven(mirror, topic, PARTITIONS)
    load.assert_agrees(read_all(target.address, topic))


@pytest.mark.parametrize("frozen", [True, False], ids=["mirror-frozen", "mirror-at-work"])
def test_a_failover_that_cannot_tell_the_old_home_waits_for_its_lease(stage, topic, frozen):
    source, target, mirror = leased(stage, 4000, topic)
    old, new = Writer(source, topic), Writer(target, topic)
    try:
        eventually(lambda: old.sent, "the source is written")
        if frozen:
            mirror.freeze()
        began = time.monotonic()
        failover = command(mirror, "failover", "--source-timeout", "0.5")
        failover[failover.index(mirror.directory / "mm2.properties")] = blind(mirror)
        result = subprocess.run(failover, capture_output=True, text=True, timeout=DEADLINE)
        assert result.returncode == 0, (result.stdout, result.stderr)
        took = time.monotonic() - began
        eventually(lambda: new.answered, "the target is written")
    finally:
        old.end()
        new.end()
    assert took > 4
    # Each was written, and never both.
    assert old.sent[-1] < new.answered[0]
    # The mirror tells the old home, perhaps once it is back; the new one has no lease of anybody's.
    mirror.thaw()
    eventually(lambda: setting(source, topic, "mirror.state") == "fenced", "the old home is fenced")
    assert refuses(source, topic)
    assert setting(target, topic, "mirror.lease.ms") == "0"
    produce(target, topic, b"and goes on")


def test_a_failover_that_reaches_the_old_home_waits_for_nothing(stage, topic):
    source, target, mirror = leased(stage, 600_000, topic, size=3)
    produce(source, topic, b"one")
    assert_proven(mirror, topic, PARTITIONS)
    mirror.kill()
    report = martlet(mirror, "failover")
    assert report["isSourceFenced"] and report["topics"][topic]["isDone"] and report["seconds"] < 30
    assert refuses(source, topic)
    produce(target, topic, b"two")


def test_reports_tell_of_leases(stage, topic):
    source, target, mirror = leased(stage, 2000, topic)
    produce(source, topic, b"one")
    assert_proven(mirror, topic, PARTITIONS)

    def leases():
        [told] = martlet(mirror, "describe", "--topics", topic)["topics"]
        return [one["leaseInMilliseconds"] for one in told["partitions"]]

    assert all(0 < left <= 2000 for left in leases())
    [planned] = martlet(mirror, "plan", "--topics", topic)["topics"]
    assert planned["action"] == "follow" and not planned["settings"] and not planned["settingsAtSource"]
    mirror.freeze()
    eventually(lambda: set(leases()) == {0}, "the leases have run out")
    mirror.thaw()
    martlet(mirror, "set", "mirror.home.lease.ms=3000")
    eventually(lambda: setting(target, topic, "mirror.lease.ms") == "3000", "the target knows the longer lease")
    mirror.kill()
    taken_back = ConfigResource(
        ConfigResource.Type.TOPIC, topic,
        incremental_configs=[ConfigEntry("mirror.lease.link", None, incremental_operation=AlterConfigOpType.DELETE)])
    admin = source.admin()
    admin.incremental_alter_configs([taken_back])[taken_back].result(DEADLINE)
    [planned] = martlet(mirror, "plan", "--topics", topic)["topics"]
    assert planned["action"] == "change" and planned["settingsAtSource"] == {"mirror.lease.link": LINK}
    proof = martlet(mirror, "verify", "--topics", topic)
    assert proof["topicsWithoutLease"] == [topic]
    assert proof["obstacles"] == ["1 topics can be written at the source without the link's lease"]


def test_a_lease_is_given_up_with_the_setting(stage, topic):
    source, target, mirror = leased(stage, 2000, topic)
    produce(source, topic, b"one")
    for order in ("pause", "delete"):
        assert "keeps leases" in martlet(mirror, order, code=1)
    martlet(mirror, "set", "mirror.home.lease.ms=0")
    eventually(lambda: setting(source, topic, "mirror.lease.link") == "", "no lease is needed")
    mirror.kill()
    time.sleep(2.5)
    produce(source, topic, b"two")
