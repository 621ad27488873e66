"""martlet zk beside Apache ZooKeeper's own shell: the same script prints the same lines."""

import os
import re
import subprocess
import uuid

import pytest

import zk
from servers import APACHE

NOISE = ("SLF4J:", "Connecting to ", "Welcome to ZooKeeper!", "JLine support is disabled")
# Numbers of transactions and sessions, and times, are those of each run.
OWN = re.compile(r"0x[0-9a-f]+|\w{3} \w{3} \d\d [\d:]{8} \w+ \d{4}")
# Two messages, between which zkCli may write an answer.
WATCHER = re.compile(r"\n(?:WATCHER::|WatchedEvent .*)\n")
EVENT = re.compile(r"^WatchedEvent .*$", re.MULTILINE)

SCRIPT = """
create {p} first
create {p} again
get {p}
get -s {p}
set {p} second
set -s {p} third
set -v 7 {p} x
create -s {p}/n- x
create -e {p}/e y
create -e -s {p}/es y
create -c {p}/cont
create -t 100000 {p}/ttl data
create {p}/null
create {p}/empty ""
create {p}/quoted "hello world"
create {p}/single 'it is "so"'
create {p}/cont/above x
create {p}/cont/above/below x
create {p}/acl data world:anyone:cdr
create {p}/acls data digest:u:abc=:cdrwa,world:anyone:r
create -e {p}/e/child x
create {p}/nope/x y
create nopath x
create {p}/ x
create {p}//x y
create {p}/../x y
create -t x {p}/t
create -t -5 {p}/t
create -t 5 -e {p}/t d
create -c -s {p}/t d
ls {p}
ls -s {p}
ls -R {p}
ls -Rs {p}
ls {p}/nope
ls
ls relative
ls {p}/n-0000000000 watch
stat {p}
stat {p}/nope
get {p}/null
get {p}/empty
get {p}/quoted
get {p}/single
get {p}/nope
getAcl {p}
getAcl -s {p}/acl
getAcl {p}/acls
getAcl {p}/nope
setAcl {p}/quoted world:anyone:r
setAcl -s {p}/single world:anyone:cdrwa
setAcl -v 7 {p}/single world:anyone:cdrwa
setAcl -R {p}/n-0000000000 world:anyone:cdrwa
delete {p}/null
delete -v 5 {p}/empty
delete {p}
delete {p}/nope
deleteall {p}/nope
deleteall {p}/empty -b 5
getAllChildrenNumber {p}
getAllChildrenNumber {p}/nope
getEphemerals {p}
getEphemerals {p}/nope
whoami
sync {p}
sync {p}/nope
redo 1
redo 1000
printwatches
printwatches off
printwatches on
removewatches {p} -d
addauth digest u:pw
addauth
create {p}/mine x auth:u:pw:cdrwa
getAcl {p}/mine
setquota -n 3 {p}
listquota {p}
setquota -N 100 {p}
listquota {p}
listquota {p}/acl
setquota -n 3 {p}/nope
setquota -n 3 {p}/acl
setquota -n x {p}
delquota -n {p}
listquota {p}
delquota {p}
listquota {p}
reconfig -members x -add y
deleteall {p}/acls
deleteall {p}
ls {p}
"""

WATCHES = """
create {p} x
get -w {p}
ls -w {p}
stat -w {p}/absent
set {p} y
create {p}/absent z
addWatch -m PERSISTENT {p}
create {p}/more z
set {p}/more a
removewatches {p}
addWatch {p}/more
set {p}/more b
set {p}/more c
get -w {p}
removewatches {p} -d
ls -R -w {p}
delete {p}/more
delete {p}/absent
deleteall {p}
"""

# What zkCli says, what martlet zk says, and why that is not the same. Both on standard output and on standard error.
DIFFERENCES = [
    ("create {p}/x d foo",
     ["foo does not have the form scheme:id:perm", "KeeperErrorCode = InvalidACL", "Acl is not valid : null"],
     ["foo does not have the form scheme:id:perm"], "the reason is enough"),
    ("create {p}/x d world:anyone:cdrwaz", ["Unknown perm type: z", "Created {p}/x"], ["Unknown perm type: z"],
     "a list that is not understood is not half carried out"),
    ("get -q {p}", ["org.apache.commons.cli.UnrecognizedOptionException: Unrecognized option: -q"],
     ["Unrecognized option: -q"], "nobody needs names of classes"),
    ("delete -v", ["org.apache.commons.cli.MissingArgumentException: Missing argument for option: v"],
     ["Missing argument for option: v"], "the same"),
    ("set {p} two words", [], ["set: 'words' is not part of the data, which needs quotes"],
     "data is lost otherwise without a word"),
    ("close\nls /", ["Not connected"], ["Not connected"], "on standard error here, and a failure"),
    ("delquota {p}", ["Quota does not exist for {p}"], ["Quota does not exist for {p}"],
     "on standard error here, and a failure"),
]


@pytest.fixture
def path():
    return f"/zk-{uuid.uuid4().hex[:12]}"


def zkcli(address, script):
    return subprocess.run(
        [APACHE / "zkCli.sh", "-timeout", "30000", "-server", address], input=script, text=True, capture_output=True,
        timeout=120, env={key: value for key, value in os.environ.items() if key != "CLIENT_JVMFLAGS"})


def said(text):
    """The lines without noise, and what watches told, which comes when it comes."""
    events = [event for event in EVENT.findall(text) if "type:None" not in event]
    lines = [line for line in WATCHER.sub("", text).splitlines() if not line.startswith(NOISE)]
    return [_in_order(OWN.sub("#", line)) for line in lines], events


def _in_order(line):
    """A list of paths sorted: the ephemerals of a session come in any order from Apache's server."""
    return f"[{', '.join(sorted(line[1:-1].split(', ')))}]" if line.startswith("[/") else line


def both(address, script, path):
    """What zkCli and martlet zk make of the same script on the same nodes."""
    script = script.format(p=path).lstrip()
    answers = []
    for run in (zkcli, lambda address, script: zk.run(address, script.splitlines())):
        done = run(address, script)
        answers.append((said(done.stdout), said(done.stderr)[0], done.stdout + done.stderr))
        zk.run(address, [f"deleteall {path}"])
    return answers


def test_the_same_script_prints_the_same_lines(any_server, path):
    theirs, ours = both(any_server.address, SCRIPT, path)
    assert ours[0][0] == theirs[0][0]
    assert ours[1] == theirs[1]


def test_the_same_watches_tell_the_same(any_server, path):
    theirs, ours = both(any_server.address, WATCHES, path)
    # Of watches that end at once, the order is theirs.
    assert sorted(ours[0][1]) == sorted(theirs[0][1])
    assert len(ours[0][1]) > 8


@pytest.mark.parametrize("line, theirs, ours, reason", DIFFERENCES)
def test_what_differs_differs_on_purpose(single, path, line, theirs, ours, reason):
    zk.run(single.address, [f"create {path} x"])
    script = line.format(p=path) + "\n"
    said_there = zkcli(single.address, script)
    zk.run(single.address, [f"deleteall {path}/x"])
    said_here = zk.run(single.address, script.splitlines())
    zk.run(single.address, [f"deleteall {path}"])
    there = said(said_there.stdout)[0] + said(said_there.stderr)[0]
    assert [line for line in there if line] == [text.format(p=path) for text in theirs], reason
    assert (said_here.stdout, said_here.stderr.splitlines()) == ("", [text.format(p=path) for text in ours]), reason
