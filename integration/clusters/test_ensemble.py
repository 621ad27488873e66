"""A broker on an ensemble of coordinators, and the commands that look after one."""

import json
import subprocess

from kazoo.client import KazooClient
from kazoo.retry import KazooRetry

from load import Load, assert_all_arrived
from martlet import BINARIES, DEADLINE, eventually
from registers import History


def test_a_broker_outlives_the_leader_of_its_ensemble(stage, topic):
    ensemble = stage.ensemble().start()
    broker = stage.broker(ensemble).start()
    load = Load(broker.address, topic)
    for _ in range(2):
        load.wait_for(2000)
        leader = eventually(ensemble.leader, "a member leads")
        leader.kill()
        load.wait_for(2000)
        leader.launch()
        leader.wait_until_serving()
    load.end()
    assert_all_arrived(load, broker.address)
    assert broker.stop() == 0


def test_status_of_an_ensemble(stage):
    ensemble = stage.ensemble(observers=1).start()

    def status():
        result = subprocess.run(
            [BINARIES / "martlet", "coordinator", "status", "--server", ensemble.address, "--json"],
            capture_output=True, text=True, timeout=DEADLINE)
        return result.returncode, json.loads(result.stdout)
    code, answer = status()
    assert code == 0, answer
    assert sorted(member.mode() for member in ensemble.members) == ["follower", "follower", "leader", "observer"]
    ensemble.members[0].kill()
    eventually(ensemble.leader, "a member leads")
    code, answer = status()
    assert code == 1, answer


def test_members_come_and_go_while_clients_write(stage):
    ensemble = stage.ensemble(reconfigEnabled="true", skipACL="yes").start()
    history = History([member.address for member in ensemble.members[1:]])
    client = KazooClient(hosts=ensemble.members[1].address, timeout=20)
    client.start(timeout=DEADLINE)
    try:
        history.wait_for(50)
        newcomer, line = ensemble.newcomer()
        newcomer.launch()
        newcomer.wait_until_serving()
        # Those connected to who leaves, or to a leader that changes, have to come again.
        retry = KazooRetry(max_tries=20, ignore_expire=False)
        retry(client.reconfig, joining=line, leaving=None, new_members=None)
        history.wait_for(50)
        retry(client.reconfig, joining=None, leaving="1", new_members=None)
        ensemble.members[0].kill()
        history.wait_for(50)
        text = client.get("/zookeeper/config")[0].decode()
        assert "server.4=" in text and "server.1=" not in text
        # Two of the three that are left are a quorum; two of the former four were none.
        ensemble.members[3].kill()
        history.wait_for(50)
        history.assert_consistent()
    finally:
        history.close()
        client.stop()
        client.close()
