"""What a reconfiguration leaves behind: files for the next start, and ports that have moved."""

import re

from kazoo.client import KazooClient
from kazoo.retry import KazooRetry

from martlet import DEADLINE, eventually, free_port
from servers import four_letter_word


def dynamic_file(member):
    """The dynamic file that a member's zoo.cfg names, and the lines in it."""
    text = (member.directory / "zoo.cfg").read_text()
    names = re.findall("^dynamicConfigFile=(.*)$", text, re.MULTILINE)
    assert len(names) <= 1 and ("server." not in text or not names), text
    return (names[0], open(names[0]).read().splitlines()) if names else (None, [])


def client_of(member):
    client = KazooClient(hosts=member.address, timeout=20)
    client.start(timeout=DEADLINE)
    return client


def test_a_reconfiguration_is_written_down_and_read_at_the_next_start(stage):
    ensemble = stage.ensemble(reconfigEnabled="true", skipACL="yes").start()
    for member in ensemble.members:
        name, lines = eventually(lambda: dynamic_file(member) if dynamic_file(member)[0] else None, "it is written")
        assert name.startswith(str(member.directory / "zoo.cfg.dynamic.")) and len(lines) == 3
        assert "server.1" in (member.directory / "zoo.cfg.bak").read_text()
    client = client_of(ensemble.members[0])
    text, _ = KazooRetry(max_tries=20)(client.reconfig, joining=None, leaving="3", new_members=None)
    version = re.search("version=([0-9a-f]+)", text.decode()).group(1)
    client.stop()
    for member in ensemble.members[:2]:
        eventually(lambda: (dynamic_file(member)[0] or "").endswith(f".dynamic.{version}"), "the new one is named")
        assert len(dynamic_file(member)[1]) == 2
    for member in ensemble.members:
        member.kill()
    # Of three, one member would be no quorum of two: both are needed, and both are enough.
    for member in ensemble.members[:2]:
        member.launch()
    for member in ensemble.members[:2]:
        member.wait_until_serving()
    client = client_of(ensemble.members[0])
    assert f"version={version}" in client.get("/zookeeper/config")[0].decode()
    client.stop()


def test_a_member_moves_to_other_ports_and_starts_there(stage):
    ensemble = stage.ensemble(reconfigEnabled="true", skipACL="yes").start()
    moving = ensemble.members[1]
    client = client_of(moving)
    former, port = moving.port, free_port()
    line = f"server.2=127.0.0.1:{free_port()}:{free_port()}:participant;127.0.0.1:{port}"
    KazooRetry(max_tries=20, ignore_expire=False)(client.reconfig, joining=line, leaving=None, new_members=None)
    moving.port = port
    eventually(moving.mode, "it serves at the new port")
    # The old connection is served on.
    client.create("/moved", b"x")
    assert f"clientPort={port}" in four_letter_word(port, "conf")
    client.stop()
    eventually(lambda: "clientPort" not in (moving.directory / "zoo.cfg").read_text(), "the old port is forgotten")
    moving.kill()
    moving.launch()
    moving.wait_until_serving()
    # With it alone the others would not have a quorum: they find it.
    ensemble.members[0].kill()
    eventually(ensemble.leader, "a member leads")
    client = client_of(moving)
    assert client.get("/moved")[0] == b"x"
    client.create("/quorum", b"")
    client.stop()
    assert former != port


def test_a_configuration_that_cannot_be_written_is_a_warning(stage):
    ensemble = stage.ensemble(reconfigEnabled="true", skipACL="yes")
    for member in ensemble.members:
        # A directory in the place of the copy: nobody may replace it, not even root.
        (member.directory / "zoo.cfg.bak" / "full").mkdir(parents=True)
    ensemble.start()
    for member in ensemble.members:
        eventually(lambda: "is not written down" in member.tail(400), "it complains")
        assert "server.1=" in (member.directory / "zoo.cfg").read_text()
        assert member.mode()
