"""A real JupyterHub with two accounts of this machine, who log in by browser: neither gets anything of the other's.

The tests go on from each other, in order: log in, work, look around as the other, and leave.
"""

from __future__ import annotations

import json
import re
import shutil
import stat
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import accounts
import hubs
import lab
import nbformat
import notebooks
import pytest
import strangers
from machine import listening

from footfall.engines.cluster import credentials

IDLE_S = 60
# The machine may be busy.
PATIENCE_S = 280
TOUR = "footfall/00_tour.ipynb"
# What a Java that is killed leaves in /tmp, wherever it is told to write: counters without content, and a library.
JAVAS = re.compile(r"/hsperfdata_|/commons-crypto-")
# Starts a cluster of each engine, and computes until it is told to end: aloud, then without a word.
CLUSTERS = """
import json, os, time
from pathlib import Path
from footfall.engines import cluster

started = [cluster.start(engine, workers=1) for engine in ("dask", "spark")]
client, session = (each.connect() for each in started)
workers = list(client.nthreads())
told = {each.engine: [each.address, str(each.credentials)] for each in started}
Path("clusters.new").write_text(json.dumps({**told, "workers": workers, "kernel": os.getpid()}))
Path("clusters.new").rename("clusters.json")
while not Path("stop").exists():
    if not Path("quiet").exists():
        print("of nobody else", flush=True)
    time.sleep(0.1)
"""
# Reads each file of a list, of which no line is to be read.
READ = """
import json, os, sys
read = []
for path in json.load(open(sys.argv[1])):
    try:
        os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1)
    except OSError:
        continue
    read.append(path)
print(json.dumps(read))
"""
# Listens at each address, and counts the messages of kernels: another server's refusal may look like a frame, too.
LISTEN = """
import sys, time, zmq
socket = zmq.Context().socket(zmq.SUB)
socket.subscribe(b"")
for address in sys.argv[1:]:
    socket.connect(address)
messages, until = 0, time.monotonic() + 10
while messages < 5 and time.monotonic() < until:
    if socket.poll(500):
        received = socket.recv_multipart()
        messages += b"<IDS|MSG>" in received or any(b"of nobody else" in frame for frame in received)
print(messages)
"""
CONNECT = """
import socket, sys
with socket.socket(socket.AF_UNIX) as asking:
    try:
        asking.connect(sys.argv[1])
        print("let in")
    except OSError as error:
        print(type(error).__name__)
"""
PS = "import subprocess; print(subprocess.run(['ps', '-eww', '-o', 'args='], capture_output=True, text=True).stdout)"


@dataclass
class Stage:
    """The hub, the two accounts, and the browser of each."""

    hub: hubs.Hub
    ana: accounts.Account
    bia: accounts.Account
    owns: dict
    modes: dict
    data: Path

    def own(self, account):
        return self.owns[account.name]

    def tab(self, account):
        return self.own(account).tab

    def page(self, account, path=""):
        return self.hub.page(account, path)


@contextmanager
def folder_for_all():
    """A folder that everybody may enter, and that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="ff-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stage(city):
    """A hub in an environment of its own, with two accounts; one is in the group that has data."""
    accounts.skip_unless_possible()
    if not hubs.PROXY.is_dir():
        pytest.skip("the hub's proxy is not there; make hub-proxy fetches it")
    pytest.importorskip("jupyterhub", reason="there is no JupyterHub, of the extra `hub`")
    with ExitStack() as made:
        folder = made.enter_context(folder_for_all())
        python = accounts.make_environment(folder)
        group = made.enter_context(accounts.made_group())
        ana = made.enter_context(accounts.made(folder, python, group=group))
        bia = made.enter_context(accounts.made(folder, python))
        port, data = settings(folder, city, group, ana, bia)
        modes = {each.name: stat.S_IMODE(each.home.stat().st_mode) for each in (ana, bia)}
        hub = made.enter_context(hubs.running(folder, port))
        open_tab = made.enter_context(lab.browser())
        owns = {each.name: hubs.log_in(hub, each, open_tab()) for each in (ana, bia)}
        yield Stage(hub, ana, bia, owns, modes, data)


def settings(folder, city, group, ana, bia):
    """Install the configuration, and give a group a data set that others cannot read; the port, and the data set."""
    hubs.install(folder)
    data = shutil.copytree(city, folder / "data")
    shutil.chown(data, group=group)
    data.chmod(0o750)
    port, hub_port = hubs.free_ports(2)
    given = [{"group": group, "root": str(data), "tz": "America/Recife"}]
    told = {"port": port, "hub_port": hub_port, "idle_minutes": IDLE_S / 60, "data": given}
    hubs.configure(folder, users=[ana.name], admins=[bia.name], **told)
    return port, data


@pytest.fixture(scope="module")
def working(stage):
    """Where the clusters of the one are, and her kernel, which computes."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CLUSTERS)])
    notebook.metadata["kernelspec"] = {"name": "footfall", "display_name": "Footfall", "language": "python"}
    file = stage.ana.home / "clusters.ipynb"
    nbformat.write(notebook, file)
    shutil.chown(file, stage.ana.name)
    tab = stage.tab(stage.ana)
    hubs.run_all(tab.open(stage.own(stage.ana), "lab", file.name))
    told = stage.ana.home / "clusters.json"
    hubs.wait_until(told.exists, PATIENCE_S, lambda: str(accounts.processes_of(stage.ana.uid)))
    return json.loads(told.read_text())


