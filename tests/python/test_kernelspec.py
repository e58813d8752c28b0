"""Kernelspecs: what `footfall kernel install`, `list` and `remove` write, tell and leave behind."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import notebooks
import pytest
from notebooks import footfall_kernel

pytestmark = pytest.mark.usefixtures("kernel_prefix")

TZ = "America/Recife"


def spec_in(folder):
    return json.loads((Path(folder) / "share/jupyter/kernels/footfall/kernel.json").read_text("utf-8"))


def test_the_command_writes_lists_and_removes_a_kernelspec(tmp_path, city):
    footfall_kernel("install", "--prefix", tmp_path, "--data", city, "--tz", TZ, "--engine", "local")
    spec = spec_in(tmp_path)
    assert spec["argv"][0] == sys.executable and "footfall.notebook" in spec["argv"][2]
    wanted = {"FOOTFALL_DATA": str(city), "FOOTFALL_TZ": TZ, "FOOTFALL_ENGINE": "local"}
    assert spec["env"] == wanted
    assert spec["metadata"] == {"debugger": True, "supported_encryption": ["curve"]}
    assert spec["interrupt_mode"] == "signal"
    listed = footfall_kernel("list", "--prefix", tmp_path)
    assert all(text in listed for text in (str(tmp_path), sys.executable, str(city), TZ, "local"))
    # What was said before is not kept.
    footfall_kernel("install", "--prefix", tmp_path)
    assert spec_in(tmp_path)["env"] == {}
    assert str(tmp_path) in footfall_kernel("remove", "--prefix", tmp_path)
    assert not list(tmp_path.rglob("kernel.json"))
    assert "no kernel" in footfall_kernel("list", "--prefix", tmp_path)
    assert "no kernel" in footfall_kernel("remove", "--prefix", tmp_path, code=2)


def test_the_kernel_of_a_written_spec_has_its_data(tmp_path, city, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    monkeypatch.chdir(city.parent)
    footfall_kernel("install", "--prefix", tmp_path, "--data", city.name, "--tz", TZ)
    with notebooks.running(cwd="/") as (_, client):
        assert notebooks.run(client, "data.source, data.tz").value == repr((str(city), TZ))


def test_the_files_of_maps_come_and_go_with_the_kernel(project, tmp_path):
    """A server in another environment serves them to the pages of its notebooks."""
    built = project / "python/footfall/maps/static"
    footfall_kernel("install", "--prefix", tmp_path)
    served = tmp_path / "share/jupyter/labextensions/footfall/static"
    assert sorted(path.name for path in served.rglob("*")) == sorted(path.name for path in built.rglob("*"))
    footfall_kernel("remove", "--prefix", tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_by_default_the_kernel_is_the_users(kernel_prefix):
    footfall_kernel("install")
    there = kernel_prefix / "user" / "kernels" / "footfall"
    assert (there / "logo-svg.svg").exists()
    listed = footfall_kernel("list")
    assert str(there) in listed and str(kernel_prefix / "share") in listed
    footfall_kernel("remove", "--user")
    assert not there.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--data", "/x", "--tz", "America/Recif"], "America/Recif"),
     (["--data", "/x", "--engine", "sparkle"], "expected local, dask, spark"),
     (["--data", "/x", "--engine", "dask://"], "expected local, dask, spark"),
     (["--tz", "UTC"], "--data"), (["--data", ""], "names no folder"), (["--user"], "only one")],
)  # fmt: skip
def test_what_could_not_be_opened_is_refused(tmp_path, options, said):
    assert said in footfall_kernel("install", "--prefix", tmp_path, *options, code=2)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_yet_is_told(tmp_path):
    told = footfall_kernel("install", "--prefix", tmp_path, "--data", tmp_path / "later")
    assert "warning" in told and spec_in(tmp_path)["env"]["FOOTFALL_DATA"] == str(tmp_path / "later")


def test_a_spec_that_others_wrote_is_listed_as_text(tmp_path):
    folder = tmp_path / "share/jupyter/kernels/footfall"
    folder.mkdir(parents=True)
    for content, said in [("{", "unreadable"), ("[]", "unreadable"), ('{"argv": ["\\u001b[2J[red]x"]}', "[2J[red]x")]:
        (folder / "kernel.json").write_text(content)
        listed = footfall_kernel("list", "--prefix", tmp_path)
        assert said in listed and "\x1b" not in listed


def test_the_wheel_carries_the_kernelspec_of_the_package(project):
    """Pip unpacks `footfall.data/data` into the environment: Jupyter's launcher has the kernel then."""
    package = project / "python/footfall/notebook/kernelspec"
    wheel = project / "footfall.data/data/share/jupyter/kernels/footfall"
    files = {path.name: path.read_bytes() for path in package.iterdir()}
    assert {"kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"} == set(files)
    assert {path.name: path.read_bytes() for path in wheel.iterdir()} == files
    assert json.loads(files["kernel.json"])["argv"][0] == "python"
