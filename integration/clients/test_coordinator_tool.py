"""martlet coordinator: status, check, backup and restore of real coordinators."""

import json
import subprocess

from martlet import BINARIES, DEADLINE, eventually
from servers import Coordinator, four_letter_word
from znode_dump import connect, dump, populate


def tool(*arguments):
    return subprocess.run(
        [BINARIES / "martlet", "coordinator", *map(str, arguments)], capture_output=True, text=True, timeout=DEADLINE)


def test_status_tells_the_truth(stage):
    ours, apache = stage.coordinator().start(), stage.coordinator(apache=True).start()
    client = connect(ours.address)
    # Apache's says that it is alive before it serves.
    eventually(lambda: "Mode" in four_letter_word(apache.port, "srvr"), "Apache ZooKeeper serves")
    for server in (ours, apache):
        answer = tool("status", "--server", server.address)
        assert (answer.returncode, answer.stderr) == (0, "")
        assert answer.stdout.splitlines()[-1] == "healthy"
        assert "standalone" in answer.stdout
    told = json.loads(tool("status", "--server", ours.address, "--json").stdout)
    assert told["health"] == {"findings": [], "verdict": "healthy"}
    assert (told["servers"][0]["sessions"], told["servers"][0]["state"]) == (1, "serving")
    client.stop()
    client.close()
    apache.kill()
    answer = tool("status", "--server", f"{ours.address},{apache.address}")
    assert answer.returncode == 1
    assert f"{apache.address} is unreachable" in answer.stdout
    ours.kill()
    answer = tool("status", "--bootstrap-server", ours.address)
    assert answer.returncode == 2
    assert answer.stdout.splitlines()[-1] == "unavailable"


def test_what_was_backed_up_while_it_ran_comes_back(stage, tmp_path):
    ours = stage.coordinator(extendedTypesEnabled="true").start()
    clients = populate(ours.address)
    before = dump(clients[0])
    data, backup = ours.directory / "data", tmp_path / "backup"
    answer = tool("backup", data, "--to", backup)
    assert answer.returncode == 0, answer.stderr
    # It runs: what stands there may be half written.
    refused = tool("check", data)
    assert refused.returncode != 0 and "is in use by another process" in refused.stderr
    ours.kill()
    answer = tool("check", data)
    assert answer.returncode == 0, answer.stdout
    assert "2 sessions" in answer.stdout.splitlines()[-1]
    for client in clients:
        client.stop()
        client.close()

    restored = stage.add(Coordinator(tmp_path / "restored", extendedTypesEnabled="true"))
    target = restored.directory / "data"
    assert tool("restore", backup, "--to", target).returncode == 0
    again = tool("restore", backup, "--to", target)
    assert again.returncode != 0 and "is there already" in again.stderr
    restored.start()
    client = connect(restored.address)
    client.add_auth("digest", "alice:secret")
    assert dump(client) == before
    client.stop()
    client.close()


def test_damage_and_wrong_directories_are_told(stage, tmp_path):
    ours = stage.coordinator().start()
    client = connect(ours.address)
    for number in range(20):
        client.create(f"/{number}", b"x" * 100)
    client.stop()
    client.close()
    ours.stop()
    data = ours.directory / "data"
    log = sorted(data.glob("log.*"))[0]
    content = bytearray(log.read_bytes())
    content[500] ^= 1
    log.write_bytes(content)
    answer = tool("check", data)
    assert answer.returncode == 1
    assert f"DAMAGED  {log}" in answer.stdout
    assert "A start would be refused" in answer.stdout
    assert bytes(content) == log.read_bytes()
    assert tool("backup", data, "--to", tmp_path / "none").returncode != 0
    assert not (tmp_path / "none").exists()
    alone = tool("rebuild", data)
    assert alone.returncode != 0 and "is not of a member of an ensemble" in alone.stderr
    for command in (["check"], ["backup", "--to", tmp_path / "none"], ["rebuild"]):
        answer = tool(command[0], tmp_path, *command[1:])
        assert answer.returncode != 0 and "holds no files of a coordinator" in answer.stderr
