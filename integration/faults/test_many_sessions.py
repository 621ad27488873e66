"""Ten thousand sessions that lose their leader."""

import pytest

from herd import Herd
from martlet import DEADLINE, eventually
from servers import four_letter_word

SESSIONS = 10_000


def global_sessions(member):
    figures = dict(line.split("\t", 1) for line in four_letter_word(member.port, "mntr").splitlines())
    return int(figures["zk_global_sessions"])


@pytest.mark.timeout(4 * DEADLINE)
def test_all_of_them_come_back(stage):
    ensemble = stage.ensemble(maxClientCnxns=0).start()
    herd = Herd([member.address for member in ensemble.members], SESSIONS)
    try:
        print(f"opened in {herd.gather(DEADLINE):.2f} s")
        before = herd.ids()
        leader = eventually(ensemble.leader, "a member leads")
        leader.kill()
        herd.scatter()
        print(f"came back in {herd.gather(DEADLINE):.2f} s")
        assert herd.ids() == before and len(before) == SESSIONS
        assert global_sessions(eventually(ensemble.leader, "another member leads")) == SESSIONS
        leader.launch()
        leader.wait_until_serving()
        assert herd.served == SESSIONS
    finally:
        herd.close()
