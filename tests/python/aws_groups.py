"""Groups on AWS, as moto plays it, with a workspace and a small wheelhouse; `up` in processes that can be killed."""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
import tarfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import boto3

from footfall.aws.cluster.orders import Order
from footfall.aws.cluster.service import Aws
from footfall.aws.cluster.site import Site
from footfall.aws.cluster.verbs import up as starting
from footfall.aws.workspace import Workspace

#: Long enough for a request to moto, and no longer.
LEASE_S = 3.0
PATIENCE_S = 180
IMAGE = "ami-12c6146b"
EMR_SETTINGS = [{"Classification": "spark-defaults", "Properties": {"spark.executor.cores": "2"}}]
PACKAGES = "footfall==1.2.3 \\\n    --hash=sha256:00\ndask==2026.8.0\ndistributed==2026.8.0\npyspark==4.2.0\n"

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["footfall.aws.cluster.verbs.up", "boto3", "footfall.aws.keys", "cryptography.x509"])


_session = None


def aws():
    """AWS as the environment has it, by one session: each reads what AWS's services are, which takes a while."""
    global _session
    _session = _session or boto3.Session(region_name=os.environ["AWS_REGION"])
    return Aws(os.environ["AWS_REGION"], _session)


def small_wheelhouse(folder):
    """A folder with all that `up` reads of a wheelhouse."""
    folder.mkdir()
    with tarfile.open(folder / "node.tar.gz", "w:gz") as archive:
        content = json.dumps(EMR_SETTINGS).encode()
        entry = tarfile.TarInfo("deploy/aws/emr.json")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    (folder / "bootstrap.sh").write_text("#!/bin/bash\n")
    (folder / "requirements.lock").write_text(PACKAGES)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in sorted(folder.iterdir())]
    (folder / "manifest").write_text("\n".join(lines) + "\n")
    return folder


@dataclass
class Group:
    """A group with a workspace of its own; `told` is what it was told."""

    server: object
    bucket: str
    wheelhouse: Path
    name: str = field(default_factory=lambda: f"g-{uuid.uuid4().hex[:8]}")
    told: list = field(default_factory=list)

    def make_role(self):
        """The role of its machines, as whoever administers the account makes it."""
        self.server.client("iam").create_instance_profile(InstanceProfileName=f"footfall-{self.name}")

    def site(self, lease_s=LEASE_S):
        return Site(aws(), Workspace(self.bucket, self.name), self.told.append, lease_s)

    def order(self, **chosen):
        return Order(self.name, **chosen)

    def up(self, limit=1_000.0, **chosen):
        return starting.up(self.site(), self.order(**chosen), self.wheelhouse, limit)

    def process(self, address=None, **chosen):
        """A process that runs `up`, by the address of a proxy if there is one; its pipe gives the id, or the error."""
        ours, theirs = _processes.Pipe(duplex=False)
        environment = self.server.environment(address)
        told = (environment, self.bucket, self.name, self.wheelhouse, chosen, theirs)
        process = _processes.Process(target=_up, args=told, daemon=True)
        process.answer = ours
        process.start()
        theirs.close()
        return process

    def clusters(self):
        """The states of all clusters of EMR that ever had its name, by id."""
        told = self.server.client("emr").list_clusters()["Clusters"]
        return {each["Id"]: each["Status"]["State"] for each in told if each["Name"] == self.name}

    def active(self):
        return [each for each, state in self.clusters().items() if not state.startswith("TERMINAT")]

    def machines(self):
        """The states of all machines of EC2 with its name, by id."""
        named = [{"Name": "tag:Name", "Values": [self.name]}]
        told = self.server.client("ec2").describe_instances(Filters=named)["Reservations"]
        return {each["InstanceId"]: each["State"]["Name"] for one in told for each in one["Instances"]}

    def clear(self):
        """End all that the group has, so that no other test meets it."""
        active, machines = self.active(), [each for each, state in self.machines().items() if state != "terminated"]
        if active:
            self.server.client("emr").terminate_job_flows(JobFlowIds=active)
        if machines:
            self.server.client("ec2").terminate_instances(InstanceIds=machines)

    def say(self, key, content):
        """What a machine says in the workspace."""
        body = content if isinstance(content, bytes) else content.encode()
        self.server.client().put_object(Bucket=self.bucket, Key=f"{self.name}/{key}", Body=body)


def emr_tags(server, cluster_id):
    """Tag the machines of a cluster, as EMR does and moto does not; return their ids."""
    emr, ec2 = server.client("emr"), server.client("ec2")
    ids = [each["Ec2InstanceId"] for each in emr.list_instances(ClusterId=cluster_id)["Instances"]]
    tags = [*emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Tags"]]
    ec2.create_tags(Resources=ids, Tags=[*tags, {"Key": "aws:elasticmapreduce:job-flow-id", "Value": cluster_id}])
    return ids


def _up(environment, bucket, name, wheelhouse, chosen, answer):
    os.environ.update(environment)
    group = Group(None, bucket, wheelhouse, name)
    try:
        answer.send(group.up(**chosen).id)
    except Exception as error:
        answer.send(f"{type(error).__name__}: {error}")
