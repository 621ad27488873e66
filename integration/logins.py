"""Users of SASL: what coordinators and clients of Java are told of them."""

import os
import subprocess

from servers import APACHE

USERS = {"bob": "secret", "admin": "more secret"}
PROVIDER = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"


def write_jaas(path, section, module, **options):
    """A JAAS file with one section of one login module."""
    lines = "\n".join(f'    {key}="{value}"' for key, value in options.items())
    path.write_text(f"{section} {{\n    {module} required\n{lines};\n}};\n")
    return path


def write_digest_jaas(path, user, password):
    """What a client of Java is told to authenticate by DIGEST-MD5."""
    return write_jaas(
        path, "Client", "org.apache.zookeeper.server.auth.DigestLoginModule", username=user, password=password)


def shell(coordinator, jaas, lines, *flags):
    """Runs lines in one session of Apache ZooKeeper's shell and returns all that it printed."""
    flags = [f"-Djava.security.auth.login.config={jaas}", *flags]
    done = subprocess.run(
        [APACHE / "zkCli.sh", "-timeout", "30000", "-server", coordinator.address], text=True,
        input="\n".join([*lines, "quit", ""]), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
        env=os.environ | {"CLIENT_JVMFLAGS": " ".join(flags)})
    return done.stdout


def coordinator_with_users(stage, folder, **settings):
    jaas = write_jaas(
        folder / "server.jaas", "Server", "org.apache.zookeeper.server.auth.DigestLoginModule",
        **{f"user_{user}": password for user, password in USERS.items()})
    return stage.coordinator(
        **{"java.security.auth.login.config": jaas, "authProvider.1": PROVIDER, "zookeeper.superUser": "admin"},
        **settings)