def environment_of(process):
    """What a process was told; nothing if it has ended meanwhile."""
    with suppress(OSError):
        pairs = Path(f"/proc/{process}/environ").read_bytes().decode().split("\0")
        return dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return {}


def server_of(account):
    """The process of an account's server."""
    (found,) = [
        process for process, line in accounts.processes_of(account.uid).items() if "jupyterhub.singleuser" in line
    ]
    return found


def test_both_log_in_and_run_the_tour_at_once(stage):
    both = stage.ana, stage.bia
    for account in both:
        hubs.run_all(stage.tab(account).open(stage.own(account), "lab", TOUR))
    for account in both:
        tab, file = stage.tab(account), account.home / TOUR
        tab.wait_until_done(PATIENCE_S)
        tab.save(file)
        outputs = hubs.outputs(file)
        assert len(outputs) > 15 and not [each for cell in outputs for each in cell if each["output_type"] == "error"]
        assert tab.foreign == []


def test_homes_are_their_owners_alone_and_data_is_given_by_group(stage):
    assert set(stage.modes.values()) == {0o755}
    told = {}
    for account in (stage.ana, stage.bia):
        assert stat.S_IMODE(account.home.stat().st_mode) == 0o700
        told[account.name] = environment_of(server_of(account)).get("FOOTFALL_DATA")
    assert told == {stage.ana.name: str(stage.data), stage.bia.name: None}
    assert stage.bia.says(READ, list_of([stage.data], stage)) == "[]\n"


def test_the_kernel_is_ours_and_there_is_no_news(stage):
    tab = stage.tab(stage.bia)
    specs = stage.own(stage.bia).told("kernelspecs")
    assert specs["default"] == "footfall"
    assert tab.page.locator(".jp-Toast").count() == 0 and tab.page.locator(".Toastify__toast").count() == 0
    disabled = json.loads(tab.page.locator("#jupyter-config-data").text_content())["disabledExtensions"]
    assert "@jupyterlab/debugger-extension" in disabled, "it would listen on a port"


def list_of(paths, stage):
    """A file with a list of paths, which everybody can read."""
    file = stage.hub.folder / "paths.json"
    file.write_text(json.dumps([str(path) for path in paths]))
    file.chmod(0o644)
    return file


def test_the_other_reads_no_file(stage, working):
    files = accounts.files_of(stage.ana.uid, stage.ana.home.parent, stage.hub.state / "users", *accounts.SHARED)
    kinds = {path.name for path in files}
    assert {"00_tour.ipynb", "clusters.json", "server", credentials.KEY, credentials.PROPERTIES} <= kinds
    assert len(json.loads(stage.ana.says(READ, list_of(files, stage)))) > len(files) / 2
    assert json.loads(stage.bia.says(READ, list_of(files, stage))) == []


def test_the_other_sees_no_page(stage):
    ours, theirs = (stage.tab(each).page.request for each in (stage.ana, stage.bia))
    for path in ("lab", "api/status", "api/contents", f"files/{TOUR}", "api/kernels"):
        assert ours.get(stage.page(stage.ana, path)).status == 200
        assert theirs.get(stage.page(stage.ana, path)).status == 403, "also to one who may stop it"
    seen = theirs.get(f"{stage.hub.url}hub/api/users", headers={"X-XSRFToken": "none"}).text()
    assert stage.ana.name in seen
    assert listening({server_of(stage.ana)}) == [], "no port leads to it"
    socket = stage.hub.folder_of(stage.ana) / "server"
    assert stage.ana.says(CONNECT, socket) == "let in\n"
    assert stage.bia.says(CONNECT, socket) == "PermissionError\n"


