"""The wheelhouse: what pip installs from the folder alone, and refuses if a byte of it is another."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import subprocess
import sys
import venv
import zipfile

import pytest

NOWHERE = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}


@pytest.fixture(scope="module")
def tool(project):
    spec = importlib.util.spec_from_file_location("wheelhouse", project / "tools" / "wheelhouse.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tiny_wheel(folder, name, version="1.0", needs=()):
    """A wheel with one module, as pip takes it."""
    info = f"{name}-{version}.dist-info"
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {each}" for each in needs),
    ]
    files = {
        f"{name}.py": f"version = {version!r}\n",
        f"{info}/METADATA": "\n".join(lines) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={digest(text)},{len(text)}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return wheel


def digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def house(tool, tmp_path):
    """A wheelhouse of two tiny packages, one of which needs the other."""
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    tiny_wheel(folder, "tiny_shop", needs=["tiny_door>=1"])
    tiny_wheel(folder, "tiny_door", "1.2")
    tool.finish(folder, "x86_64")
    return folder


def install(house, target):
    # As a node installs: from the folder, by the lock.
    options = ["--no-index", "--find-links", ".", "--no-deps", "--require-hashes", "-r", "requirements.lock"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), *options]
    return subprocess.run(
        command, cwd=house, capture_output=True, text=True, timeout=120, env={**os.environ, **NOWHERE}
    )


def test_the_lock_names_every_wheel_once_by_version_and_hash(tool, house):
    lines = (house / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == [f"# python {sys.version_info[0]}.{sys.version_info[1]}", "# machine x86_64"]
    door, shop = (tool.sha256(house / f"{name}-py3-none-any.whl") for name in ("tiny_door-1.2", "tiny_shop-1.0"))
    assert lines[2:] == [f"tiny-door==1.2 --hash=sha256:{door}", f"tiny-shop==1.0 --hash=sha256:{shop}"]


def test_pip_installs_from_the_folder_alone_and_refuses_another_byte(house, tmp_path):
    done = install(house, tmp_path / "there")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "there" / "tiny_shop.py").exists() and (tmp_path / "there" / "tiny_door.py").exists()
    tiny_wheel(house, "tiny_door", "1.2", needs=["tiny_shop"])
    done = install(house, tmp_path / "again")
    assert done.returncode != 0 and "DO NOT MATCH THE HASHES" in done.stderr
    assert not (tmp_path / "again" / "tiny_door.py").exists()


def test_the_manifest_is_read_by_sha256sum_and_names_every_other_file(tool, house):
    (house / "bootstrap.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    tool.finish(house, "x86_64")
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "manifest"], cwd=house, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    named = [line.split()[0].removesuffix(":") for line in checked.stdout.splitlines()]
    assert named == sorted(named) == sorted(path.name for path in house.iterdir() if path.name != "manifest")
    (house / "bootstrap.sh").write_text("#!/bin/sh\nrm -rf /\n", encoding="utf-8")
    assert subprocess.run(["sha256sum", "--check", "--quiet", "manifest"], cwd=house, capture_output=True).returncode


def test_the_same_files_give_the_same_bytes_and_name(tool, house, tmp_path):
    source = tmp_path / "source"
    (source / "deploy" / "__pycache__").mkdir(parents=True)
    (source / "deploy" / "__pycache__" / "x.pyc").write_bytes(b"x")
    (source / "deploy" / "run").write_text("#!/bin/sh\n", encoding="utf-8")
    (source / "deploy" / "run").chmod(0o755)
    (source / "bootstrap.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    names, packed = ["bootstrap.sh", "deploy"], []
    for moment in (1_000_000_000, 1_500_000_000):
        os.utime(source / "deploy" / "run", (moment, moment))
        tool.tar(house / "node.tar.gz", source, names)
        tool.finish(house, "x86_64")
        packed.append(((house / "node.tar.gz").read_bytes(), tool.name_of(house)))
    assert packed[0] == packed[1] and len(packed[0][1]) == 16
    listed = subprocess.run(["tar", "-tvzf", house / "node.tar.gz"], capture_output=True, text=True, check=True).stdout
    assert [line.split()[0] for line in listed.splitlines()] == ["-rw-r--r--", "drwxr-xr-x", "-rwxr-xr-x"]
    assert [line.split()[-1] for line in listed.splitlines()] == ["bootstrap.sh", "deploy/", "deploy/run"]


def test_what_git_ignores_and_the_package_reads_is_named_for_the_wheel(project):
    """maturin leaves out what git ignores, unless it is told."""
    told = (project / "pyproject.toml").read_text(encoding="utf-8")
    ignored = (project / ".gitignore").read_text(encoding="utf-8").split()
    folders = [line.strip("/") for line in ignored if line.startswith("/python/footfall/") and line.endswith("/")]
    assert "python/footfall/maps/static" in folders
    assert [folder for folder in folders if f'path = "{folder}/*"' not in told] == []


def test_two_versions_of_a_package_are_an_error(tool, house):
    tiny_wheel(house, "tiny_door", "1.3")
    with pytest.raises(SystemExit, match="has tiny-door twice"):
        tool.finish(house, "x86_64")


def test_platforms_are_those_that_a_machine_runs(tool):
    found = list(tool.tags("x86_64", "2.18"))
    assert found[:3] == ["manylinux_2_18_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]
    assert found[-1] == "linux_x86_64" and "manylinux_2_19_x86_64" not in found
    with pytest.raises(SystemExit, match=r"2\.N"):
        list(tool.tags("x86_64", "musl"))


def test_the_wheel_of_the_machine_that_was_built_last_is_taken(tool, tmp_path):
    with pytest.raises(SystemExit, match="has no wheel for aarch64; `make wheel`"):
        tool.newest_wheel(tmp_path, "aarch64")
    for seconds, name in (
        (3, "0.1.0-cp39-abi3-x_aarch64"),
        (1, "0.1.0-cp39-abi3-x_x86_64"),
        (2, "0.2.0-cp39-abi3-x_x86_64"),
    ):
        (tmp_path / f"footfall-{name}.whl").touch()
        os.utime(tmp_path / f"footfall-{name}.whl", (seconds, seconds))
    assert tool.newest_wheel(tmp_path, "x86_64").name.startswith("footfall-0.2.0")


def test_the_version_of_what_has_no_wheel_is_that_of_the_tests(tool):
    assert tool.pinned("pyspark").startswith("pyspark==")
    with pytest.raises(SystemExit, match="no version of nothing"):
        tool.pinned("nothing")


def test_nodes_get_a_pandas_that_their_spark_takes(tool, tmp_path, monkeypatch):
    """EMR 7 has Spark 3.5, whose functions on Arrow data do not know pandas 3."""
    offered, fetched = tmp_path / "offered", tmp_path / "fetched"
    offered.mkdir()
    fetched.mkdir()
    for version in ("2.3.1", "3.0.0"):
        tiny_wheel(offered, "pandas", version)
    wheel = tiny_wheel(offered, "tiny_shop", needs=["pandas>=2.2"])
    for name, value in {**NOWHERE, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(offered)}.items():
        monkeypatch.setenv(name, value)
    tool.fetch(wheel, "pandas", "x86_64", tool.NEWEST_GLIBC, fetched)
    assert [path.name for path in fetched.glob("pandas-*")] == ["pandas-2.3.1-py3-none-any.whl"]


@pytest.mark.slow
def test_an_environment_installs_from_the_real_wheelhouse_alone(project, tmp_path):
    house = project / "build" / "wheelhouse"
    if not (house / "manifest").exists():
        pytest.skip("make wheel wheelhouse makes it")
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "manifest"], cwd=house, check=True, timeout=300)
    venv.create(tmp_path / "node", with_pip=True)
    python = tmp_path / "node" / "bin" / "python"
    options = ["--no-index", "--find-links", ".", "--no-deps", "--require-hashes", "-r", "requirements.lock"]
    clean = {**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, **NOWHERE}
    subprocess.run([python, "-m", "pip", "install", "--quiet", *options], cwd=house, env=clean, check=True, timeout=900)
    subprocess.run([python, "-m", "pip", "check"], env=clean, check=True, timeout=120)
    command = [tmp_path / "node" / "bin" / "footfall", "doctor", "--only", "wheel", "--only", "extras"]
    told = subprocess.run(
        command, env=clean, capture_output=True, text=True, check=True, timeout=120, cwd=tmp_path
    ).stdout
    assert "; not" not in told and str(tmp_path / "node") in told
