"""Apache ZooKeeper's own shell, and the four-letter words that operators ask."""

import os
import subprocess
import uuid

import pytest

from servers import APACHE, four_letter_word

JARS = ("zookeeper", "netty-resolver", "netty-codec")


@pytest.fixture
def path():
    return f"/shell-{uuid.uuid4().hex[:12]}"


def zkcli(coordinator, certificates, security, *lines):
    """Runs lines in one session of the shell and returns all that it printed."""
    environment = dict(os.environ)
    address = coordinator.address
    if security == "SSL":
        address = coordinator.secure_address
        environment["CLIENT_JVMFLAGS"] = (
            # Debian's classpath lacks what TLS needs of netty.
            f"-cp {':'.join(f'/usr/share/java/{jar}.jar' for jar in JARS)} "
            "-Dzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty -Dzookeeper.client.secure=true "
            f"-Dzookeeper.ssl.keyStore.location={certificates.bundle('alice')} "
            f"-Dzookeeper.ssl.trustStore.location={certificates.authority} "
            "-Dzookeeper.ssl.keyStore.type=PEM -Dzookeeper.ssl.trustStore.type=PEM")
    done = subprocess.run(
        [APACHE / "zkCli.sh", "-timeout", "30000", "-server", address], input="\n".join([*lines, "quit", ""]), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, timeout=120)
    return done.stdout


def test_a_scripted_session(coordinator, certificates, security, path):
    said = zkcli(
        coordinator, certificates, security, f"create {path} first", f"get {path}", f"set {path} second",
        f"get -s {path}", f"create -s {path}/n- x", f"create -e {path}/e y", f"ls {path}", f"stat {path}", f"getAcl {path}",
        f"delete {path}/nothing", f"deleteall {path}", f"ls {path}")
    lines = said.splitlines()
    assert f"Created {path}" in lines
    assert "first" in lines and "second" in lines
    assert f"Created {path}/n-0000000000" in lines
    assert "[e, n-0000000000]" in lines
    assert "dataVersion = 1" in lines and "numChildren = 2" in lines
    assert "'world,'anyone" in lines and ": cdrwa" in lines
    assert f"Node does not exist: {path}/nothing" in said
    assert f"Node does not exist: {path}\n" in said


def test_quota_version_and_digest(coordinator, certificates, path):
    said = zkcli(
        coordinator, certificates, "PLAINTEXT", "addauth digest user:secret",
        f"create {path} hidden auth:user:secret:cdrwa", f"getAcl {path}", f"get {path}")
    assert "'digest,'user:" in said and "hidden" in said.splitlines()
    said = zkcli(coordinator, certificates, "PLAINTEXT", f"get {path}")
    assert "Insufficient permission" in said or "Authentication is not valid" in said


def test_four_letter_words(coordinator):
    assert four_letter_word(coordinator.port, "ruok") == "imok"
    server = four_letter_word(coordinator.port, "srvr")
    assert "Mode: standalone" in server and "Zxid: 0x" in server
    figures = dict(line.split("\t", 1) for line in four_letter_word(coordinator.port, "mntr").splitlines())
    assert figures["zk_server_state"] == "standalone"
    assert int(figures["zk_znode_count"]) > 0
    assert "clientPort=" in four_letter_word(coordinator.port, "conf")
    for word in ("stat", "cons", "envi", "wchs", "dump"):
        assert four_letter_word(coordinator.port, word), word


def test_words_off_the_list_are_refused(stage):
    coordinator = stage.coordinator(**{"4lw.commands.whitelist": "ruok, srvr"}).start()
    assert four_letter_word(coordinator.port, "mntr") == "mntr is not executed because it is not in the whitelist.\n"
