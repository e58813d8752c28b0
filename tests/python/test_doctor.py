"""What the doctor sees, says and advises: of this machine, of a bucket at real servers, of ports and keys."""

from __future__ import annotations

import json
import os
import socket
import ssl
import stat
import threading
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from typer.testing import CliRunner

from footfall import doctor
from footfall.aws import policies
from footfall.aws.workspace import VARIABLE, Workspace
from footfall.cli import app
from footfall.doctor import CHECKS, Patient, State, amazon, engines, machine
from footfall.engines.cluster import credentials
from footfall.errors import DefinitionError

OF_BUCKET = [name for name in CHECKS if name.startswith("bucket-")]
NOBODY = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture(autouse=True)
def nobodys_machine(monkeypatch):
    """Nothing is found of who runs the tests."""
    for name in [*os.environ]:
        if name.startswith(("AWS_", "FOOTFALL_", "PYSPARK_")):
            monkeypatch.delenv(name)
    for name, value in NOBODY.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def at(monkeypatch):
    """Lets the environment name a server of S3, and a workspace in a new bucket."""

    def use(server, **other):
        for name, value in {**server.environment(), **other}.items():
            monkeypatch.setenv(name, value)
        bucket = server.bucket()
        monkeypatch.setenv(VARIABLE, f"s3://{bucket}/group")
        return bucket

    return use


def found(*names):
    return {each.check: each.finding for each in doctor.examine(Patient.here(), names)}


def states(*names):
    return {name: finding.state for name, finding in found(*names).items()}


# Of this machine


def test_every_check_tells_something_and_what_is_wrong_says_what_to_do():
    told = found()
    assert list(told) == list(CHECKS)
    for name, finding in told.items():
        assert finding.seen and "the check failed" not in finding.seen, (name, finding)
        assert finding.do or finding.state is not State.WRONG, (name, finding)
    assert told["python"].state is told["glibc"].state is told["wheel"].state is State.FINE
    # Nothing is named, so nothing is wrong.
    assert {told[name].state for name in [*OF_BUCKET, "credentials", "clock", "cluster-keys"]} == {State.ABSENT}


def test_what_is_not_installed_is_not_wrong(monkeypatch):
    monkeypatch.setattr("footfall.extras.find_spec", lambda name: None)
    names = ["credentials", "dask", "spark", "kernel", "kafka"]
    told = found(*names)
    assert {told[name].state for name in names} == {State.ABSENT}
    assert all("extra `" in told[name].do for name in names)


def test_a_check_that_fails_is_a_finding_and_the_others_go_on(monkeypatch):
    def fails(patient):
        raise RuntimeError("out of ideas")

    monkeypatch.setattr(doctor, "CHECKS", {"broken": fails, "python": machine.python})
    told = found()
    assert told["broken"].state is State.WRONG and "RuntimeError: out of ideas" in told["broken"].seen
    assert told["python"].state is State.FINE


def test_a_secret_of_the_environment_is_not_told(monkeypatch):
    secret = "wJalrXUtnFEMI-planted"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    monkeypatch.setattr(
        doctor, "CHECKS", {"leaky": lambda patient: doctor.Finding(State.FINE, f"key {secret}", secret)}
    )
    told = found()["leaky"]
    assert secret not in told.seen + told.do and "[AWS_SECRET_ACCESS_KEY]" in told.seen


def test_workers_of_another_python_are_found(monkeypatch, tmp_path):
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\necho '3.9 0.0.1'\n", encoding="utf-8")
    other.chmod(0o755)
    for python, why in ((other, "3.9 0.0.1"), (tmp_path / "none", "there is no such file")):
        monkeypatch.setenv("PYSPARK_PYTHON", str(python))
        told = found("spark")["spark"]
        assert told.state is State.WRONG and why in told.seen and "PYSPARK_PYTHON=" in told.do


@pytest.mark.parametrize(("spark", "pandas", "state"), [("3.5.7", "3.0.1", State.WRONG), ("3.5.7", "2.3.1", State.FINE),
                                                        ("4.0.5", "3.0.1", State.FINE)])  # fmt: skip
def test_a_pandas_that_spark_does_not_take(monkeypatch, spark, pandas, state):
    pytest.importorskip("pyspark")
    monkeypatch.setattr(engines.metadata, "version", {"pyspark": spark, "pandas": pandas}.__getitem__)
    told = engines.spark(Patient())
    assert told.state is state and (state is State.FINE or "pandas<3" in told.do)


