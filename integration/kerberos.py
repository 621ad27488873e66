"""A Kerberos realm that lives as long as the tests that use it."""

import os
import shutil
import subprocess
import textwrap

from logins import jaas_flags, write_jaas
from martlet import eventually, free_port
from shells import run

REALM = "MARTLET.TEST"
SERVER = f"zookeeper/localhost@{REALM}"


def is_installed():
    return shutil.which("krb5kdc", path=f"{os.environ['PATH']}:/usr/sbin") is not None


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
        self.keytabs = {}
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
        """The file with the keys of a principal, which is added when it is not known yet."""
        if principal not in self.keytabs:
            file = self.folder / f"{principal.split('@')[0].replace('/', '-')}.keytab"
            self._run("kadmin.local", "-r", REALM, "addprinc", "-randkey", principal)
            self._run("kadmin.local", "-r", REALM, "ktadd", "-k", file, principal)
            self.keytabs[principal] = file
        return self.keytabs[principal]

    def jaas(self, section, principal):
        return write_jaas(
            self.folder / f"{section}-{principal.split('@')[0].replace('/', '-')}.jaas", section,
            "com.sun.security.auth.module.Krb5LoginModule", useKeyTab="true", storeKey="true", useTicketCache="false",
            keyTab=self.keytab(principal), principal=principal)

    def flags(self, jaas):
        """What the Java client is told to authenticate by a JAAS file in this realm."""
        return [
            *jaas_flags(jaas), f"-Djava.security.krb5.conf={self.configuration}",
            f"-Dzookeeper.server.principal={SERVER}"]

    def shell(self, server, jaas, *lines):
        return run(server.address, lines, *self.flags(jaas))
