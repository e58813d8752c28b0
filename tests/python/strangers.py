"""Processes of somebody else on the same machine, who has no credentials."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NOBODY = 65534


def as_somebody_else():
    """What to put before a command to run it as another user, if that can be done here.

    The capability lets him read this Python wherever it is; what he may read is asked of `can_read`, without it.
    """
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        return []
    capability = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *capability]


def start(script, *arguments, home, **environment):
    """Start a Python script of somebody else; he has the same packages, and none of our environment."""
    home.chmod(0o777)
    told = {"PATH": os.environ["PATH"], "HOME": str(home), "PYSPARK_PYTHON": sys.executable, **environment}
    told["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    told |= {name: os.environ[name] for name in ("JAVA_HOME", "SPARK_HOME") if name in os.environ}
    command = [*as_somebody_else(), sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/", env=told, start_new_session=True
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
