"""The Jupyter kernel: it conforms, has `ff` and `data` from the start, and stops when it is told to."""

# The attributes of the classes are read by Jupyter's own tests.
# ruff: noqa: RUF012

from __future__ import annotations

import os
import subprocess
import sys

import jupyter_kernel_test
import nbclient
import nbformat
import notebooks
import papermill
import pytest
from machine import family, listening
from worlds import JOBS_BY, JOBS_BY_USER

import footfall
from footfall.notebook.namespace import Unopened, names

pytestmark = pytest.mark.usefixtures("kernel_prefix")

TZ = "America/Recife"
OPENED = "type(data) is ff.Dataset"
# What statements are about, where no data set is given.
TABLES = """
import pyarrow as pa
ana = dict(user_id=["ana"], timestamp=["2024-03-01T12:00:00Z"], latitude=[0.0], longitude=[0.0])
data = ff.open({"pings": pa.table(ana)})
"""


class Conforming(jupyter_kernel_test.KernelTests):
    """Jupyter's own tests of kernels, less the history that IPython's kernel does not tell as they ask."""

    __test__ = False
    settings: dict
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('oh', file=sys.stderr)"
    completion_samples = [{"text": "haversine = ff.haver", "matches": {"haversine_m"}},
                          {"text": "%%sql\nSELECT * FROM pin", "matches": {"pings"}},
                          {"text": "%%sql --all\nSELECT *\nFROM pings p\nWHERE p.longi", "matches": {"longitude"}},
                          {"text": "days = %sql SELECT local_wee", "matches": {"local_week", "local_weekday"}},
                          {"text": "%%sql\nSELECT * FROM pings WHERE true = $an", "matches": {"answer"}}]  # fmt: skip
    inspection_samples = (("%%sql\nSELECT * FROM pings", "latitude"), ("%%sql\nSELECT local_week", "timestamp"))
    error_samples = (("%%sql\nSELECT usr_id\nFROM pings", "line 1, column 8", "did you mean `user_id`"),
                     ("%%sql\nSELECT *\nFROM pingz", "line 2, column 6", "did you mean `pings`"),
                     ("%sql SELECT $answr", "line 1, column 8", "did you mean answer"),
                     ("%%sql --limt 3\nSELECT 1", "--limt", "did you mean --limit"))  # fmt: skip
    complete_code_samples = ["1", "ff.open", "def f(): pass\n\n"]
    incomplete_code_samples = ["def f():", "ff.open("]
    invalid_code_samples = ["1 2", "def"]
    code_page_something = "ff.open?"
    code_generate_error = "raise ValueError"
    code_execute_result = [{"code": "6 * 7", "result": "42"}, {"code": "ff.__name__", "result": "'footfall'"}]
    code_sql = "%sql SELECT user_id, $answer AS answer FROM pings"
    code_display_data = [{"code": "from IPython.display import HTML, display; display(HTML('<b>x</b>'))",
                          "mime": "text/html"}]  # fmt: skip
    supported_history_operations = ("tail",)
    code_inspect_sample = "ff.open"
    code_clear_output = "from IPython.display import clear_output; clear_output()"

    def execute_helper(self, code, timeout=120, **how):
        """As theirs, on a machine that has other work, too."""
        return super().execute_helper(code, timeout, **how)

    @classmethod
    def setUpClass(cls):
        cls.kernel = notebooks.running(**cls.settings)
        cls.km, cls.kc = cls.kernel.__enter__()
        assert notebooks.run(cls.kc, f"{TABLES}\nanswer = 42").ok

    @classmethod
    def tearDownClass(cls):
        cls.kernel.__exit__(None, None, None)

    def test_it_says_what_it_is(self):
        self.flush_channels()
        asked = self.kc.kernel_info()
        reply = self.kc.get_shell_msg(timeout=10)
        assert reply["parent_header"]["msg_id"] == asked
        assert reply["content"]["implementation"] == "footfall"
        assert reply["content"]["implementation_version"] == footfall.__version__
        assert "debugger" in reply["content"]["supported_features"]

    def test_statements_are_answered(self):
        shown = notebooks.run(self.kc, self.code_sql).shown[-1]
        assert "ana" in shown["text/html"] and "42" in shown["text/plain"]

    def test_names_of_statements_are_told(self):
        for code, told in self.inspection_samples:
            self.flush_channels()
            answer = reply(self.kc, self.kc.inspect(code))
            assert answer["found"] and told in answer["data"]["text/plain"], (code, answer)

    def test_errors_of_statements_are_messages(self):
        for code, *told in self.error_samples:
            failed = notebooks.run(self.kc, code)
            assert not failed.ok and failed.reply["ename"].endswith("Error"), code
            assert all(words in failed.traceback for words in told), failed.traceback
            assert "Traceback" not in failed.traceback and ".py" not in failed.traceback, failed.traceback


def is_answered(manager, **other):
    """Whether the kernel answers a client that knows of its connection what is left, and something else."""
    stranger = manager.client_factory()
    stranger.load_connection_info({**manager.get_connection_info(), **other})
    stranger.start_channels()
    try:
        stranger.wait_for_ready(timeout=1)
        return True
    except RuntimeError:
        return False
    finally:
        stranger.stop_channels()


