"""Our wheel in a root of Debian 11 (glibc 2.31, Python 3.9) that has nothing else of ours: `make wheel-test`.

    python tests/python/wheel_in_debian.py [--machine x86_64|aarch64] [--wheel FILE] [--root DIR]

As root. The root's packages are unpacked and not set up, so that another machine's need no more than qemu-user-static.
The wheel and what the base asks for come by the root's own Python; then `base_only.py` asks all jobs, and S3 at moto.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import base_only
import s3_servers

ROOT = Path(__file__).parents[2]
DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}
SUITE, PYTHON = "bullseye", "3.9"
PACKAGES = "python3,python3-distutils,ca-certificates"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"


def main():
    given = arguments()
    check_tools(given.machine)
    root = given.root or ROOT / "build" / "debian-11" / given.machine
    if not (root / "usr" / "bin" / "python3").exists():
        unpack(root, given.machine)
    wheel = given.wheel or newest(given.machine)
    install(root, given.machine, wheel)
    with tempfile.TemporaryDirectory(prefix="footfall-moto-") as folder:
        server = s3_servers.moto(folder)
        try:
            space = {"FOOTFALL_WORKSPACE": f"s3://{server.bucket()}/group", **server.environment()}
            shutil.copy(base_only.__file__, root / "opt" / "base_only.py")
            done = python(root, given.machine, "/opt/base_only.py", PYTHONPATH="/opt/base", **space)
        finally:
            server.stop()
    print(f"{wheel.name}: {'passed' if done.returncode == 0 else 'FAILED'} on Debian 11, {given.machine}")
    return done.returncode


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--machine", choices=list(DEBIAN), default=platform.machine())
    parser.add_argument("--wheel", type=Path)
    parser.add_argument("--root", type=Path)
    return parser.parse_args()


def check_tools(machine):
    """End, and say what to install, where a root could not be made or entered."""
    if os.geteuid():
        sys.exit("this needs root: it enters a root of its own")
    emulator = [] if machine == platform.machine() else [f"qemu-{machine}-static"]
    absent = [tool for tool in ("debootstrap", "dpkg-deb", "unshare", *emulator) if shutil.which(tool) is None]
    if absent:
        sys.exit(f"{', '.join(absent)}: not here; of Debian's packages debootstrap, dpkg, util-linux, qemu-user-static")


def newest(machine):
    found = sorted((ROOT / "build" / "wheels").glob(f"footfall-*{machine}.whl"), key=lambda file: file.stat().st_mtime)
    return found[-1] if found else sys.exit(f"there is no wheel for {machine}: make wheel MACHINE={machine}")


def unpack(root, machine):
    """Fetch Debian's packages and unpack them, without running anything of them."""
    root.parent.mkdir(parents=True, exist_ok=True)
    options = [f"--arch={DEBIAN[machine]}", "--foreign", "--variant=minbase", f"--include={PACKAGES}"]
    subprocess.run(["debootstrap", *options, SUITE, str(root)], check=True, stdout=subprocess.DEVNULL)
    for package in sorted((root / "var" / "cache" / "apt" / "archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "--extract", str(package), str(root)], check=True)


def install(root, machine, wheel):
    """Install the wheel and what its base asks for by the root's Python, with a pip that knows it."""
    opt = root / "opt"
    shutil.rmtree(opt, ignore_errors=True)
    opt.mkdir()
    fetch = ["--no-deps", "--only-binary", ":all:", "--python-version", PYTHON, "--dest", str(opt), "pip"]
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", *fetch], check=True)
    shutil.copy(wheel, opt)
    (root / CERTIFICATES).parent.mkdir(parents=True, exist_ok=True)
    for file in ("etc/resolv.conf", CERTIFICATES):
        shutil.copyfile(Path("/") / file, root / file)
    pip = next(opt.glob("pip-*.whl"))
    options = ["--quiet", "--root-user-action=ignore", "--no-compile", "--target", "/opt/base", f"/opt/{wheel.name}"]
    done = python(root, machine, f"/opt/{pip.name}/pip", "install", *options, PIP_CERT=f"/{CERTIFICATES}")
    if done.returncode:
        sys.exit(f"{wheel.name}: cannot be installed on Debian 11, {machine}")


def python(root, machine, *words, **environment):
    """Run Python in the root, with what /proc tells; the mount goes with the process."""
    emulator = [] if machine == platform.machine() else ["/usr/bin/qemu-static"]
    if emulator:
        shutil.copy(shutil.which(f"qemu-{machine}-static"), root / emulator[0].lstrip("/"))
    clean = {"PATH": "/usr/bin:/bin", "HOME": "/root", "LANG": "C.UTF-8", **environment}
    command = ["chroot", str(root), *emulator, "/usr/bin/python3", *words]
    script = f'mkdir -p "{root}/proc" "{root}/tmp" && mount -t proc proc "{root}/proc" && exec "$@"'
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *command], env={**clean, "PATH": os.environ["PATH"]}
    )


if __name__ == "__main__":
    sys.exit(main())
