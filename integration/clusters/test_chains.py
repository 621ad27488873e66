"""Three regions in a row: what one has from another is mirrored on, and a home that moves is the only one."""

import pytest

from links import commit, committed, is_fenced, produce, refuses
from martlet import eventually
from topology import Topology


def launched(stage, *links):
    topology = Topology(stage, dict.fromkeys(links, ".*"))
    topology.mirror.launch()
    return topology


def test_regions_beside_each_other_do_not_both_become_the_home(stage, topic):
    chain = launched(stage, "a->b", "a->c")
    a, b, c = chain.regions.values()
    a.create(topic, 1, replicas=1)
    produce(a, topic, b"0")
    for alias in ("b", "c"):
        chain.has(alias, topic, [b"0"])
    assert chain.order("promote", "a->b")["topics"][topic]["isDone"]
    refusal = chain.order("promote", "a->c", code=1)
    assert "has moved from a to a third cluster by link a->b" in refusal and "nothing was begun" in refusal
    assert refuses(a, topic) and refuses(c, topic) and not refuses(b, topic)
    # Who has lost the others does it all the same, and is told what that means.
    told = chain.order("failover", "a->c", "--dry-run")["topics"][topic]
    assert "only one of both may be written" in told["fault"]


@pytest.fixture
def chain(stage, topic):
    chain = launched(stage, "a->b", "b->c", "b->a", "c->b")
    chain.regions["a"].create(topic, 1, replicas=1)
    produce(chain.regions["a"], topic, b"0")
    chain.has("c", topic, [b"0"])
    return chain


def test_a_chain_goes_on_when_the_home_of_its_topics_moves(chain, topic):
    a, b, c = chain.regions.values()
    commit(a, "readers", [topic], 1)
    eventually(lambda: committed(c, "readers", topic) == 1, "the group's offset is at the end")
    a.kill()
    assert chain.order("failover", "a->b")["topics"][topic]["isDone"]
    produce(b, topic, b"1")
    chain.has("c", topic, [b"0", b"1"])
    a.start()
    eventually(lambda: is_fenced(a, topic), "the old home is fenced")
    assert chain.order("failback", "b->a")["topics"][topic]["isDone"]
    chain.has("a", topic, [b"0", b"1"])
    assert chain.order("promote", "b->a")["topics"][topic]["recordsPossiblyLost"] == 0
    produce(a, topic, b"2")
    assert chain.order("failback", "a->b")["topics"][topic]["isDone"]
    chain.has("c", topic, [b"0", b"1", b"2"])
    assert refuses(b, topic) and refuses(c, topic)


@pytest.mark.parametrize("midway", ["there", "away"])
def test_a_home_that_moves_to_the_end_of_a_chain_leaves_no_other(chain, topic, midway):
    a, b, c = chain.regions.values()
    if midway == "away":
        b.kill()
    else:
        refusal = chain.order("promote", "b->c", code=1)
        assert "by link a->b: move it there first" in refusal
    told = chain.order("failover", "b->c")
    # What the first region has, nobody could say.
    assert told["topics"][topic]["isDone"] and told["topics"][topic].get("recordsPossiblyLost") is None
    assert produce(c, topic, b"at home") == 1
    if midway == "away":
        b.start()
    for region in (b, a):
        eventually(lambda: is_fenced(region, topic), "no other region is written")
    # The next in the row becomes the home's mirror.
    assert chain.order("failback", "c->b")["topics"][topic]["isDone"]
    chain.has("b", topic, [b"0", b"at home"])
    assert refuses(b, topic) and refuses(a, topic)
    assert chain.order("promote", "c->b")["topics"][topic]["recordsPossiblyLost"] == 0
    assert chain.order("failback", "b->a")["topics"][topic]["isDone"]
    chain.has("a", topic, [b"0", b"at home"])
    assert not refuses(b, topic) and refuses(a, topic) and refuses(c, topic)


def test_who_takes_the_home_back_from_the_middle_of_a_chain_takes_it_from_the_end_too(chain, topic):
    a, b, c = chain.regions.values()
    a.kill()
    assert chain.order("failover", "a->b")["topics"][topic]["homeEpoch"] == 1000
    a.start()
    eventually(lambda: is_fenced(a, topic), "the old home is fenced")
    assert chain.order("promote", "b->c")["topics"][topic]["homeEpoch"] == 1001
    assert produce(c, topic, b"at the end") == 1
    b.kill()
    # Whom nobody has told that the home has moved on.
    assert chain.order("failover", "b->a", "--source-timeout", "0.5")["topics"][topic]["homeEpoch"] == 2000
    assert produce(a, topic, b"taken back") == 1
    b.start()
    for region in (b, c):
        eventually(lambda: is_fenced(region, topic), "there is no other home")
    assert refuses(b, topic) and refuses(c, topic) and produce(a, topic, b"goes on") == 2
    assert chain.order("failback", "a->b")["topics"][topic]["isDone"]
    chain.has("b", topic, [b"0", b"taken back", b"goes on"])


def test_regions_that_have_both_taken_over_are_for_people_to_decide(stage, topic):
    fan = launched(stage, "a->b", "a->c")
    a, b, c = fan.regions.values()
    a.create(topic, 1, replicas=1)
    produce(a, topic, b"0")
    for alias in ("b", "c"):
        fan.has(alias, topic, [b"0"])
    a.kill()
    for link in ("a->b", "a->c"):
        assert fan.order("failover", link, "--source-timeout", "0.5")["topics"][topic]["isDone"]
    assert produce(c, topic, b"only at c") == 1 and produce(b, topic, b"at home") == 1
    a.start()
    eventually(lambda: is_fenced(a, topic), "the old home is fenced")
    said = eventually(
        lambda: [one["cause"] for link in ("a->b", "a->c") for one in fan.order("describe", link)["blocked"]],
        "somebody says so")
    assert len(said) == 1 and "both are its home (home epoch 1000)" in said[0], said