def test_a_cluster_that_does_not_answer(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("FOOTFALL_ENGINE", f"dask+tls://127.0.0.1:{port}")
        assert found("dask", "spark")["dask"].seen.endswith("answers")
    told = found("dask", "spark")
    assert told["dask"].state is State.WRONG and "nobody answers" in told["dask"].seen
    assert told["spark"].state is State.FINE


def test_keys_that_others_read(monkeypatch, tmp_path):
    folder = tmp_path / "credentials"
    monkeypatch.setenv(credentials.VARIABLE, str(folder))
    assert states("cluster-keys") == {"cluster-keys": State.WRONG}
    folder.mkdir(mode=0o755)
    (folder / "key.pem").write_text("k", encoding="utf-8")
    (folder / "key.pem").chmod(0o644)
    told = found("cluster-keys")["cluster-keys"]
    assert told.state is State.WRONG and str(folder / "key.pem") in told.seen
    (folder / "key.pem").chmod(stat.S_IRUSR)
    assert states("cluster-keys") == {"cluster-keys": State.FINE}


def test_settings_of_kafka_that_others_read(monkeypatch, tmp_path):
    settings = tmp_path / "client.properties"
    monkeypatch.setenv("FOOTFALL_KAFKA", str(settings))
    assert states("kafka") == {"kafka": State.WRONG}
    settings.touch(mode=0o644)
    assert "others can read" in found("kafka")["kafka"].seen
    settings.chmod(0o600)
    assert states("kafka") == {"kafka": State.FINE}


# Ports


def test_what_listens_is_read_from_the_systems_tables():
    with (
        socket.create_server(("127.0.0.1", 0)) as four,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
    ):
        there = set(machine.listeners())
        for server, address in ((four, "127.0.0.1"), (six, "::1")):
            listener = machine.Listener(server.getsockname()[1], address)
            assert listener in there and listener.is_loopback


TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0100007F:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2
   2: 0500000A:{port:04X} 00000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 3
"""


def test_a_port_that_anybody_can_use_is_wrong(monkeypatch, tmp_path):
    table = tmp_path / "tcp"
    monkeypatch.setattr(machine, "_TABLES", (str(table), str(tmp_path / "no IPv6")))
    table.write_text(TABLE.format(port=6066), encoding="ascii")
    assert found("ports")["ports"] == doctor.Finding(State.FINE, "beyond loopback: 22")
    table.write_text(TABLE.format(port=6066).replace("0100007F", "0100000A"), encoding="ascii")
    told = found("ports")["ports"]
    assert told.state is State.WRONG and told.do == "spark.master.rest.enabled=false"
    assert told.seen == "6066 at 10.0.0.1 is open beyond loopback: Spark's port for submitting jobs"


@pytest.mark.parametrize("locked", [True, False])
def test_a_scheduler_beyond_loopback_must_speak_tls(monkeypatch, tmp_path, locked):
    credentials.write_key(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    # As Dask does: who has no certificate of ours is refused.
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(tmp_path / "certificate.pem")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=answer, args=(server, context if locked else None), daemon=True).start()
        monkeypatch.setattr(machine, "_SCHEDULER", port)
        monkeypatch.setattr(machine, "listeners", lambda: [machine.Listener(port, "0.0.0.0")])
        told = found("ports")["ports"]
    assert told.state is (State.FINE if locked else State.WRONG)
    assert locked or "without TLS" in told.seen


def answer(server, context):
    """Serve one who comes, in TLS or in what is none."""
    connection, _ = server.accept()
    with connection, suppress(OSError):
        if context is None:
            connection.sendall(b"I am a scheduler, and I speak to anybody\n")
            connection.recv(1_000)
        else:
            context.wrap_socket(connection, server_side=True).close()


# Buckets


def test_a_bucket_that_nobody_has_set_up(moto, at):
    bucket = at(moto)
    told = found("credentials", "clock", *OF_BUCKET)
    assert {name: finding.state for name, finding in told.items() if finding.state is not State.FINE} == {
        "bucket-versioning": State.WRONG,
        "bucket-policy": State.WRONG,
    }
    assert "can be replaced and deleted" in told["bucket-policy"].seen and "aws policy" in told["bucket-policy"].do
    assert told["bucket-versioning"].do.startswith(f"footfall aws bucket {bucket} --apply")
    moto.client().put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert states("bucket-versioning") == {"bucket-versioning": State.FINE}
    # The object of the examination was deleted, since that was possible.
    assert moto.keys(bucket) == {}


def test_an_object_that_may_not_be_deleted_stays_in_the_groups_folder(moto, at):
    bucket = at(moto)
    assert states("bucket-create", "bucket-no-overwrite") == {
        "bucket-create": State.FINE,
        "bucket-no-overwrite": State.FINE,
    }
    assert [(key.startswith("group/doctor/"), size) for key, size in moto.keys(bucket).items()] == [(True, 0)]


def test_a_bucket_that_is_not_there(s3, at, monkeypatch):
    at(s3)
    monkeypatch.setenv(VARIABLE, "s3://no-such-bucket-of-ours/group")
    told = found(*OF_BUCKET)
    assert {finding.state for finding in told.values()} == {State.WRONG}
    assert "no such bucket" in told["bucket-read"].seen


def test_a_secret_that_does_not_belong_to_the_key(versitygw, at):
    secret = "planted/0123456789abcdef0123456789abcdef"
    at(versitygw, AWS_SECRET_ACCESS_KEY=secret)
    told = found("bucket-read", "bucket-create")
    for finding in told.values():
        assert finding.state is State.WRONG and "does not know these credentials" in finding.seen
        assert secret not in finding.seen + finding.do


def test_no_credentials_for_a_workspace(monkeypatch):
    monkeypatch.setenv(VARIABLE, "s3://bucket/group")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    told = found("credentials", "bucket-read")
    for finding in told.values():
        assert finding.state is State.WRONG and "no credentials" in finding.seen and "aws sso login" in finding.do


def test_nobody_answers(monkeypatch, moto):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for name, value in moto.environment(f"http://127.0.0.1:{port}").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(VARIABLE, "s3://bucket/group")
    assert states("bucket-read") == {"bucket-read": State.WRONG}


@pytest.mark.parametrize("minutes, state", [(0, State.FINE), (-20, State.WRONG), (20, State.WRONG)])
def test_a_clock_that_is_wrong(monkeypatch, minutes, state):
    then = format_datetime(datetime.now(timezone.utc) + timedelta(minutes=minutes), usegmt=True)
    answer = {"ResponseMetadata": {"HTTPHeaders": {"date": then}}}
    monkeypatch.setattr(amazon, "_listed", lambda patient: answer)
    monkeypatch.setenv(VARIABLE, "s3://bucket/group")
    told = found("clock")["clock"]
    assert told.state is state and ("behind" in told.seen) == (minutes > 0)


def refusing(client, operations, policy=None):
    """A client whose bucket refuses some operations; what S3 itself answers, since no server here knows conditions."""
    from botocore.stub import ANY, Stubber

    stub = Stubber(client)
    for name in operations:
        stub.add_client_error(name, "AccessDenied")
    if policy is not None:
        stub.add_response("get_bucket_policy", {"Policy": json.dumps(policy)}, {"Bucket": ANY})
    return stub


@pytest.mark.parametrize("kind", ["ours", "plain HTTP", "not told"])
def test_a_bucket_whose_policy_is_in_force(moto, at, kind):
    at(moto)
    patient = Patient.here()
    assert CHECKS["bucket-create"](patient).state is State.FINE
    policy = policies.of_bucket(patient.space.bucket)
    if kind == "plain HTTP":
        policy = {"Statement": [each for each in policy["Statement"] if "Http" not in each["Sid"]]}
    refused = ["put_object", "delete_object", *(["get_bucket_policy"] if kind == "not told" else [])]
    with refusing(patient.s3, refused, None if kind == "not told" else policy) as stub:
        told = CHECKS["bucket-policy"](patient)
        stub.assert_no_pending_responses()
    assert told.state is (State.WRONG if kind == "plain HTTP" else State.FINE)
    assert ("takes plain HTTP" in told.seen) == (kind == "plain HTTP")


def test_a_role_that_may_not_ask_about_versions(moto, at):
    at(moto)
    patient = Patient.here()
    with refusing(patient.s3, ["get_bucket_versioning"]):
        assert CHECKS["bucket-versioning"](patient).state is State.ABSENT


# The command


def test_the_command_tells_a_line_for_each_check_and_its_exit_code(monkeypatch):
    done = CliRunner().invoke(app, ["doctor", "--only", "python", "--only", "glibc"])
    assert done.exit_code == 0
    assert [line.split()[:2] for line in done.output.splitlines()] == [["fine", "python"], ["fine", "glibc"]]
    monkeypatch.setenv("FOOTFALL_KAFKA", "/no/such/file")
    done = CliRunner().invoke(app, ["doctor", "--only", "kafka"])
    assert done.exit_code == 1 and "  ->  " in done.output


def test_the_command_writes_json():
    done = CliRunner().invoke(app, ["doctor", "--json", "--only", "python", "--only", "bucket-read"])
    told = json.loads(done.stdout)
    assert [(each["check"], each["state"]) for each in told] == [("python", "fine"), ("bucket-read", "absent")]
    assert all(set(each) == {"check", "state", "seen", "do"} for each in told)


def test_what_is_asked_of_the_command_must_make_sense(monkeypatch):
    with pytest.raises(DefinitionError, match="check 'brain': there is none; the checks are python, "):
        doctor.examine(Patient(), ["brain"])
    assert CliRunner().invoke(app, ["doctor", "--only", "brain"]).exit_code == 2
    assert CliRunner().invoke(app, ["doctor", "--workspace", "a-folder"]).exit_code == 2


def test_the_checks_stand_in_the_documentation(project):
    page = (project / "docs" / "install.md").read_text(encoding="utf-8")
    assert [name for name in CHECKS if f"| `{name}` |" not in page] == []


def test_hostile_names_stay_text(tmp_path):
    folder = tmp_path / "\x1b[31mred"
    finding = engines.keys(Patient({credentials.VARIABLE: str(folder)}, Workspace("bucket", "group")))
    assert "\x1b" in finding.seen
    done = CliRunner().invoke(app, ["doctor", "--only", "cluster-keys"], env={credentials.VARIABLE: str(folder)})
    assert done.exit_code == 1 and "\x1b" not in done.output
