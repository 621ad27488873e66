"""The audit log, by its lines."""

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, NoNodeError
from kazoo.security import make_digest_acl

from martlet import eventually


def fields(line):
    """The fields of an audit line, which follow the time, the level and the logger."""
    return dict(field.split("=", 1) for field in line.split(" audit: ", 1)[1].split("\t"))


def audit(coordinator, file=None):
    text = file.read_text() if file else coordinator.log()
    return [fields(line) for line in text.splitlines() if " audit: " in line]


@pytest.mark.parametrize("own_file", [False, True])
def test_changes_and_ends_of_sessions(stage, own_file):
    file = stage.directory / "audit.log" if own_file else None
    settings = {"audit.enable": "true"} | ({"audit.logFile": file} if file else {})
    coordinator = stage.coordinator(**settings).start()
    client = KazooClient(coordinator.address, auth_data=[("digest", "user:secret")])
    client.start()
    session = f"0x{client.client_id[0]:x}"
    client.create("/a", b"one")
    client.create("/a/e-", b"", ephemeral=True, sequence=True)
    client.set_acls("/a", [make_digest_acl("user", "secret", all=True)])
    with pytest.raises(BadVersionError):
        client.set("/a", b"two", version=7)
    with pytest.raises(NoNodeError):
        client.delete("/nothing")
    transaction = client.transaction()
    transaction.create("/t", b"")
    transaction.delete("/nothing")
    transaction.commit()
    client.get("/a")
    client.stop()
    client.close()
    eventually(lambda: audit(coordinator, file)[-1]["operation"].startswith("ephemeral"), "the end of the session")
    coordinator.stop()
    told = audit(coordinator, file)
    by_client = [line for line in told if line.get("ip")]
    assert all(line["session"] == session and line["ip"] == "127.0.0.1" for line in by_client)
    assert all(set(line["user"].split(",")) == {"127.0.0.1", "user"} for line in by_client)
    assert [(line["operation"], line.get("znode"), line.get("znode_type"), line["result"]) for line in told] == [
        ("serverStart", None, None, "success"),
        ("create", "/a", "persistent", "success"),
        ("create", "/a/e-0000000000", "ephemeral_sequential", "success"),
        ("setAcl", "/a", None, "success"),
        ("setData", "/a", None, "failure"),
        ("delete", "/nothing", None, "failure"),
        ("multiOperation", None, None, "failure"),
        ("ephemeralZNodeDeletionOnSessionCloseOrExpire", "/a/e-0000000000", None, "success"),
        ("serverStop", None, None, "invoked")]
    assert told[3]["acl"].startswith("digest:user:") and told[3]["acl"].endswith(":cdrwa")
    assert "secret" not in str(told)


def test_nothing_is_said_when_it_is_off(stage):
    coordinator = stage.coordinator().start()
    client = KazooClient(coordinator.address)
    client.start()
    client.create("/a", b"", ephemeral=True)
    client.stop()
    coordinator.stop()
    assert audit(coordinator) == []


def test_a_file_that_cannot_be_opened(stage):
    coordinator = stage.coordinator(**{"audit.enable": "true", "audit.logFile": stage.directory}).launch()
    assert coordinator.process.wait(30) != 0
    assert "cannot open the audit log" in coordinator.log()
