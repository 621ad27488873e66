"""Backups of running coordinators, and what becomes of them."""

import shutil
import subprocess

from kazoo.client import KazooClient

from martlet import BINARIES, DEADLINE, eventually


def martlet(*arguments):
    result = subprocess.run(
        [BINARIES / "martlet", "coordinator", *arguments], capture_output=True, text=True, timeout=DEADLINE)
    return result.returncode, result.stdout + result.stderr


def client_of(member):
    client = KazooClient(hosts=member.address, timeout=20)
    client.start(timeout=DEADLINE)
    return client


def fill(address, count=2000):
    client = KazooClient(hosts=address, timeout=20)
    client.start(timeout=DEADLINE)
    results = [client.create_async(f"/n{number}", b"x" * 100) for number in range(count)]
    for result in results:
        result.get(timeout=DEADLINE)
    client.stop()


def admin(member):
    return f"127.0.0.1:{member.admin_port}"


def test_a_backup_of_a_running_coordinator_is_taken_by_it(stage, tmp_path):
    coordinator = stage.coordinator(**{"admin.rateLimiterIntervalInMS": "0"}).start()
    fill(coordinator.address)
    file = tmp_path / "backup"
    login = ["--server", admin(coordinator), "--auth", "any:body"]
    code, said = martlet("backup", *login, "--to", file)
    assert code == 0 and "2005 nodes" in said, said
    assert martlet("backup", *login, "--to", file)[0] != 0
    client = client_of(coordinator)
    client.create("/late")
    client.stop()
    code, said = martlet("restore", *login, file)
    assert code == 0, said
    client = client_of(coordinator)
    assert not client.exists("/late") and client.exists("/n1999")
    client.stop()
    code, said = martlet("backup", "--server", admin(coordinator), "--to", tmp_path / "other")
    assert code != 0 and "401" in said, said
    assert not list(tmp_path.glob("other*"))


def test_an_ensemble_is_restored_from_a_backup_of_one_member(stage, tmp_path):
    ensemble = stage.ensemble().start()
    fill(ensemble.address)
    file = tmp_path / "backup"
    follower = ensemble.followers()[0]
    code, said = martlet("backup", "--server", admin(follower), "--auth", "any:body", "--to", file)
    assert code == 0, said
    code, said = martlet("restore", "--server", admin(follower), "--auth", "any:body", file)
    assert code != 0 and "with all others" in said, said
    ensemble.kill()
    for number, member in enumerate(ensemble.members, 1):
        data = member.directory / "data"
        shutil.rmtree(data)
        code, said = martlet("restore", file, "--to", data)
        assert code == 0, said
        (data / "myid").write_text(f"{number}\n")
    for member in ensemble.members:
        member.launch()
    for member in ensemble.members:
        member.wait_until_serving()
    assert eventually(ensemble.leader, "a member leads")
    for member in ensemble.members:
        client = client_of(member)
        assert client.exists("/n1999")
        client.create(f"/by-{member.port}")
        client.stop()
