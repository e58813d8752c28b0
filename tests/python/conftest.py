"""What the tests share: the helper modules beside them, an opened world, a sample city."""

from __future__ import annotations

import os
import re
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest

# pytest imports tests by path (--import-mode=importlib), which leaves their folder out of the search path.
sys.path.insert(0, str(Path(__file__).parent))

ENGINES = ["local", "dask", "spark"]
PROJECT = Path(__file__).parents[2]
CITY_PINGS = 200_000


@pytest.fixture(scope="session")
def project():
    """The folder of the project."""
    return PROJECT


@pytest.fixture(scope="session")
def city(tmp_path_factory):
    """A small synthetic city, made once."""
    import footfall

    root = tmp_path_factory.mktemp("city") / "recife"
    return footfall.synth.city(root, pings=CITY_PINGS, seed=7, progress=False)


@pytest.fixture(scope="session")
def city_data(city):
    """The city, opened."""
    import footfall

    return footfall.open(city, tz="America/Recife", progress=False)


# What is asked of every engine: all that is asked by `ask` in these modules.
ON_EVERY_ENGINE = ("test_oracle", "test_boundaries", "test_engines", "test_users")


def pytest_generate_tests(metafunc):
    if "engine" in metafunc.fixturenames:
        everywhere = metafunc.module.__name__.rpartition(".")[2] in ON_EVERY_ENGINE
        metafunc.parametrize("engine", ENGINES if everywhere else ENGINES[:1], indirect=True, scope="session")


# A job on a cluster takes as long as a hundred on one machine: clusters answer for the first of the seeded worlds.
SEEDS_ON_CLUSTERS = 2


