"""What a machine of an image does first and last: which of them it is, where the primary is, when it came and went.

    python -m footfall.aws.cluster.machine begin --workspace s3://bucket/group --launch ID --hours H
    python -m footfall.aws.cluster.machine end   (the same)

The first of the machines that one request started is the primary. It tells the others where it is by an object of the
workspace; all of them are in the group's security group, and nobody else can reach them.
"""

from __future__ import annotations

import argparse
import os
import time
from datetime import datetime, timezone
from urllib.request import ProxyHandler, Request, build_opener

from footfall.aws.cluster.records import hours
from footfall.aws.cluster.records.names import DASK, Launch
from footfall.aws.cluster.records.objects import Objects
from footfall.aws.cluster.records.standing import Machine
from footfall.aws.cluster.service import Aws
from footfall.aws.workspace import Workspace

#: The instance metadata service; boto3 has the same variable for another.
_IMDS = "http://169.254.169.254"
_VARIABLE = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
_TOKEN_SECONDS = "300"
_TIMEOUT_S = 5
_PATIENCE_S = 600
_POLL_S = 2.0


def begin(objects: Objects, launch: Launch, machine: Machine) -> str:
    """Record that the machine is there, and return its role as the options of the bootstrap."""
    hours.record(objects, machine)
    if machine.place == 0:
        objects.create_json(_where(launch), {"primary": machine.address})
        return f"--role primary --primary {machine.address}"
    return f"--role worker --primary {_primary(objects, launch)}"


def _primary(objects: Objects, launch: Launch) -> str:
    deadline = time.monotonic() + _PATIENCE_S
    while not (told := objects.read_json(_where(launch))):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{objects.space.place(_where(launch))}: the primary told nobody where it is")
        time.sleep(_POLL_S)
    return str(told["primary"])


def _where(launch: Launch) -> str:
    return f"{launch.folder}/primary.json"


def end(objects: Objects, machine: Machine) -> None:
    """Record that the machine is going."""
    hours.record_end(objects, machine.id, machine.started, datetime.now(timezone.utc))


def this_machine(launch: Launch) -> Machine:
    """Return what the instance metadata service says of this machine; it started when its system did."""
    token = _asked("PUT", "latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": _TOKEN_SECONDS})
    told = {
        name: _asked("GET", f"latest/meta-data/{name}", {"X-aws-ec2-metadata-token": token})
        for name in ("instance-id", "instance-type", "local-ipv4", "ami-launch-index")
    }
    return Machine(
        id=told["instance-id"],
        type=told["instance-type"],
        state="running",
        started=_booted(),
        address=told["local-ipv4"],
        place=int(told["ami-launch-index"]),
        tags=launch.tags(),
    )


def _asked(method: str, path: str, headers: dict[str, str]) -> str:
    url = f"{os.environ.get(_VARIABLE, _IMDS).rstrip('/')}/{path}"
    # A proxy of the environment is not for this address.
    with build_opener(ProxyHandler({})).open(
        Request(url, method=method, headers=headers), timeout=_TIMEOUT_S
    ) as answer:
        return str(answer.read().decode())


def _booted() -> datetime:
    with open("/proc/uptime") as file:
        seconds = float(file.read().split()[0])
    return datetime.fromtimestamp(round(time.time() - seconds), timezone.utc)


def main() -> None:
    """Begin or end."""
    parser = argparse.ArgumentParser(prog="python -m footfall.aws.cluster.machine", description=__doc__)
    parser.add_argument("what", choices=["begin", "end"])
    parser.add_argument("--workspace", type=Workspace.of, required=True)
    parser.add_argument("--launch", required=True)
    parser.add_argument("--hours", type=int, required=True)
    told = parser.parse_args()
    launch = Launch(told.workspace, DASK, told.launch, told.hours)
    objects, machine = Objects(Aws(), told.workspace), this_machine(launch)
    if told.what == "begin":
        print(begin(objects, launch, machine))
    else:
        end(objects, machine)


if __name__ == "__main__":
    main()
