"""Configurations that cannot work: one sentence that names the cause, exit code 1, and nothing changed on disk."""

import os
import shutil
import socket
import subprocess

import pytest

from martlet import BINARIES, DEADLINE, free_port
from servers import write_properties


def snapshot(directory):
    """Everything below a directory with its content, to compare with later."""
    found = {}
    for folder, _, files in os.walk(directory):
        found[folder] = None
        for name in files:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[path] = file.read()
    return found


def run_to_the_end(program, config, prefix=()):
    """Runs a server that should refuse to start; returns what it said."""
    done = subprocess.run(
        [*prefix, BINARIES / program, config], capture_output=True, text=True, timeout=DEADLINE, cwd=config.parent)
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def assert_refused(program, config, *expected, prefix=()):
    before = snapshot(config.parent)
    said = run_to_the_end(program, config, prefix)
    lines = [line for line in said.splitlines() if " INFO " not in line]
    assert len(lines) == 1, said
    for part in expected:
        assert str(part) in lines[0], said
    assert snapshot(config.parent) == before


@pytest.fixture
def broker_config(stage, coordinator):
    """Writes a configuration of a broker, with changes."""
    def write(**changes):
        directory = stage.directory / "configured"
        values = {
            "broker.id": 5, "log.dirs": directory / "data", "zookeeper.connect": coordinator.address,
            "listeners": f"PLAINTEXT://127.0.0.1:{free_port()}"}
        return write_properties(directory / "server.properties", values | changes)
    return write


@pytest.fixture
def coordinator_config(stage):
    """Writes a configuration of a coordinator, with changes."""
    def write(**changes):
        directory = stage.directory / "configured"
        values = {"dataDir": directory / "data", "clientPort": free_port(), "clientPortAddress": "127.0.0.1"}
        return write_properties(directory / "zoo.cfg", values | changes)
    return write


@pytest.fixture
def mirror_config(stage):
    """Writes a configuration of a mirror, with changes."""
    def write(**changes):
        values = {
            "clusters": "us-east, eu-west", "us-east.bootstrap.servers": f"127.0.0.1:{free_port()}",
            "eu-west.bootstrap.servers": f"127.0.0.1:{free_port()}", "us-east->eu-west.enabled": "true"}
        return write_properties(stage.directory / "configured" / "mm2.properties", values | changes)
    return write


@pytest.fixture
def taken_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", free_port()))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.mark.parametrize(("key", "nearest"), [("log.retention.hour", "log.retention.hours"), ("brokerid", "broker.id")])
def test_broker_names_the_nearest_of_an_unknown_key(broker_config, key, nearest):
    assert_refused("martlet-broker", broker_config(**{key: 1}), "server.properties:5", key, nearest)


def test_coordinator_names_the_nearest_of_an_unknown_key(coordinator_config):
    assert_refused("martlet-coordinator", coordinator_config(tickTim=1), "zoo.cfg:4", "tickTim", "tickTime")


@pytest.mark.parametrize(("key", "nearest"), [
    ("replication.facto", "replication.factor"), ("us-east->eu-west.topic", "us-east->eu-west.topics")])
def test_mirror_names_the_nearest_of_an_unknown_key(mirror_config, key, nearest):
    assert_refused("martlet-mirror", mirror_config(**{key: 1}), "mm2.properties:5", key, nearest)


@pytest.mark.parametrize(("key", "value", "line"), [
    ("clusters", "us-east", 1), ("us-east.bootstrap.servers", "nonsense", 2), ("replication.factor", "many", 5)])
def test_mirror_names_a_bad_value(mirror_config, key, value, line):
    assert_refused("martlet-mirror", mirror_config(**{key: value}), f"mm2.properties:{line}", key, value)


def test_mirror_with_an_unreadable_certificate(mirror_config, stage):
    config = mirror_config(**{
        "us-east.security.protocol": "SSL", "us-east.ssl.truststore.location": stage.directory / "nothing.crt"})
    assert_refused("martlet-mirror", config, "us-east", "nothing.crt", "No such file")


@pytest.mark.parametrize(("key", "value", "range_"), [
    ("num.partitions", "many", "1"), ("num.partitions", "0", "1"), ("log.segment.bytes", "3", "14"),
    ("log.cleanup.policy", "shred", "compact"), ("auto.create.topics.enable", "yes", "true")])
def test_broker_names_a_bad_value_and_what_is_allowed(broker_config, key, value, range_):
    assert_refused("martlet-broker", broker_config(**{key: value}), "server.properties:5", key, value, range_)


