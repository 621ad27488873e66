"""Groups of both protocols at work while members and the brokers that coordinate them die."""

import subprocess

import pytest

from load import PARTITIONS, Load
from martlet import BINARIES, DEADLINE, eventually
from members import BRISK, Worker

SIZE = 3
# How soon a member that died is given up.
QUICK = {"classic": {"session.timeout.ms": 6000}, "consumer": {}}


def coordinator_of(cluster, group):
    """The broker that coordinates a group."""
    admin = cluster.admin()
    return cluster.broker(admin.describe_consumer_groups([group])[group].result(DEADLINE).coordinator.id)


@pytest.mark.parametrize("harm", ["coordinator", "member"])
def test_no_record_is_lost_to_a_group(stage, topic, harm):
    cluster = stage.cluster(stage.coordinator().start(), SIZE, **BRISK).start()
    cluster.create(topic, PARTITIONS)
    load = Load(cluster.address, topic, per_second=300)
    groups = {"classic": f"classic-{topic}", "consumer": f"consumer-{topic}"}
    workers = {
        protocol: [
            stage.add(Worker(stage.directory / f"{protocol}-{n}", f"{protocol}-{n}", cluster.address, group, topic, protocol,
                             **QUICK[protocol]))
            for n in range(2)]
        for protocol, group in groups.items()}
    for both in workers.values():
        for worker in both:
            worker.launch()
    def read(protocol):
        return {number for worker in workers[protocol] for number in worker.numbers}
    eventually(lambda: all(len(read(protocol)) > 300 for protocol in groups), "both groups are at work")
    if harm == "coordinator":
        cluster.wait_until_in_sync(topic)
        died = coordinator_of(cluster, groups["consumer"])
        died.kill()
    else:
        for both in workers.values():
            both[0].kill()
    load.wait_for(300)
    load.end()
    for protocol in groups:
        eventually(lambda: read(protocol) == set(range(load.count)), f"the {protocol} group has read everything", 2 * DEADLINE)
    if harm == "coordinator":
        died.start()
    listed = subprocess.run(
        [BINARIES / "martlet", "groups", "--bootstrap-server", cluster.address, "--list"],
        capture_output=True, text=True, timeout=DEADLINE)
    assert set(groups.values()) <= set(listed.stdout.split()), listed