def test_no_frame_of_a_kernel_reaches_the_other(stage, working):
    """Neither by the files that kernels listen on, nor by any port that a process of hers listens on."""
    files = [f"ipc://{path}" for path in stage.hub.folder_of(stage.ana).glob("*-ipc-*")]
    # Java's are written as [::ffff:127.0.0.1].
    ports = [f"tcp://127.0.0.1:{port}" for _, port in listening(set(accounts.processes_of(stage.ana.uid)))]
    assert len(files) >= 5 and ports
    assert stage.ana.says(LISTEN, *files) == "5\n", "it speaks"
    assert stage.bia.says(LISTEN, *files, *ports) == "0\n"


def test_he_who_listens_hears_a_kernel_on_a_port(stage):
    """Which is why kernels of the hub have none; and shows that who hears nothing above would hear something."""
    with notebooks.running() as (manager, client):
        client.execute("import time\nwhile True: print('of nobody else', flush=True); time.sleep(0.1)")
        assert stage.bia.says(LISTEN, f"tcp://127.0.0.1:{manager.iopub_port}") == "5\n"


def test_no_secret_is_in_ps(stage, working):
    secrets = {stage.ana.password, stage.bia.password, (stage.hub.state / "cookie_secret").read_text().strip()}
    for process in [*processes_of_hub(stage), *accounts.processes_of(stage.ana.uid)]:
        told = environment_of(process)
        secrets |= {value for name, value in told.items() if name.endswith("TOKEN")}
    for file in stage.hub.folder_of(stage.ana).glob("kernel-*.json"):
        secrets.add(json.loads(file.read_text())["key"])
    spark = credentials.read_properties(Path(working["spark"][1]) / credentials.PROPERTIES)
    secrets.add(spark["spark.authenticate.secret"])
    listed = stage.bia.says(PS)
    assert "jupyterhub.singleuser" in listed and "configurable-http-proxy" in listed
    assert len(secrets) >= 8 and all(len(each) >= 16 for each in secrets)
    assert not [each for each in secrets if each in listed]


def processes_of_hub(stage):
    """The processes of the hub itself, its proxy and its services."""
    folder = str(stage.hub.folder)
    return [process for process, line in accounts.processes_of(0).items() if folder in line]


def test_the_other_has_no_task_on_her_dask_and_no_job_on_her_spark(stage, working, tmp_path):
    credentials.write_key(tmp_path)
    pair = [str(tmp_path / name) for name in (credentials.KEY, credentials.CERTIFICATE)]
    for file in pair:
        shutil.chown(file, stage.bia.name)
    dask = [working["dask"][0].replace("dask+tls", "tls"), *working["workers"]]
    answers = strangers.ask_dask(dask, [None, pair], stage.bia.home, stage.bia)
    assert len(answers) == 4 and all(str(each).startswith("refused") for each in answers.values()), answers
    assert strangers.ask_spark(working["spark"][0], "", stage.bia.home, stage.bia) == "refused"
    # What her own Java left when it was killed is none of the hub's.
    accounts.remove_files(stage.bia.uid, *accounts.SHARED)


@pytest.mark.slow
def test_what_computes_without_a_word_is_not_idle(stage, working):
    (stage.ana.home / "quiet").touch()
    for account in (stage.ana, stage.bia):
        stage.tab(account).page.goto("about:blank")
    time.sleep(2 * IDLE_S)
    assert working["kernel"] in accounts.processes_of(stage.ana.uid)
    assert not accounts.processes_of(stage.bia.uid), "the other server was idle"


def test_after_log_out_what_is_idle_ends_and_leaves_nothing(stage, working):
    (stage.ana.home / "stop").touch()
    for account in (stage.ana, stage.bia):
        tab = stage.tab(account)
        tab.page.goto(f"{stage.hub.url}hub/logout")
        tab.context.close()
    uids = stage.ana.uid, stage.bia.uid
    hubs.wait_until(lambda: not any(map(accounts.processes_of, uids)), PATIENCE_S, lambda: left(stage, uids))
    hubs.wait_until(lambda: not list((stage.hub.state / "users").iterdir()), 30, lambda: left(stage, uids))
    assert "write EPIPE" not in stage.hub.log, "the proxy wrote to a server that had closed the connection"
    files = [path for uid in uids for path in accounts.files_of(uid, *accounts.SHARED)]
    assert [str(path) for path in files if not JAVAS.search(str(path))] == []


def left(stage, uids):
    return f"{[accounts.processes_of(uid) for uid in uids]}\n{stage.hub.log[-3_000:]}"
