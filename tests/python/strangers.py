"""Processes of somebody else on the same machine, who has no credentials."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading

NOBODY = 65534
# Asks a Dask cluster by each address for the user that it runs code as, with each of the keys.
ASK_DASK = """
import json, os, sys
from datetime import datetime, timedelta, timezone
from distributed import Client
from distributed.security import Security

def whoami():
    import os
    return os.getuid()

addresses, keys = json.loads(sys.argv[1]), json.loads(sys.argv[2])
answers = {}
for address in addresses:
    for key in keys:
        security = key and Security(tls_ca_file=key[1], tls_client_key=key[0], tls_client_cert=key[1])
        try:
            with Client(address, security=security or None, timeout="4s", set_as_default=False) as client:
                answers[f"{address} {bool(key)}"] = client.submit(whoami, pure=False).result(timeout=20)
        except Exception as error:
            answers[f"{address} {bool(key)}"] = f"refused: {type(error).__name__}: {error}"[:200]
print(json.dumps(answers))
"""
# Asks a Spark cluster for the user that it runs code as, with a secret or none.
ASK_SPARK = """
import sys
from pyspark.sql import SparkSession

def whoami(_):
    import os
    return os.getuid()

address, secret = sys.argv[1:]
settings = {"ui.enabled": False, "driver.host": "127.0.0.1", "driver.bindAddress": "127.0.0.1"}
if secret:
    settings |= {"authenticate": True, "authenticate.secret": secret, "network.crypto.enabled": True}
builder = SparkSession.builder.master(address).appName("stranger")
for name, value in settings.items():
    builder = builder.config("spark." + name, value)
print("uid", builder.getOrCreate().sparkContext.parallelize([0], 1).map(whoami).collect()[0], flush=True)
"""


def as_somebody_else():
    """What to put before a command to run it as another user, if that can be done here.

    The capability lets him read this Python wherever it is; what he may read is asked of `can_read`, without it.
    """
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        return []
    capability = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *capability]


def start(script, *arguments, home, account=None, **environment):
    """Start a Python script of somebody else; he has the same packages, and none of our environment.

    Of an `account`, he has the rights and the Python.
    """
    told = {"PATH": os.environ["PATH"], "HOME": str(home), **environment}
    told |= {name: os.environ[name] for name in ("JAVA_HOME", "SPARK_HOME") if name in os.environ}
    if account is None:
        home.chmod(0o777)
        told["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    become, python = (as_somebody_else(), sys.executable) if account is None else (account.become, account.python)
    told.setdefault("PYSPARK_PYTHON", str(python))
    return subprocess.Popen(
        [*become, python, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        env=told,
        start_new_session=True,
    )


def said(process, timeout=120):
    """What a script of somebody else printed; it must have ended well."""
    output, errors = process.communicate(timeout=timeout)
    assert process.returncode == 0, errors[-2_000:]
    return output


def can_read(path):
    """Whether another user can read a file; asked of the system where we may become one, else of its bits."""
    if os.getuid() != 0:
        return bool(path.stat().st_mode & 0o077) and all(folder.stat().st_mode & 0o011 for folder in path.parents)
    asked = subprocess.run(["cat", path], user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True)
    return asked.returncode == 0


def ask_dask(addresses, keys, home, account=None):
    """What he who asks is told by address and whether he has a key: a user, or that he is refused."""
    process = start(ASK_DASK, json.dumps(addresses), json.dumps(keys), home=home, account=account)
    return json.loads(said(process))


def ask_spark(address, secret, home, account=None):
    """What he who asks is told: a user, or that he is refused."""
    process = start(ASK_SPARK, address, secret, home=home, account=account, SPARK_LOCAL_IP="127.0.0.1")
    errors = []

    def listen():
        for line in process.stderr:
            errors.append(line)
            # It would try again for a minute.
            if "Failed to connect to master" in line:
                os.killpg(process.pid, signal.SIGKILL)

    listener = threading.Thread(target=listen)
    listener.start()
    output = process.stdout.read()
    listener.join(timeout=120)
    process.wait(timeout=10)
    return output.strip() or ("refused" if any("Failed to connect to master" in line for line in errors) else errors)
