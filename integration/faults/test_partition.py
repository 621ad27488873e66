"""Members of an ensemble that cannot hear each other, while clients write at all of them."""

import pytest

from martlet import eventually
from namespaces import Network
from registers import History
from servers import Ensemble


@pytest.fixture
def network():
    network = Network(3)
    try:
        yield network
    finally:
        network.close()


@pytest.fixture
def ensemble(stage, network):
    ensemble = Ensemble(stage.directory / "ensemble", 3, hosts=network.hosts)
    for index, member in enumerate(ensemble.members):
        member.command = network.command(index, member.command)
    stage.add(ensemble)
    return ensemble.start()


@pytest.fixture
def clients(ensemble):
    clients = History([member.address for member in ensemble.members])
    try:
        yield clients
    finally:
        clients.close()


def _leading(ensemble):
    return ensemble.members.index(eventually(ensemble.leader, "a member leads"))


def _another_leads(ensemble, former):
    return eventually(
        lambda: [index for index, member in enumerate(ensemble.members) if index != former and member.mode() == "leader"],
        "another member leads", 20)


def _all_serve(ensemble):
    for member in ensemble.members:
        member.wait_until_serving()


def test_a_leader_cut_off_is_replaced(network, ensemble, clients):
    for _ in range(2):
        clients.wait_for(100)
        former = _leading(ensemble)
        network.isolate(former)
        _another_leads(ensemble, former)
        eventually(lambda: ensemble.members[former].mode() is None, "the old leader has noticed")
        clients.wait_for(100)
        network.heal()
        _all_serve(ensemble)
    clients.wait_for(100)
    clients.assert_consistent()


@pytest.mark.parametrize("leader", ["hears nobody", "is heard by nobody"])
def test_a_leader_cut_off_one_way_is_replaced(network, ensemble, clients, leader):
    clients.wait_for(100)
    former = _leading(ensemble)
    for other in range(3):
        if other != former:
            network.cut(*((other, former) if leader == "hears nobody" else (former, other)))
    _another_leads(ensemble, former)
    clients.wait_for(100)
    network.heal()
    _all_serve(ensemble)
    clients.wait_for(100)
    clients.assert_consistent()


def test_a_follower_cut_off_does_not_disturb_the_others(network, ensemble, clients):
    clients.wait_for(100)
    leading = _leading(ensemble)
    follower = (leading + 1) % 3
    network.isolate(follower)
    eventually(lambda: ensemble.members[follower].mode() is None, "the follower has noticed")
    clients.wait_for(100)
    assert _leading(ensemble) == leading
    network.heal()
    _all_serve(ensemble)
    assert _leading(ensemble) == leading, "who comes back deposes nobody"
    clients.wait_for(100)
    clients.assert_consistent()
