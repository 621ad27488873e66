"""martlet zk on a terminal: keys, completion, history, and servers that come and go."""

import os
import signal
import uuid

import pytest

import zk
from harm import Paused
from martlet import eventually
from zk import Terminal

UP, LEFT, TAB, CTRL_C, CTRL_D, CTRL_R = "\x1b[A", "\x1b[D", "\t", "\x03", "\x04", "\x12"


@pytest.fixture
def path():
    return f"/zk-{uuid.uuid4().hex[:12]}"


def prompt(server, number, standing="CONNECTED"):
    return f"[zk: {server.address}({standing}) {number}] "


def test_lines_are_edited(any_server, tmp_path, path):
    with Terminal(any_server.address, tmp_path) as terminal:
        terminal.see(prompt(any_server, 0))
        terminal.enter(f"create {path} x", f"Created {path}")
        terminal.enter(f"get {path}", "\nx\n")
        # A word in the middle: the cursor goes back over what was typed.
        terminal.type(f"set {path} zz" + LEFT + "ü\r")
        terminal.see(prompt(any_server, 3))
        terminal.enter(f"get {path}", "\nzüz\n")
        terminal.type("never run" + CTRL_C)
        terminal.see("^C\n" + prompt(any_server, 4))
        lines = [f"create {path} x", f"get {path}", f"set {path} züz", f"get {path}", "history"]
        terminal.enter("history", "".join(f"{number} - {line}\n" for number, line in enumerate(lines)))
        terminal.type(CTRL_D)
        assert terminal.wait() == 0


def test_ctrl_c_ends_a_long_command_and_then_the_shell(single, tmp_path, path):
    zk.run(single.address, [f"create {path}", *(f"create {path}/{number} x" for number in range(2000))])
    with Terminal(single.address, tmp_path) as terminal:
        terminal.see(prompt(single, 0))
        # It goes on with the servers' answers, of which there are none.
        with Paused(single):
            terminal.type(f"deleteall {path}\r")
            eventually(lambda: terminal.makes_signals, "the command runs")
            terminal.type(CTRL_C)
            terminal.see("^C")
        terminal.see("interrupted\n" + prompt(single, 1))
        terminal.enter(f"getAllChildrenNumber {path}", "\n2000\n")
        with Paused(single):
            terminal.type("ls /\r")
            eventually(lambda: terminal.makes_signals, "the command runs")

            def pressed():
                terminal.type(CTRL_C)
                return terminal.has_ended

            eventually(pressed, "the shell ends")
            assert terminal.status == -signal.SIGINT


def test_tab_completes_commands_and_paths(any_server, tmp_path, path):
    with Terminal(any_server.address, tmp_path) as terminal:
        terminal.see(prompt(any_server, 0))
        terminal.enter(f"create {path} x", "Created")
        for name in ("alpha-one", "alpha-two", "beta"):
            terminal.enter(f"create {path}/{name} of-{name}", "Created")
        terminal.type("lis" + TAB)
        terminal.see("listquota ")
        terminal.type(CTRL_C)
        terminal.see("^C")
        terminal.type(f"get {path}/b" + TAB + "\r")
        terminal.see("\nof-beta\n")
        terminal.type(f"get {path}/a" + TAB + TAB)
        terminal.see("\nalpha-one  alpha-two\n")
        terminal.type("tw" + TAB + "\r")
        terminal.see("\nof-alpha-two\n")
        terminal.type("get " + TAB + f"{path}/nothing" + TAB + "\r")
        terminal.see(f"Node does not exist: {path}/nothing\n")


