"""Vega in a process of its own: it takes a second to start and holds Python's lock, while the next jobs could run.

Altair, which takes long to import, is imported beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Any

from footfall.errors import InternalError
from footfall.inputs.paths import cache
from footfall.output.text import in_script

# Ctrl-C is for the process that waits; when it goes, the lines end. The first drawing loads Vega.
_WORKER = """
import json, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.path[:] = json.loads(sys.argv[1])
import vl_convert
vl_convert.vegalite_to_svg({"data": {"values": []}, "mark": "point"})
for line in sys.stdin:
    name, given, version = json.loads(line)
    try:
        answer = [getattr(vl_convert, name)(given, vl_version=version), None]
    except Exception as error:
        answer = [None, str(error)]
    print(json.dumps(answer), flush=True)
"""


class Vega:
    """Draws Vega-Lite, and bundles scripts that draw it, one after the other, behind the caller's back."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WORKER, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        self._queue = ThreadPoolExecutor(max_workers=1)
        self._queue.submit(_vega_lite)

    def __enter__(self) -> Vega:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._process.kill()
        self._queue.shutdown()
        self._process.communicate()

    def svg(self, spec: dict[str, Any]) -> Future[str]:
        """Return the picture of a Vega-Lite specification, once it is drawn."""
        return self._queue.submit(self._answer, "vegalite_to_svg", spec)

    def script(self, source: str) -> Future[str]:
        """Return a JavaScript module of `source` and the libraries that it names; made once on this machine."""
        return self._queue.submit(self._bundle, source)

    def _bundle(self, source: str) -> str:
        key = repr((source, _vega_lite(), version("vl-convert-python"))).encode()
        file = cache() / f"{hashlib.sha256(key).hexdigest()}.js"
        with suppress(OSError):
            return file.read_text(encoding="utf-8")
        made = in_script(self._answer("javascript_bundle", source))
        # A cache that cannot be written costs time only.
        with suppress(OSError):
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with NamedTemporaryFile("w", dir=file.parent, encoding="utf-8", delete=False) as unfinished:
                unfinished.write(made)
            os.replace(unfinished.name, file)
        return made

    def _answer(self, name: str, given: Any) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None, "they are pipes"
        try:
            self._process.stdin.write(json.dumps([name, given, _vega_lite()]) + "\n")
            self._process.stdin.flush()
            made, error = json.loads(self._process.stdout.readline())
        except (OSError, ValueError) as ended:
            raise InternalError("the process that draws charts has ended; standard error says why") from ended
        if error is not None:
            raise InternalError(f"a chart cannot be drawn: {error}")
        return str(made)


def _vega_lite() -> str:
    """Return the version of Vega-Lite that Altair writes, as vl-convert calls it."""
    import altair

    return ".".join(altair.SCHEMA_VERSION.lstrip("v").split(".")[:2])
