#!/usr/bin/env python3
"""Makes the data directories of Apache ZooKeeper next to this file, with Debian's server and kazoo.

usage: make-apache.py (in an environment with integration/requirements.txt)

Each is the directory of a server that was killed, with expected.json beside it: what a client saw of the tree just
before, and the sessions that were open, with their passwords.
"""

import json
import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "integration"))

from servers import Coordinator, four_letter_word  # noqa: E402
from znode_dump import dump, populate  # noqa: E402


def make(name, **settings):
    with tempfile.TemporaryDirectory() as work:
        server = Coordinator(
            work, apache=True, preAllocSize=1, snapCount=40, extendedTypesEnabled="true",
            **{"autopurge.snapRetainCount": 3}, **settings).start()
        try:
            clients = populate(server.address)
            expected = {
                "zxid": next(
                    int(line.split()[1], 16) for line in four_letter_word(server.port, "srvr").splitlines()
                    if line.startswith("Zxid")),
                "sessions": {
                    str(client.client_id[0]): {"password": client.client_id[1].hex(), "timeout": client._session_timeout}
                    for client in clients},
                "nodes": [{"path": path} | node for path, node in dump(clients[0]).items()]}
        finally:
            server.kill()
        for client in clients:
            client.stop()
            client.close()
        target = HERE / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(pathlib.Path(work) / "data", target)
        (target / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


make("apache-plain")
make("apache-gzip", **{"snapshot.compression.method": "gz"})
make("apache-snappy", **{"snapshot.compression.method": "snappy"})
