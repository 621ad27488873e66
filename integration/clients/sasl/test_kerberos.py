"""The Java client and a coordinator that know each other by Kerberos, in a realm that lives as long as the test."""

import os
import uuid

import pytest

from jute import SASL, WHO_AM_I, Wire, buffer
from kerberos import REALM, SERVER
from logins import PROVIDER, jaas_flags, write_digest_jaas
from shells import Shell, run


@pytest.fixture(scope="module")
def server_jaas(realm):
    return realm.jaas("Server", SERVER)


def start(stage, realm, jaas, **settings):
    coordinator = stage.coordinator(
        **{"java.security.auth.login.config": jaas, "authProvider.1": PROVIDER}, **settings)
    coordinator.environment = realm.environment
    return coordinator.start()


def start_ensemble(stage, realm, jaas):
    ensemble = stage.ensemble(**{"java.security.auth.login.config": jaas, "authProvider.1": PROVIDER})
    for member in ensemble.members:
        member.environment = realm.environment
    return ensemble.start()


@pytest.fixture
def path():
    return f"/kerberos-{uuid.uuid4().hex[:12]}"


@pytest.mark.parametrize("start", [start, start_ensemble], ids=["single", "ensemble"])
def test_the_java_client_is_its_principal(start, stage, realm, server_jaas, path):
    coordinator = start(stage, realm, server_jaas)
    said = realm.shell(
        coordinator, realm.jaas("Client", f"bob@{REALM}"), f"create {path} mine sasl:bob@{REALM}:cdrwa", f"get {path}",
        "whoami")
    assert f"Created {path}" in said and "mine" in said.splitlines()
    assert f"sasl: bob@{REALM}" in said
    said = realm.shell(coordinator, realm.jaas("Client", f"eve/localhost@{REALM}"), f"get {path}", "whoami")
    assert f"sasl: eve/localhost@{REALM}" in said and "mine" not in said.splitlines()


def test_a_session_proves_itself_at_each_member(stage, realm, server_jaas, path):
    ensemble = start_ensemble(stage, realm, server_jaas)
    with Shell(ensemble.address, *realm.flags(realm.jaas("Client", f"carol@{REALM}"))) as shell:
        shell.ask(f"create -e {path} mine sasl:carol@{REALM}:cdrwa", f"Created {path}")
        for member in ensemble.members:
            member.kill()
            shell.ask(f"get {path}", "mine")
            member.launch()
            member.wait_until_serving()
        shell.ask("whoami", f"sasl: carol@{REALM}")
        assert shell.connections > 1
        assert "Expired" not in shell.output


def test_host_and_realm_may_be_removed(stage, realm, server_jaas):
    coordinator = start(
        stage, realm, server_jaas,
        **{"kerberos.removeHostFromPrincipal": "true", "kerberos.removeRealmFromPrincipal": "true"})
    said = realm.shell(coordinator, realm.jaas("Client", f"kafka/localhost@{REALM}"), "whoami")
    assert "sasl: kafka\n" in said


def test_who_has_no_ticket_is_sent_away(stage, realm, server_jaas, tmp_path):
    coordinator = start(stage, realm, server_jaas)
    for token in (os.urandom(300), b"\x60\x82\x02\x00" + os.urandom(512)):
        with Wire(coordinator.port) as wire:
            assert wire.connect()
            assert wire.ask(SASL, buffer(token))[1][1:] == (0, -115, None)
            assert wire.answer(WHO_AM_I) is None
    bob = write_digest_jaas(tmp_path / "bob.jaas", "bob", "secret")
    assert "AuthFailed" in run(coordinator.address, ["ls /"], *jaas_flags(bob))