class TestOverTcp(Conforming):
    __test__ = True
    settings = {}

    def test_nobody_with_another_key_is_answered(self):
        assert is_answered(self.km) and not is_answered(self.km, key=b"another")


class TestOverIpc(Conforming):
    __test__ = True
    settings = {"transport": "ipc"}

    def test_its_messages_go_by_no_port(self):
        """One is open: where ipykernel takes what forks print, of those who know a random key; it gives nothing."""
        assert self.km.get_connection_info()["transport"] == "ipc"
        ports = listening(family(self.km.provisioner.process.pid))
        assert len(ports) <= 1 and all(host == "127.0.0.1" for host, _ in ports)


class TestEncrypted(Conforming):
    __test__ = True
    settings = {"transport_encryption": "required"}

    def test_nobody_without_the_key_is_answered(self):
        keys = self.km.get_connection_info()
        assert keys["curve_secretkey"] and keys["curve_publickey"]
        assert is_answered(self.km) and not is_answered(self.km, curve_secretkey=None, curve_publickey=None)


@pytest.fixture(scope="module")
def client(city):
    """A client of a kernel on the sample city; the tests on it are in order."""
    with notebooks.running(env={**os.environ, "FOOTFALL_DATA": str(city), "FOOTFALL_TZ": TZ}) as (_, client):
        yield client


def reply(client, message):
    while (answer := client.get_shell_msg(timeout=10))["parent_header"].get("msg_id") != message:
        pass
    return answer["content"]


def test_looking_at_data_does_not_open_it(client):
    """Completion, inspection and lists of variables may be asked at any key."""
    assert "opens at first use" in notebooks.run(client, "print(data)").printed
    assert notebooks.run(client, "isinstance(data, ff.Dataset), hasattr(data, 'shape')").value == "(True, False)"
    assert "campaign_ctr" in reply(client, client.complete("data.campaign_"))["matches"]
    assert "run" in reply(client, client.complete("x = data.ru"))["matches"]
    told = reply(client, client.inspect("data.campaign_ctr"))
    assert told["found"] and "click" in told["data"]["text/plain"]
    assert "opens at first use" in reply(client, client.inspect("data"))["data"]["text/plain"]
    listed = client.session.msg("debug_request", {"seq": 1, "type": "request", "command": "inspectVariables"})
    client.control_channel.send(listed)
    variables = client.get_control_msg(timeout=10)["content"]["body"]["variables"]
    assert "ff" in {variable["name"] for variable in variables}
    notebooks.run(client, "%whos")
    assert notebooks.run(client, OPENED).value == "False"


def test_data_is_opened_when_something_of_it_is_asked_for(client, city_data):
    notebooks.run(client, "def ask(): return data.rows()")
    assert notebooks.run(client, OPENED).value == "False"
    assert notebooks.run(client, "ask()").value == str(city_data.rows())
    assert notebooks.run(client, OPENED).value == "True"
    assert notebooks.run(client, "data.tz").value == repr(TZ)
    assert notebooks.run(client, "data.campaign_ctr().to_arrow().num_rows").value == str(len(city_data.campaign_ctr()))


def test_a_reset_gives_the_names_back(client):
    assert notebooks.run(client, "data = 1\n%reset -f").ok
    assert notebooks.run(client, OPENED).value == "False"
    shown = notebooks.run(client, "data")
    assert shown.ok and "pings" in shown.shown[-1]["text/html"] and "pings" in shown.value
    assert notebooks.run(client, OPENED).value == "True"


def test_a_name_of_the_users_stays_the_users(client):
    assert notebooks.run(client, "data = 1\n%load_ext footfall\ndata").value == "1"


def test_a_wrong_path_is_a_message_until_it_is_right(tmp_path, city):
    later = tmp_path / "not there yet"
    with notebooks.running(env={**os.environ, "FOOTFALL_DATA": str(later)}) as (_, client):
        assert notebooks.run(client, "ff.__name__").value == "'footfall'"
        for cell in ("data.rows()", "data"):
            failed = notebooks.run(client, cell)
            assert not failed.ok
            assert "not there yet" in failed.traceback and failed.traceback.count("FOOTFALL_DATA=") == 1
            assert "Traceback" not in failed.traceback and ".py" not in failed.traceback
        later.symlink_to(city)
        assert notebooks.run(client, "data.rows()").ok and notebooks.run(client, OPENED).value == "True"


@pytest.mark.parametrize(
    ("environment", "said"),
    [({"FOOTFALL_TZ": "America/Recif"}, "America/Recif"),
     ({"FOOTFALL_ENGINE": "sparkle"}, "sparkle"),
     ({"FOOTFALL_ENGINE": "dask://127.0.0.1:1"}, "nobody answers")],
)  # fmt: skip
def test_what_cannot_be_opened_is_a_message(city, environment, said):
    data = names({"FOOTFALL_DATA": str(city), **environment})["data"]
    with pytest.raises((footfall.FootfallError, OSError), match=said) as raised:
        data.rows()
    reason, where = raised.value._render_traceback_()
    assert said in reason and all(f"{name}={value}" in where for name, value in environment.items())


