"""Apache ZooKeeper's own shell, which is its Java client at a prompt."""

import os
import subprocess
import threading

from martlet import eventually
from servers import APACHE

# Debian's classpath lacks what TLS needs of netty.
JARS = ("zookeeper", "netty-resolver", "netty-codec")


def tls_flags(certificates, user="alice"):
    """What the Java client is told to talk TLS, with a certificate of its own."""
    return [
        f"-cp {':'.join(f'/usr/share/java/{jar}.jar' for jar in JARS)}",
        "-Dzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty", "-Dzookeeper.client.secure=true",
        f"-Dzookeeper.ssl.keyStore.location={certificates.bundle(user)}", "-Dzookeeper.ssl.keyStore.type=PEM",
        f"-Dzookeeper.ssl.trustStore.location={certificates.authority}", "-Dzookeeper.ssl.trustStore.type=PEM"]


def _command(address):
    return [APACHE / "zkCli.sh", "-timeout", "30000", "-server", address]


def _environment(flags):
    return os.environ | {"CLIENT_JVMFLAGS": " ".join(flags)}


def run(address, lines, *flags):
    """Runs lines in one session and returns all that the shell printed."""
    done = subprocess.run(
        _command(address), input="\n".join([*lines, "quit", ""]), text=True, env=_environment(flags),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    return done.stdout


class Shell:
    """A shell that stays at its prompt; left with `with`."""

    def __init__(self, address, *flags):
        self.process = subprocess.Popen(
            _command(address), text=True, bufsize=1, env=_environment(flags), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.output += line

    def __enter__(self):
        eventually(lambda: self.connections == 1, "the shell is connected")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    @property
    def connections(self):
        """How often its session has come to a server."""
        return self.output.count("WatchedEvent state:SyncConnected type:None")

    def ask(self, line, answer):
        """Runs a line, again when its connection is lost meanwhile, until the answer is there."""
        def told():
            since = len(self.output)
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            def answered():
                said = self.output[since:]
                assert answer in said or "ConnectionLoss" in said, f"it says {said!r}"
                return said
            return answer in eventually(answered, f"the shell answers {line!r}")
        eventually(told, f"the shell says {answer!r} to {line!r}")