def test_coordinator_names_a_bad_value_and_what_is_allowed(coordinator_config):
    assert_refused("martlet-coordinator", coordinator_config(tickTime="soon"), "zoo.cfg:4", "tickTime", "soon", "1")


def test_a_file_that_is_not_there(stage):
    for program in ("martlet-broker", "martlet-coordinator", "martlet-mirror"):
        assert_refused(program, stage.directory / "nothing.properties", "nothing.properties", "No such file")


def test_broker_on_a_port_in_use(broker_config, taken_port):
    config = broker_config(listeners=f"PLAINTEXT://127.0.0.1:{taken_port}")
    assert_refused("martlet-broker", config, taken_port, "in use")


def test_coordinator_on_a_port_in_use(coordinator_config, taken_port):
    assert_refused("martlet-coordinator", coordinator_config(clientPort=taken_port), taken_port, "in use")


def test_broker_with_an_unreadable_certificate(broker_config, stage):
    config = broker_config(
        listeners=f"SSL://127.0.0.1:{free_port()}", **{
            "ssl.keystore.type": "PEM", "ssl.keystore.location": stage.directory / "nothing.pem"})
    assert_refused("martlet-broker", config, "nothing.pem", "No such file")


def test_broker_with_a_certificate_that_is_none(broker_config, stage):
    (stage.directory / "noise.pem").write_bytes(bytes(range(256)))
    config = broker_config(
        listeners=f"SSL://127.0.0.1:{free_port()}", **{
            "ssl.keystore.type": "PEM", "ssl.keystore.location": stage.directory / "noise.pem"})
    assert_refused("martlet-broker", config, "noise.pem")


def test_coordinator_with_an_unreadable_certificate(coordinator_config, stage):
    config = coordinator_config(
        secureClientPort=free_port(), **{"ssl.keyStore.location": stage.directory / "nothing.pem"})
    assert_refused("martlet-coordinator", config, "nothing.pem", "No such file")


def test_a_data_directory_of_another_broker(stage, coordinator, broker_config):
    first = stage.broker(coordinator, broker_id=5).start()
    assert first.stop() == 0
    assert_refused(
        "martlet-broker", broker_config(**{"log.dirs": first.data, "broker.id": 6}), first.data, "5", "6",
        "InconsistentBrokerId")


def test_a_data_directory_of_another_cluster(stage, coordinator, broker_config):
    other = stage.coordinator().start()
    first = stage.broker(other, broker_id=5).start()
    assert first.stop() == 0
    before = snapshot(first.data)
    assert_refused("martlet-broker", broker_config(**{"log.dirs": first.data}), first.data, "InconsistentClusterId")
    assert snapshot(first.data) == before


def test_a_data_directory_in_use(stage, coordinator, broker_config):
    stage.broker(coordinator, broker_id=5).start()
    [first] = stage.servers[-1:]
    assert_refused("martlet-broker", broker_config(**{"log.dirs": first.data}), first.data)
    assert first.is_running


def test_an_identity_in_use(stage, coordinator, broker_config):
    # Of none that the tests before have left behind: it would wait for the end of that one's session.
    first = stage.broker(coordinator, broker_id=7).start()
    said = run_to_the_end("martlet-broker", broker_config(**{"broker.id": 7, "zookeeper.session.timeout.ms": 1000}))
    lines = [line for line in said.splitlines() if " INFO " not in line]
    assert any("7" in line and "regist" in line for line in lines), said
    assert first.is_running


def on_tmpfs(directory, options, after="true"):
    """A prefix that mounts a file system of its own for a server: it ends with the server."""
    # Who is not root may mount as the root of a user namespace.
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    return [*unshare, "sh", "-c", f'mount -t tmpfs -o {options} none "{directory}" && {after} && exec "$@"', "sh"]


@pytest.mark.parametrize("server", ["broker", "coordinator"])
def test_a_read_only_data_directory(request, server):
    config = request.getfixturevalue(f"{server}_config")()
    data = config.parent / "data"
    data.mkdir()
    assert_refused(f"martlet-{server}", config, data, prefix=on_tmpfs(data, "ro,size=1m"))
    shutil.rmtree(data)


@pytest.mark.parametrize("server", ["broker", "coordinator"])
def test_a_full_data_directory(request, server):
    config = request.getfixturevalue(f"{server}_config")()
    data = config.parent / "data"
    data.mkdir()
    fill = f'{{ cat /dev/zero > "{data}/filler" 2>/dev/null || true; }}'
    assert_refused(f"martlet-{server}", config, data, "space", prefix=on_tmpfs(data, "size=64k", fill))
