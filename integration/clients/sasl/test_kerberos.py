"""The Java client and a coordinator that know each other by Kerberos, in a realm that lives as long as the test."""

import os
import shutil
import subprocess
import textwrap
import uuid

import pytest

from jute import SASL, WHO_AM_I, Wire, buffer
from logins import PROVIDER, shell, write_digest_jaas, write_jaas
from martlet import eventually, free_port

REALM = "MARTLET.TEST"
SERVER = f"zookeeper/localhost@{REALM}"

pytestmark = pytest.mark.skipif(
    shutil.which("krb5kdc", path=f"{os.environ['PATH']}:/usr/sbin") is None, reason="krb5-kdc is not installed")


class Realm:
    """Files and server of a Kerberos realm of its own."""

    def __init__(self, stage, folder):
        self.folder = folder
        self.port = free_port()
        self.configuration = folder / "krb5.conf"
        self.configuration.write_text(textwrap.dedent(f"""\
            [libdefaults]
                default_realm = {REALM}
                dns_lookup_kdc = false
                dns_lookup_realm = false
                dns_canonicalize_hostname = false
                rdns = false
                udp_preference_limit = 1
            [realms]
                {REALM} = {{
                    kdc = 127.0.0.1:{self.port}
                }}
            """))
        (folder / "kdc.conf").write_text(textwrap.dedent(f"""\
            [kdcdefaults]
                kdc_listen = 127.0.0.1:{self.port}
                kdc_tcp_listen = 127.0.0.1:{self.port}
            [realms]
                {REALM} = {{
                    database_name = {folder}/principals
                    key_stash_file = {folder}/stash
                }}
            [logging]
                kdc = STDERR
            """))
        self.environment = os.environ | {
            "KRB5_CONFIG": str(self.configuration), "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
            "PATH": f"{os.environ['PATH']}:/usr/sbin", "KRB5RCACHEDIR": str(folder)}
        self._run("kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        server = stage.process("krb5kdc", ["krb5kdc", "-n", "-r", REALM])
        server.environment = self.environment
        server.launch()
        eventually(lambda: "commencing operation" in server.log(), "the Kerberos server serves")

    def _run(self, *command):
        done = subprocess.run(
            command, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        assert done.returncode == 0, done.stdout

    def keytab(self, principal):
        """Adds a principal and returns the file with its keys."""
        file = self.folder / f"{principal.split('@')[0].replace('/', '-')}.keytab"
        self._run("kadmin.local", "-r", REALM, "addprinc", "-randkey", principal)
        self._run("kadmin.local", "-r", REALM, "ktadd", "-k", file, principal)
        return file

    def jaas(self, section, principal):
        return write_jaas(
            self.folder / f"{section}-{principal.split('@')[0].replace('/', '-')}.jaas", section,
            "com.sun.security.auth.module.Krb5LoginModule", useKeyTab="true", storeKey="true", useTicketCache="false",
            keyTab=self.keytab(principal), principal=principal)

    def shell(self, coordinator, jaas, *lines):
        return shell(
            coordinator, jaas, lines, f"-Djava.security.krb5.conf={self.configuration}",
            f"-Dzookeeper.server.principal={SERVER}")


@pytest.fixture(scope="module")
def realm(shared_stage, tmp_path_factory):
    return Realm(shared_stage, tmp_path_factory.mktemp("realm"))


@pytest.fixture(scope="module")
def server_jaas(realm):
    return realm.jaas("Server", SERVER)


def start(stage, realm, jaas, **settings):
    coordinator = stage.coordinator(
        **{"java.security.auth.login.config": jaas, "authProvider.1": PROVIDER}, **settings)
    coordinator.environment = realm.environment
    return coordinator.start()


@pytest.fixture
def path():
    return f"/kerberos-{uuid.uuid4().hex[:12]}"


def test_the_java_client_is_its_principal(stage, realm, server_jaas, path):
    coordinator = start(stage, realm, server_jaas)
    said = realm.shell(
        coordinator, realm.jaas("Client", f"bob@{REALM}"), f"create {path} mine sasl:bob@{REALM}:cdrwa", f"get {path}",
        "whoami")
    assert f"Created {path}" in said and "mine" in said.splitlines()
    assert f"sasl: bob@{REALM}" in said
    said = realm.shell(coordinator, realm.jaas("Client", f"eve/localhost@{REALM}"), f"get {path}", "whoami")
    assert f"sasl: eve/localhost@{REALM}" in said and "mine" not in said.splitlines()


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
    assert "AuthFailed" in shell(coordinator, write_digest_jaas(tmp_path / "bob.jaas", "bob", "secret"), ["ls /"])
