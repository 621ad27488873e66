"""To be imported first: where this Python lacks the clients that `integration/` uses, goes on in the environment that
`ops/install-deps` makes."""

import importlib.util
import os
import pathlib
import sys

if importlib.util.find_spec("confluent_kafka") is None:
    python = pathlib.Path(__file__).resolve().parent.parent / ".build-venv/bin/python"
    if pathlib.Path(sys.executable) == python or not python.exists():
        sys.exit("the Python packages of integration/requirements.txt are missing: run ops/install-deps")
    os.execv(python, [str(python), *sys.argv])
