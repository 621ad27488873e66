"""Apache ZooKeeper's own shell, and the four-letter words that operators ask."""

import uuid

import pytest

from servers import four_letter_word
from shells import Shell, run, tls_flags


@pytest.fixture
def path():
    return f"/shell-{uuid.uuid4().hex[:12]}"


def way_in(server, certificates, security):
    """Where the shell is to connect, and what it is told for it."""
    return [server.secure_address, *tls_flags(certificates)] if security == "SSL" else [server.address]


def test_a_scripted_session(server, certificates, security, path):
    address, *flags = way_in(server, certificates, security)
    said = run(address, [
        f"create {path} first", f"get {path}", f"set {path} second", f"get -s {path}", f"create -s {path}/n- x",
        f"create -e {path}/e y", f"ls {path}", f"stat {path}", f"getAcl {path}", f"delete {path}/nothing",
        f"deleteall {path}", f"ls {path}"], *flags)
    lines = said.splitlines()
    assert f"Created {path}" in lines
    assert "first" in lines and "second" in lines
    assert f"Created {path}/n-0000000000" in lines
    assert "[e, n-0000000000]" in lines
    assert "dataVersion = 1" in lines and "numChildren = 2" in lines
    assert "'world,'anyone" in lines and ": cdrwa" in lines
    assert f"Node does not exist: {path}/nothing" in said
    assert f"Node does not exist: {path}\n" in said


def test_quota_version_and_digest(server, path):
    said = run(server.address, [
        "addauth digest user:secret", f"create {path} hidden auth:user:secret:cdrwa", f"getAcl {path}", f"get {path}"])
    assert "'digest,'user:" in said and "hidden" in said.splitlines()
    said = run(server.address, [f"sync {path}", f"get {path}"])
    assert "Insufficient permission" in said or "Authentication is not valid" in said


def test_a_session_goes_on_at_another_member(stage, certificates, security, path):
    ensemble = stage.ensemble(tls=True).start()
    with Shell(*way_in(ensemble, certificates, security)) as shell:
        shell.ask(f"create -e {path} mine", f"Created {path}")
        for member in ensemble.members:
            member.kill()
            shell.ask(f"get {path}", "mine")
            member.launch()
            member.wait_until_serving()
        shell.ask(f"getEphemerals {path}", path)
        # The leader was killed, at which all clients of all members are disconnected.
        assert shell.connections > 1
        assert "Expired" not in shell.output


def test_four_letter_words(single):
    assert four_letter_word(single.port, "ruok") == "imok"
    server = four_letter_word(single.port, "srvr")
    assert "Mode: standalone" in server and "Zxid: 0x" in server
    figures = dict(line.split("\t", 1) for line in four_letter_word(single.port, "mntr").splitlines())
    assert figures["zk_server_state"] == "standalone"
    assert int(figures["zk_znode_count"]) > 0
    assert "clientPort=" in four_letter_word(single.port, "conf")
    for word in ("stat", "cons", "envi", "wchs", "dump"):
        assert four_letter_word(single.port, word), word


def test_words_off_the_list_are_refused(stage):
    coordinator = stage.coordinator(**{"4lw.commands.whitelist": "ruok, srvr"}).start()
    assert four_letter_word(coordinator.port, "mntr") == "mntr is not executed because it is not in the whitelist.\n"