def test_history_outlives_the_shell_without_passwords(single, tmp_path, path):
    with Terminal(single.address, tmp_path) as terminal:
        terminal.see(prompt(single, 0))
        terminal.enter(f"create {path} remembered", "Created")
        terminal.enter(f"get {path}", "\nremembered\n")
        terminal.type("addauth digest user:secret\r")
        terminal.see(prompt(single, 3))
        terminal.type("quit\r")
        assert terminal.wait() == 0
    file = tmp_path / ".martlet_zk_history"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == f"create {path} remembered\nget {path}\nquit\n"
    with Terminal(single.address, tmp_path) as terminal:
        terminal.see(prompt(single, 0))
        terminal.type(UP + UP + "\r")
        terminal.see("\nremembered\n")
        terminal.see(prompt(single, 1))
        terminal.type(CTRL_R + "cre\r")
        terminal.see(f"Node already exists: {path}\n")


def test_what_a_watch_tells_comes_above_the_line(any_server, tmp_path, path):
    with Terminal(any_server.address, tmp_path) as terminal:
        terminal.see(prompt(any_server, 0))
        terminal.enter(f"create {path} x", "Created")
        terminal.enter(f"get -w {path}", "\nx\n")
        terminal.type(f"get {path}")
        terminal.see(f"get {path}")
        terminal.screen = ""
        assert zk.one(any_server.address, "set", path, "new").returncode == 0
        terminal.see(
            f"\nWATCHER::\n\nWatchedEvent state:SyncConnected type:NodeDataChanged path:{path}\n"
            + prompt(any_server, 2) + f"get {path}")
        terminal.type("\r")
        terminal.see("\nnew\n")


def test_a_server_that_comes_back_is_found(stage, tmp_path, path):
    coordinator = stage.coordinator().start()
    with Terminal(coordinator.address, tmp_path) as terminal:
        terminal.see(prompt(coordinator, 0))
        terminal.enter(f"create -e {path} mine", "Created")
        terminal.screen = ""
        coordinator.kill()
        terminal.see("lost the connection: trying to connect again\n")
        terminal.type("\r")
        terminal.see(prompt(coordinator, 1, "CONNECTING"))
        coordinator.start()
        terminal.see(f"connected again, to {coordinator.address}: the session goes on\n")
        terminal.enter(f"get {path}", "\nmine\n")


def test_a_member_that_dies_is_replaced(stage, tmp_path, path):
    ensemble = stage.ensemble().start()
    with Terminal(ensemble.address, tmp_path) as terminal:
        terminal.see("(CONNECTED) 0] ")
        terminal.enter(f"create -e {path} mine", "Created")
        terminal.screen = ""
        ensemble.leader().kill()
        terminal.see("lost the connection: trying to connect again\n")
        terminal.see("connected again, to ")
        terminal.enter(f"get {path}", "\nmine\n")


def test_a_session_that_expires_is_told_and_begun_anew(stage, tmp_path, path):
    coordinator = stage.coordinator().start()
    with Terminal(coordinator.address, tmp_path, "-timeout", "2000") as terminal:
        terminal.see(prompt(coordinator, 0))
        terminal.enter(f"create -e {path} mine", "Created")
        terminal.screen = ""
        os.kill(terminal.pid, signal.SIGSTOP)
        eventually(lambda: zk.one(coordinator.address, "stat", path).returncode == 1, "the session expires")
        os.kill(terminal.pid, signal.SIGCONT)
        terminal.see("the session expired, and its ephemeral nodes are gone: 'connect' begins a new one\n")
        terminal.enter("ls /", "KeeperErrorCode = Session expired for /\n")
        terminal.type("connect\r")
        terminal.see(prompt(coordinator, 3))
        terminal.enter("ls /", "\n[zookeeper]\n")


def test_a_terminal_without_a_server(tmp_path):
    with Terminal("127.0.0.1:1", tmp_path, "-timeout", "1000") as terminal:
        terminal.see("no connection to 127.0.0.1:1: none within 1.0 seconds")
        terminal.see("[zk: 127.0.0.1:1(CLOSED) ")
        terminal.enter("ls /", "\nNot connected\n")
        terminal.type(CTRL_D)
        assert terminal.wait() == 0