def test_it_runs_as_a_module(tmp_path):
    connection = tmp_path / "connection.json"
    process = subprocess.Popen([sys.executable, "-m", "footfall.notebook", "-f", connection], stderr=subprocess.DEVNULL)
    try:
        with notebooks.connected(connection) as client:
            assert notebooks.run(client, "ff.__name__").value == "'footfall'"
    finally:
        process.kill()
        process.wait()


def test_it_starts_beside_files_named_like_modules(tmp_path):
    for name in ("random", "csv", "typing", "dataclasses", "pandas"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    (tmp_path / "mine.py").write_text("answer = 42")
    with notebooks.running(cwd=str(tmp_path)) as (_, client):
        assert notebooks.run(client, "import mine; mine.answer").value == "42"


CELLS = [
    "root = tz = None",
    "%load_ext footfall",
    "data = ff.open(root, tz=tz, progress=False)",
    "data.campaign_ctr(by='period').to_arrow().to_pylist()[:2]",
    "data.visit_attribution().to_pandas().head(3)",
    "data.rows()",
]


def by_nbclient(kernel, city):
    made = notebooks.notebook(f"root, tz = {str(city)!r}, {TZ!r}", *CELLS[1:], kernel=kernel)
    return nbclient.NotebookClient(made, timeout=60, kernel_name=kernel).execute()


def by_papermill(kernel, city, folder):
    nbformat.write(notebooks.notebook(*CELLS, kernel=kernel), folder / "in.ipynb")
    given = {"root": str(city), "tz": TZ}
    return papermill.execute_notebook(folder / "in.ipynb", folder / "out.ipynb", given, progress_bar=False)


def test_a_notebook_answers_alike_however_it_is_run(city, city_data, tmp_path):
    ours = notebooks.values(by_nbclient("footfall", city))
    assert len(ours) == 3 and ours[-1] == str(city_data.rows())
    assert notebooks.values(by_papermill("footfall", city, tmp_path)) == ours
    assert notebooks.values(by_nbclient("python3", city)) == ours


@pytest.fixture(scope="module")
def large_city(tmp_path_factory):
    return footfall.synth.city(tmp_path_factory.mktemp("large") / "city", pings=3_000_000, seed=3, progress=False)


# Enough work for many seconds on any machine: millions of pings, each near hundreds of establishments.
LONG = """
import numpy as np, pyarrow as pa
count, places, draw = 4_000_000, 1_000, np.random.default_rng(1)
long = ff.open({
    "pings": pa.table({"user_id": draw.integers(0, 100_000, count),
                       "timestamp": pa.array(np.arange(count), pa.timestamp("s", "UTC")),
                       "latitude": draw.uniform(0, 2e-4, count), "longitude": draw.uniform(0, 2e-4, count)}),
    "establishments": pa.table({"establishment_id": np.arange(places), "category": ["food"] * places,
                                "latitude": np.full(places, 1e-4), "longitude": np.full(places, 1e-4)})})
"""


def test_every_work_stops_when_it_is_told_to(large_city):
    expected = footfall.open(large_city, tz=TZ).establishment_visits(by="period").to_arrow().to_pylist()[:3]
    works = [f"data.{job}()" for job in JOBS_BY + JOBS_BY_USER]
    works += ["data.check()", "data.persist(); data.unpersist()", "data.sql('SELECT count(*) FROM visits')"]
    with notebooks.running(env={**os.environ, "FOOTFALL_DATA": str(large_city), "FOOTFALL_TZ": TZ}) as kernel:
        manager, client = kernel
        assert notebooks.run(client, LONG).ok and notebooks.run(client, "data.rows()").ok
        # What IPython imports to show its first error.
        assert not notebooks.run(client, "1 / 0").ok
        for code in ["long.visit_profile()", *(f"while True: {work}" for work in works)]:
            told, seconds = notebooks.interrupted(manager, client, code, after=0.6)
            assert told["status"] == "error" and told["ename"] == "KeyboardInterrupt", code
            assert seconds < notebooks.ENDS_WITHIN_S, code
            shown = "".join(told["traceback"])
            assert "Cell" in shown and "dataset.py" not in shown, code
            assert notebooks.run(client, "6 * 7").value == "42"
        answer = notebooks.run(client, "data.establishment_visits(by='period').to_arrow().to_pylist()[:3]")
        assert answer.value.replace("\n", "").replace(" ", "") == str(expected).replace(" ", "")


def test_an_unopened_data_set_has_no_names_of_its_own():
    """What it adds to a data set is private, and no name of a data set opens it but what a data set holds."""
    assert {name for name in vars(Unopened) if not name.startswith("_")} == set()
    unopened = Unopened("/nowhere")
    assert callable(unopened.rows) and unopened.progress is True
    with pytest.raises(AttributeError, match="shape"):
        unopened.shape  # noqa: B018
    with pytest.raises((footfall.FootfallError, OSError), match="nowhere"):
        unopened.source  # noqa: B018
