"""Clients that authenticate by DIGEST-MD5: kazoo, Apache ZooKeeper's shell, and one that sends nonsense."""

import os
import subprocess
import uuid

import pytest
from kazoo.exceptions import NoAuthError
from kazoo.protocol.states import KazooState
from kazoo.security import ACL, Id, Permissions

from jute import SASL, WHO_AM_I, Wire, buffer
from logins import USERS, jaas_flags, write_digest_jaas
from martlet import BINARIES, DEADLINE, eventually
from servers import four_letter_word
from shells import Shell, run, tls_flags


@pytest.fixture
def path():
    return f"/sasl-{uuid.uuid4().hex[:12]}"


def only(user):
    return [ACL(Permissions.ALL, Id("sasl", user))]


@pytest.mark.parametrize("tls", [False, True], ids=["PLAINTEXT", "TLS"])
def test_kazoo_is_who_it_proves_to_be(users_server, connect, path, tls):
    bob = connect(users_server, "bob", USERS["bob"], tls)
    bob.create(path, b"mine", acl=only("bob"))
    assert bob.get(path)[0] == b"mine"
    nobody = connect(users_server)
    nobody.sync(path)
    with pytest.raises(NoAuthError):
        nobody.get(path)
    admin = connect(users_server, "admin", USERS["admin"])
    admin.sync(path)
    assert admin.get(path)[0] == b"mine"


@pytest.mark.parametrize("user, password", [("bob", "wrong"), ("eve", "secret")])
def test_kazoo_with_a_wrong_password_or_name(users_server, connect, user, password):
    # It gives up for good, rather than to try again and again.
    client = connect(users_server, user, password, started=False)
    states = []
    client.add_listener(states.append)
    client.start_async()
    eventually(lambda: states == [KazooState.CONNECTED, KazooState.LOST], "the client has given up")


@pytest.mark.parametrize("tls", [False, True], ids=["PLAINTEXT", "TLS"])
def test_the_java_client(users_server, connect, certificates, tmp_path, path, tls):
    flags = tls_flags(certificates) if tls else []
    address = users_server.secure_address if tls else users_server.address
    bob = write_digest_jaas(tmp_path / "bob.jaas", "bob", USERS["bob"])
    said = run(
        address, [f"create {path} mine sasl:bob:cdrwa", f"get {path}", "whoami"], *jaas_flags(bob), *flags)
    assert f"Created {path}" in said and "mine" in said.splitlines()
    assert "sasl: bob" in said
    nobody = connect(users_server)
    nobody.sync(path)
    with pytest.raises(NoAuthError):
        nobody.get(path)
    wrong = write_digest_jaas(tmp_path / "wrong.jaas", "bob", "wrong")
    assert "AuthFailed" in run(address, [f"get {path}"], *jaas_flags(wrong), *flags)


def test_our_shell(users_server, connect, tmp_path, path):
    def zk(password, *command):
        jaas = write_digest_jaas(tmp_path / "client.jaas", "bob", password)
        return subprocess.run(
            [BINARIES / "martlet", "zk", "--server", users_server.address, *command], text=True, capture_output=True,
            timeout=DEADLINE, env=os.environ | {"CLIENT_JVMFLAGS": " ".join(jaas_flags(jaas))})
    assert zk(USERS["bob"], "create", path, "mine", "sasl:bob:cdrwa").returncode == 0
    assert "mine" in zk(USERS["bob"], "get", path).stdout
    nobody = connect(users_server)
    nobody.sync(path)
    with pytest.raises(NoAuthError):
        nobody.get(path)
    refused = zk("wrong", "get", path)
    assert refused.returncode == 1 and "does not accept user bob of DIGEST-MD5" in refused.stderr


def test_a_session_of_kazoo_proves_itself_at_each_member(stage, users, connect, path):
    ensemble = stage.ensemble(**users).start()
    bob = connect(ensemble, "bob", USERS["bob"])
    session = bob.client_id
    bob.create(path, b"mine", ephemeral=True, acl=only("bob"))
    for member in ensemble.members:
        member.kill()
        assert bob.retry(bob.get, path)[0] == b"mine"
        member.launch()
        member.wait_until_serving()
    # None while it connects: members may have looked for another leader once more.
    assert eventually(lambda: bob.client_id, "bob is connected") == session


def test_a_session_of_the_java_client_proves_itself_at_each_member(stage, users, tmp_path, path):
    ensemble = stage.ensemble(**users).start()
    bob = write_digest_jaas(tmp_path / "bob.jaas", "bob", USERS["bob"])
    with Shell(ensemble.address, *jaas_flags(bob)) as shell:
        shell.ask(f"create -e {path} mine sasl:bob:cdrwa", f"Created {path}")
        for member in ensemble.members:
            member.kill()
            shell.ask(f"get {path}", "mine")
            member.launch()
            member.wait_until_serving()
        shell.ask("whoami", "sasl: bob")
        # The leader was killed, at which all clients of all members are disconnected.
        assert shell.connections > 1
        assert "Expired" not in shell.output


def test_clients_may_be_made_to_authenticate(stage, users, connect, path):
    coordinator = stage.coordinator(**users, sessionRequireClientSASLAuth="true").start()
    connect(coordinator, "bob", USERS["bob"]).create(path)
    with Wire(coordinator.port) as nobody:
        assert nobody.connect()
        assert nobody.ask(WHO_AM_I)[1][2] == -124
        assert nobody.answer(WHO_AM_I) is None


@pytest.mark.parametrize("token", [b"\0", b"nonsense", b"username=", os.urandom(100), bytes(65536), os.urandom(500_000)])
def test_tokens_of_nonsense(users_coordinator, token):
    with Wire(users_coordinator.port) as wire:
        assert wire.connect()
        assert b"realm=\"zk-sasl-md5\"" in wire.ask(SASL, buffer(b""))[1][3]
        xid = wire.request(SASL, buffer(token))
        wire.request(WHO_AM_I)
        assert wire.answer(SASL) == (xid, 0, -115, None)
        assert wire.answer(WHO_AM_I) is None


def test_a_token_instead_of_a_handshake(users_coordinator):
    with Wire(users_coordinator.port) as wire:
        wire.request(SASL, buffer(b"username="))
        assert wire.receive() is None


def resident_memory(coordinator):
    """In KiB."""
    status = open(f"/proc/{coordinator.process.pid}/status").read()
    return int(status.split("VmRSS:")[1].split()[0])


def test_exchanges_that_are_broken_off_leave_no_memory_behind(users_coordinator):
    def break_off(count):
        for _ in range(count):
            with Wire(users_coordinator.port) as wire:
                assert wire.connect(timeout=1000)
                wire.ask(SASL, buffer(b""))
                wire.request(SASL, buffer(b'username="bob",realm="zk-sasl-md5",nonce="x"'))

    break_off(1000)
    before = resident_memory(users_coordinator)
    break_off(1000)
    assert resident_memory(users_coordinator) - before < 4096
    assert four_letter_word(users_coordinator.port, "ruok") == "imok"


def test_a_server_that_dies_in_the_middle(stage, users):
    coordinator = stage.coordinator(**users).start()
    with Wire(coordinator.port) as wire:
        assert wire.connect()
        wire.ask(SASL, buffer(b""))
        coordinator.kill()
        assert wire.receive() is None
    coordinator.start()
    with Wire(coordinator.port) as wire:
        assert wire.connect()
        assert wire.ask(SASL, buffer(b""))[1][2] == 0
