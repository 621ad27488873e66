"""ZooKeeper's C client, by the program of Debian's zookeeper-bin; Debian builds it without TLS and without SASL."""

import subprocess
import threading

import pytest

from martlet import eventually

CLI = "/usr/lib/zookeeper/bin/cli_mt"


class Cli:
    """The program at its prompt; it answers while it goes on to read."""

    def __init__(self, hosts):
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", CLI, hosts], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
        self.output = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.output += line

    def wait_for(self, text, since=0):
        eventually(lambda: text in self.output[since:], f"the C client says {text!r}: {self.output[since:]}")

    def ask(self, command, answer):
        since = len(self.output)
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        self.wait_for(answer, since)

    def end(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(params=["single", "ensemble"])
def server(request, stage):
    return (stage.coordinator() if request.param == "single" else stage.ensemble()).start()


@pytest.fixture
def cli(server):
    cli = Cli(server.address)
    try:
        cli.wait_for("CONNECTED_STATE")
        yield cli
    finally:
        cli.end()


def test_create_read_change_delete(cli):
    cli.ask("create /from-c", "[/from-c]: rc = 0")
    cli.ask("create /from-c", "[/from-c]: rc = -110")
    cli.ask("set /from-c changed", "rc = 0")
    cli.ask("get /from-c", "changed")
    cli.ask("ls /", "from-c")
    cli.ask("sync /from-c", "rc = 0")
    cli.ask("delete /from-c", "rc = 0")
    cli.ask("get /from-c", "rc = -101")


def test_a_session_goes_on_at_another_member(stage):
    ensemble = stage.ensemble().start()
    cli = Cli(ensemble.address)
    try:
        cli.wait_for("CONNECTED_STATE")
        cli.ask("create +e /mine", "[/mine]: rc = 0")
        for member in ensemble.members:
            since = len(cli.output)
            member.kill()
            member.launch()
            member.wait_until_serving()
            cli.ask("ls /", "mine")
            assert "EXPIRED" not in cli.output[since:]
    finally:
        cli.end()
