"""Links that are paused, changed, created and deleted while their mirror runs."""

import json
import subprocess
import time

from links import BACK, LINK, assert_proven, exactly, martlet, produce, regions
from load import read_partition
from martlet import BINARIES, DEADLINE, eventually, free_port, http


def order(mirror, action, *more, code=0, link=LINK):
    return martlet(mirror, action, *more, code=code, link=link)


def state(port, link):
    """What the mirror says that the link does; None before it says anything."""
    _, _, page = http(port, "/metrics")
    lines = [line for line in page.splitlines() if line.startswith(f'martlet_mirror_link_state{{link="{link}"')]
    return next((line.split('state="')[1].split('"')[0] for line in lines if float(line.split()[-1]) == 1), None)


def await_state(port, link, wanted):
    eventually(lambda: state(port, link) == wanted, f"{link} is {wanted}")


def test_a_link_obeys_without_a_restart_and_remembers_over_one(stage, topic):
    source, target = regions(stage, 1)
    for name in (topic, f"{topic}-more"):
        source.create(name, 1, replicas=1)
    target.create(f"{topic}-back", 1, replicas=1)
    port = free_port()
    mirror = exactly(
        stage, source, target, topics=topic, mirror_metrics_port=port,
        **{"eu-west->us-east.mode": "compatible"}).start()
    produce(source, topic, b"0")
    assert_proven(mirror, topic, 1)

    # Paused: nothing is read, and that outlives the mirror.
    assert order(mirror, "pause", "--reason", "network work")["state"] == "paused"
    await_state(port, LINK, "paused")
    produce(source, topic, b"1")
    mirror.kill()
    mirror.launch()
    mirror.wait_for_log("paused: network work", 2)
    told = martlet(mirror, "describe")
    assert (told["state"], told["cause"]) == ("paused", "network work")
    (part,) = told["topics"][0]["partitions"]
    assert (part["highWatermark"], part["lagInRecords"]) == (1, 1)
    listed = {one["link"]: (one["state"], one.get("cause")) for one in martlet(mirror, "list")}
    assert listed[LINK] == ("paused", "network work")

    # Its home cannot move as planned, and nothing is closed for trying.
    assert "is paused (network work)" in martlet(mirror, "promote", code=1)
    assert produce(source, topic, b"2") == 2

    # Changed while it is paused: it goes on with what it has, and with more.
    assert order(mirror, "set", f"topics={topic}.*")["settings"] == {"topics": f"{topic}.*"}
    assert order(mirror, "resume")["state"] == "running"
    await_state(port, LINK, "running")
    assert_proven(mirror, topic, 1)
    eventually(lambda: f"{topic}-more" in target.metadata().topics, "the link mirrors one topic more")
    setting, = [one for one in martlet(mirror, "describe")["settings"] if one["key"] == "topics"]
    assert (setting["value"], setting["from"]) == (f"{topic}.*", "martlet mirror")

    # The same configuration as YAML says the same.
    lines = (mirror.directory / "mm2.properties").read_text().splitlines()
    pairs = [line.split("=", 1) for line in lines if "=" in line]
    yaml = mirror.directory / "links.yaml"
    yaml.write_text("".join(f"{key.strip()}: {json.dumps(value.strip())}\n" for key, value in pairs))
    plan = subprocess.run(
        [BINARIES / "martlet", "mirror", "plan", "--config", yaml, "--link", LINK, "--json"], capture_output=True,
        text=True, timeout=DEADLINE, check=True).stdout
    assert json.loads(plan) == martlet(mirror, "plan")

    # What is wrong is refused in one line, and changes nothing.
    for wrong, word in (("topic=x", "topics"), ("mirror.gap.policy=ignore", "stop, continue, rewind"),
                        ("bootstrap.servers=x:1", "bootstrap.servers"), ("enabled=false", "enabled")):
        complaint = order(mirror, "set", wrong, code=1)
        assert word in complaint and complaint.count("\n") == 1, complaint
    assert "there is no link" in order(mirror, "pause", code=1, link=BACK)
    assert "in a circle" in order(
        mirror, "create", "topics=.*", "replication.policy.class=IdentityReplicationPolicy", code=1, link=BACK)

    # A link that the file does not enable, as MirrorMaker 2 copies.
    assert order(mirror, "create", f"topics={topic}-back", link=BACK)["mode"] == "compatible"
    copy = f"eu-west.{topic}-back"
    produce(target, f"{topic}-back", b"a")
    values = lambda: [value for _, value in read_partition(source.address, copy, "read_uncommitted")]
    eventually(lambda: copy in source.metadata().topics and values() == [b"a"], "the new link copies")
    order(mirror, "pause", link=BACK)
    await_state(port, BACK, "paused")
    produce(target, f"{topic}-back", b"b")
    order(mirror, "resume", link=BACK)
    eventually(lambda: values() == [b"a", b"b"], "the link goes on")
    assert order(mirror, "delete", link=BACK)["state"] == "deleted"
    await_state(port, BACK, "deleted")
    assert {one["link"]: one["state"] for one in martlet(mirror, "list")}[BACK] == "deleted"
    assert values() == [b"a", b"b"]

    # Deleted for good, though the file enables it; its topics are still to be had.
    text = subprocess.run(
        [BINARIES / "martlet", "mirror", "delete", "--config", mirror.directory / "mm2.properties", "--link", LINK],
        capture_output=True, text=True, timeout=DEADLINE, check=True).stdout
    assert "read-only until martlet mirror failover promotes them" in text
    mirror.kill()
    mirror.launch()
    await_state(port, LINK, "deleted")
    assert martlet(mirror, "failover", "--topics", topic)["topics"][topic]["isDone"]
    assert produce(target, topic, b"at home") == 3
    assert mirror.stop() == 0


def test_an_order_about_a_link_whose_target_is_away_is_refused_soon(stage):
    source, target = regions(stage, 1)
    mirror = exactly(stage, source, target)
    target.kill()
    begun = time.monotonic()
    assert "eu-west does not answer" in order(mirror, "pause", code=1)
    assert time.monotonic() - begun < DEADLINE / 2
    # A cluster that nothing is decided in may be away.
    assert order(mirror, "create", "topics=.*", "mode=exact", link=BACK)["state"] == "running"
