"""A program of our own over ZooKeeper's C client: what its command line does not reach."""

import pathlib
import subprocess

import pytest

from martlet import DEADLINE

SOURCE = pathlib.Path(__file__).with_name("session.c")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    program = tmp_path_factory.mktemp("program") / "session"
    subprocess.run(["cc", "-DTHREADED", "-Wall", "-Werror", "-o", program, SOURCE, "-lzookeeper_mt"], check=True)
    return program


@pytest.mark.parametrize("kind", ["single", "ensemble"])
def test_what_a_session_does_and_keeps(stage, program, kind):
    server = (stage.coordinator() if kind == "single" else stage.ensemble()).start()
    members = [server] if kind == "single" else server.members
    client = subprocess.Popen(
        [program, server.address], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert client.stdout.readline() == "ready\n", client.communicate(timeout=DEADLINE)[1]
        for member in members:
            member.kill()
            member.launch()
            member.wait_until_serving()
        complaints = client.communicate("go on\n", timeout=2 * DEADLINE)[1]
        assert client.returncode == 0, complaints
    finally:
        client.kill()
        client.wait()
