"""Members of an ensemble that prove to each other who they are: by SASL, and by certificates that are changed."""

import contextlib
import os
import shutil

import pytest

from kerberos import REALM
from logins import write_jaas
from martlet import eventually
from registers import History
from servers import Certificates

JAAS = "java.security.auth.login.config"
STEPS = ("quorum.auth.enableSasl", "quorum.auth.learnerRequireSasl", "quorum.auth.serverRequireSasl")
DIGEST = "org.apache.zookeeper.server.auth.DigestLoginModule"
KERBEROS = "com.sun.security.auth.module.Krb5LoginModule"


def members_jaas(path, password="secret"):
    """A JAAS file of a member that knows `member` by the password secret, and says that it is that."""
    write_jaas(path, "QuorumServer", DIGEST, user_member="secret")
    server = path.read_text()
    write_jaas(path, "QuorumLearner", DIGEST, username="member", password=password)
    path.write_text(server + path.read_text())
    return path


def tell(member, **settings):
    """Changes settings of a member, for its next start."""
    config = member.directory / "zoo.cfg"
    lines = [line for line in config.read_text().splitlines() if line.split("=")[0] not in settings]
    config.write_text("\n".join(lines + [f"{key}={value}" for key, value in settings.items()]) + "\n")


@contextlib.contextmanager
def history(ensemble):
    running = History([member.address for member in ensemble.members])
    try:
        yield running
    finally:
        running.close()


def test_by_a_password(stage, tmp_path):
    settings = {JAAS: members_jaas(tmp_path / "jaas")} | dict.fromkeys(STEPS, "true")
    ensemble = stage.ensemble(**settings).start()
    with history(ensemble) as clients:
        for _ in range(2):
            clients.wait_for(50)
            leader = eventually(ensemble.leader, "a member leads")
            leader.kill()
            clients.wait_for(50)
            leader.launch()
            leader.wait_until_serving()
        clients.assert_consistent()


def test_who_has_a_wrong_password_does_not_come_in(stage, tmp_path):
    settings = {JAAS: members_jaas(tmp_path / "jaas")} | dict.fromkeys(STEPS, "true")
    ensemble = stage.ensemble(**settings)
    stranger, *others = ensemble.members
    tell(stranger, **{JAAS: members_jaas(tmp_path / "wrong", "wrong")})
    for member in ensemble.members:
        member.launch()
    for member in others:
        member.wait_until_serving()
        member.wait_for_log("refused who has dialled from 127.0.0.1: DIGEST-MD5: ")
        stranger.wait_for_log("port of member 2: member 2 does not accept this member's proof")
    assert stranger.mode() is None
    stranger.kill()
    tell(stranger, **{JAAS: settings[JAAS]})
    stranger.launch()
    stranger.wait_until_serving()


def test_an_ensemble_begins_to_prove_itself_while_clients_write(stage, tmp_path):
    jaas = members_jaas(tmp_path / "jaas")
    ensemble = stage.ensemble().start()
    with history(ensemble) as clients:
        for step in STEPS:
            for member in ensemble.members:
                clients.wait_for(20)
                assert member.stop() == 0
                tell(member, **{JAAS: jaas, step: "true"})
                member.launch()
                member.wait_until_serving()
        clients.wait_for(50)
        clients.assert_consistent()
    assert not any("refused" in member.log() for member in ensemble.members)


def kerberos_jaas(realm, path, learner):
    server = f"zkquorum/localhost@{REALM}"
    text = ""
    for section, principal in (("QuorumServer", server), ("QuorumLearner", learner)):
        write_jaas(
            path, section, KERBEROS, useKeyTab="true", storeKey="true", useTicketCache="false",
            keyTab=realm.keytab(principal), principal=principal)
        text += path.read_text()
    path.write_text(text)
    return path


@pytest.fixture
def kerberized(stage, realm, tmp_path):
    """An ensemble whose members are called by a name that Kerberos knows; not started."""
    jaas = kerberos_jaas(realm, tmp_path / "jaas", f"zkquorum/localhost@{REALM}")
    settings = {JAAS: jaas, "quorum.auth.kerberos.servicePrincipal": "zkquorum/_HOST"} | dict.fromkeys(STEPS, "true")
    ensemble = stage.ensemble(hosts=["localhost"] * 3, **settings)
    for member in ensemble.members:
        member.environment = realm.environment
    return ensemble


def test_by_kerberos(kerberized):
    kerberized.start()
    with history(kerberized) as clients:
        clients.wait_for(50)
        leader = eventually(kerberized.leader, "a member leads")
        leader.kill()
        clients.wait_for(50)
        leader.launch()
        leader.wait_until_serving()
        clients.assert_consistent()


def test_a_user_of_kerberos_is_no_member(kerberized, realm, tmp_path):
    stranger, *others = kerberized.members
    tell(stranger, **{JAAS: kerberos_jaas(realm, tmp_path / "eve", f"eve@{REALM}")})
    for member in kerberized.members:
        member.launch()
    for member in others:
        member.wait_until_serving()
        member.wait_for_log(f"eve@{REALM} is not named after the host of a member")
    stranger.wait_for_log(f"port of member 2: eve@{REALM} is not named after the host of a member")
    assert stranger.mode() is None


def put(files, certificates):
    """Replaces the files of an ensemble by those of an authority, each at once."""
    files.mkdir(exist_ok=True)
    for name, source in (("own.pem", certificates.bundle("server")), ("trusted.pem", certificates.authority)):
        shutil.copy(source, files / f"{name}.new")
        os.replace(files / f"{name}.new", files / name)


def test_certificates_of_members_are_changed_while_clients_write(stage, tmp_path):
    files = tmp_path / "quorum"
    put(files, Certificates(tmp_path / "old", "old"))
    ensemble = stage.ensemble(sslQuorum="true", **{
        "ssl.quorum.keyStore.location": files / "own.pem", "ssl.quorum.trustStore.location": files / "trusted.pem"})
    ensemble.start()
    with history(ensemble) as clients:
        clients.wait_for(50)
        # What was trusted before is not any more: only who has read the new files is understood.
        put(files, Certificates(tmp_path / "new", "new"))
        clients.wait_for(50)
        for pick in (lambda: ensemble.followers()[0], ensemble.leader):
            member = eventually(pick, "a member to kill")
            member.kill()
            clients.wait_for(50)
            member.launch()
            member.wait_until_serving()
            clients.wait_for(50)
        clients.assert_consistent()
    assert any("TLS files have changed and are used" in member.log() for member in ensemble.members)