def pytest_collection_modifyitems(config, items):
    def is_left_out(item):
        asked = item.callspec.params if hasattr(item, "callspec") else {}
        return asked.get("engine", "local") != "local" and asked.get("seed", 0) >= SEEDS_ON_CLUSTERS

    left_out = [item for item in items if is_left_out(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not is_left_out(item)]
    items.sort(key=lambda item: rank_of(process_of(item.nodeid)))


# What several processes begin first, since it lasts. Tests at one server that takes long to start share a process.
LONG = ("spark", "kafka", "dask", "test_jupyterhub", "test_notebook_outputs", "test_doors", "test_aws_machines")
WITH_OWN_CLUSTERS = ("test_doors", "test_cluster", "test_notebook_runs")
OF_ENGINE = re.compile(r"\[(?:.*-)?(spark|dask)(?:-.*)?\]$")


def process_of(nodeid):
    """Name the process that runs a test, if several do: that of its file, or of the server that it needs."""
    file = Path(nodeid.partition("::")[0]).stem
    if file.startswith(("test_live_kafka", "test_live_spark")):
        return "kafka"
    if file == "test_many_worlds":
        return f"{file} {zlib.crc32(nodeid.encode()) % 8}"
    engine = OF_ENGINE.search(nodeid)
    return engine[1] if engine and file not in WITH_OWN_CLUSTERS else file


def rank_of(process):
    """How early a process begins: the least first."""
    return LONG.index(process) if process in LONG else len(LONG)


def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class ByProcess(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return process_of(nodeid)

    config.option.loadscopereorder = False
    return ByProcess(config, log)


@pytest.fixture(scope="session")
def engine(request, clusters):
    """What `footfall.open` takes as engine: this machine, or a real cluster on it."""
    return clusters(request.param)


@pytest.fixture(scope="session")
def clusters(live_clusters):
    """The address of an engine's cluster, as `footfall.open` takes it."""

    def address(engine):
        return engine if engine == "local" else live_clusters(engine)[0].address

    return address


@pytest.fixture(params=["dask", "spark"])
def remote(request, clusters):
    """The address of a cluster."""
    return clusters(request.param)


@pytest.fixture(scope="session")
def live_clusters():
    """Starts each engine's cluster once, when it is first asked for; the cluster, and a connection to it."""
    from footfall.engines import cluster, distributed
    from footfall.engines.cluster import credentials

    # Worlds are small, and shall fall apart all the same.
    distributed.ROWS_PER_PIECE, distributed.PIECES_PER_CORE = 9, 2
    # A Java that lives for minutes compiles as fast as it can, and no page shows it. A process has one session at most.
    settings = {"spark": {"spark.ui.enabled": False, "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1"}}
    running = {}

    def live(engine):
        if engine not in running:
            started = cluster.start(engine)
            running[engine] = started, started.connect(**settings.get(engine, {}))
            folders = [str(started.credentials) for started, _ in running.values()]
            os.environ[credentials.VARIABLE] = os.pathsep.join(folders)
        return running[engine]

    yield live
    for started, connection in running.values():
        (connection.close if started.engine == "dask" else connection.stop)()
        started.stop()
    os.environ.pop(credentials.VARIABLE, None)


NO_KAFKA = "Apache Kafka comes by Maven, and no mvn is here: ./bootstrap.sh --tests installs it"


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory):
    """A Kafka broker, started once, when it is first asked for; or the one that the environment names."""
    import brokers

    if not brokers.can_start():
        pytest.skip(NO_KAFKA)
    started = brokers.start(tmp_path_factory.mktemp("kafka"))
    yield started
    started.stop()


@pytest.fixture
def own_broker():
    """A Kafka broker that a test may restart."""
    import brokers

    from footfall.live import kafka

    if not brokers.has_maven():
        pytest.skip(NO_KAFKA)
    with kafka.broker.start() as started:
        yield started


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    """moto's S3 server, started once; it takes any signature."""
    import s3_servers

    server = s3_servers.moto(tmp_path_factory.mktemp("moto"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def versitygw(tmp_path_factory):
    """versitygw, an S3 server started once: it checks signatures and policies, and serves ranges of files."""
    import s3_servers

    server = s3_servers.versitygw(tmp_path_factory.mktemp("versitygw"))
    yield server
    server.stop()


@pytest.fixture(params=["moto", "versitygw"])
def s3(request):
    """Each of the two S3 servers."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def ask(engine):
    """Opens a world (or tables) quietly on each engine."""
    import footfall

    def opened(world, **options):
        tables = world.tables() if hasattr(world, "tables") else world
        tz = options.pop("tz", getattr(world, "tz", "UTC"))
        # Worlds may have more rows that cannot be used than others.
        return footfall.open(tables, **{"tz": tz, "engine": engine, "progress": False, "max_unusable": 1, **options})

    return opened


@pytest.fixture(scope="module")
def kernel_prefix(tmp_path_factory):
    """An environment of its own, with our kernel in it, and nothing of the user's."""
    import notebooks

    folder = tmp_path_factory.mktemp("jupyter")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder / "share" / "jupyter"))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
        patch.setenv("JUPYTER_DATA_DIR", str(folder / "user"))
        patch.setenv("JUPYTER_CONFIG_DIR", str(folder / "config"))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        for name in ("FOOTFALL_DATA", "FOOTFALL_TZ", "FOOTFALL_ENGINE"):
            patch.delenv(name, raising=False)
        notebooks.footfall_kernel("install", "--prefix", folder)
        yield folder


# Of live suggestions.


@pytest.fixture(params=["oracle", "native"])
def live(request):
    """A module with LiveTables and Detector: the extension, and the oracle that must agree with the same prose."""
    import live_oracle

    from footfall import _native

    if request.param == "oracle":
        return live_oracle
    return SimpleNamespace(LiveTables=_native.LiveTables, Detector=_native.Detector)


@pytest.fixture(params=[1, 30, 120], ids=lambda every: f"{every}s")
def every(request):
    """The seconds between two fixes."""
    return request.param


@pytest.fixture
def town(kafka_broker, tmp_path):
    """Tables, fixes, what is suggested, and a topic."""
    import kafka_towns

    return kafka_towns.Town(kafka_broker, tmp_path)


@pytest.fixture(scope="session")
def known():
    """What a detector knows of a small town."""
    import live_traffic

    return live_traffic.tables()


@pytest.fixture(scope="session")
def fixes():
    """Fixes of the small town."""
    import live_traffic

    return live_traffic.fixes()


@pytest.fixture(scope="session")
def wanted(known, fixes):
    """The ids of what an uninterrupted replay of these fixes suggests."""
    import live_traffic

    return sorted(live_traffic.replayed(known, fixes)["suggestion_id"].to_pylist())


# Of clusters on AWS.


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory):
    """A wheelhouse with all that `footfall cluster up` reads of one."""
    import aws_groups

    return aws_groups.small_wheelhouse(tmp_path_factory.mktemp("aws") / "wheelhouse")


@pytest.fixture
def group(moto, wheelhouse, monkeypatch):
    """A group at moto, which has nothing yet."""
    import aws_groups

    for name, value in moto.environment().items():
        monkeypatch.setenv(name, value)
    new = aws_groups.Group(moto, moto.bucket(), wheelhouse)
    yield new
    new.clear()
