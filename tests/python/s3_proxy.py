"""A small HTTP proxy between a client of S3 and a server: it counts what passes, and spoils answers by a plan.

A plan is a function: given a `Request`, it tells the `Fault` of its answer, a status to give in the server's place, or
None. `seeded` makes one by chances.
The Host of a request is passed on as it is, since signatures cover it.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

HOST = "127.0.0.1"
CHUNK = 256 * 1024
PATIENCE_S = 60
# What concerns one connection, and not what is asked by it. `Expect` is answered before a plan is asked.
HOP_BY_HOP = {"connection", "expect", "keep-alive", "proxy-connection", "transfer-encoding"}
CODES = {403: "AccessDenied", 409: "ConditionalRequestConflict", 500: "InternalError", 503: "SlowDown"}


class Fault(Enum):
    """What becomes of an answer."""

    UNAVAILABLE = "503, and the server is never asked"
    CUT = "half of it, then the connection ends"
    LOST = "the server has done its work; the connection ends instead of an answer"
    LATE = "it comes after a while"


@dataclass
class Request:
    """A request that passed, and what became of it."""

    method: str
    bucket: str
    key: str
    query: dict
    headers: dict
    #: How many requests before it asked for the same.
    before: int = 0
    fault: Fault | int | None = None
    status: int | None = None
    #: Bytes of the bodies, as far as they passed.
    received: int = 0
    sent: int = 0

    @property
    def kind(self):
        """LIST, HEAD, GET, PUT, POST or DELETE of objects; BUCKET of what a bucket is asked besides."""
        if self.key:
            return self.method
        return "LIST" if self.method == "GET" and not set(self.query) & SETTINGS else "BUCKET"

    @property
    def range(self):
        """The bytes that it asks for, as the header says it; None for all."""
        return self.headers.get("range")

    @property
    def asked(self):
        """What a repetition has in common with it: signatures, times and write ids differ."""
        return self.bucket, self.method, self.key, self.range, tuple(sorted(self.query.items()))


SETTINGS = {
    "location",
    "policy",
    "policyStatus",
    "versioning",
    "publicAccessBlock",
    "lifecycle",
    "encryption",
    "tagging",
}


def seeded(seed, *, unavailable=0.0, cut=0.0, lost=0.0, late=0.0):
    """A plan by chances. What is asked decides, not when: threads may ask in any order, and the plan stays the same.

    So it does in another bucket: those of tests have names of chance.
    """
    chances = {Fault.UNAVAILABLE: unavailable, Fault.CUT: cut, Fault.LOST: lost, Fault.LATE: late}

    def plan(request):
        told = repr((seed, request.asked[1:], request.before)).encode()
        drawn = int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "big") / 2**64
        for fault, chance in chances.items():
            if drawn < chance:
                return fault
            drawn -= chance
        return None

    return plan


@dataclass
class Proxy:
    """Passes requests on to `server`, an address such as http://127.0.0.1:9000, as long as a ``with`` lasts.

    Every answer waits for `delay_s`, as if the server were far away, and a late one for `late_s` more. Who takes
    any signature can be told to list `keys_per_list` at once. Writes reach the server one after the other: moto looks
    whether an object is there, and puts it, in two steps, between which another may win.
    """

    server: str
    plan: object = None
    delay_s: float = 0.0
    late_s: float = 0.5
    keys_per_list: int | None = None
    requests: list = field(default_factory=list, repr=False)

    def __post_init__(self):
        self._lock, self.writes = threading.Lock(), threading.Lock()
        self._before = Counter()
        self._listening = _Server((HOST, 0), _Handler)
        self._listening.proxy = self
        self._thread = threading.Thread(target=self._listening.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self):
        return f"http://{HOST}:{self._listening.server_address[1]}"

    def counts(self):
        """How many requests of each kind passed."""
        with self._lock:
            return Counter(request.kind for request in self.requests)

    def bytes_sent(self, *kinds):
        """Bytes of the answers' bodies; of some kinds of requests only, if any are named."""
        with self._lock:
            return sum(request.sent for request in self.requests if not kinds or request.kind in kinds)

    def of(self, kind):
        """The requests of a kind, in the order in which they came."""
        with self._lock:
            return [request for request in self.requests if request.kind == kind]

    def faults(self):
        """How many answers were spoilt in each way."""
        with self._lock:
            return Counter(request.fault for request in self.requests if request.fault)

    def clear(self):
        """Forget what passed, so that a plan begins anew."""
        with self._lock:
            self.requests.clear()
            self._before.clear()

    def noted(self, request):
        """Note a request and ask the plan about it."""
        with self._lock:
            request.before = self._before[request.asked]
            self._before[request.asked] += 1
            self.requests.append(request)
        # A plan may do something itself, such as asking the server: others pass meanwhile.
        request.fault = self.plan(request) if self.plan else None
        return request

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._listening.shutdown()
        self._listening.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    proxy: Proxy

    def handle_error(self, request, client_address):
        """A client that goes, as those do that are killed, is nothing to tell."""


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client; each of its requests has a connection to the server of its own."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = CHUNK

    def finish(self):
        with suppress(OSError):
            super().finish()

    def log_message(self, *message):
        pass

    def handle_expect_100(self):
        told = super().handle_expect_100()
        self.wfile.flush()
        return told

    def _pass_on(self):
        proxy = self.server.proxy
        request = proxy.noted(_read(self))
        body = list(_body(self.headers, self.rfile))
        request.received = sum(map(len, body))
        time.sleep(proxy.delay_s + (proxy.late_s if request.fault is Fault.LATE else 0))
        if request.fault is Fault.UNAVAILABLE or isinstance(request.fault, int):
            self._refuse(request, 503 if request.fault is Fault.UNAVAILABLE else request.fault)
            return
        with closing(HTTPConnection(urlsplit(proxy.server).netloc, timeout=PATIENCE_S)) as upstream:
            is_few = request.kind == "LIST" and proxy.keys_per_list
            path = f"{self.path}&max-keys={proxy.keys_per_list}" if is_few else self.path
            with proxy.writes if self.command == "PUT" else nullcontext():
                answer = self._ask(upstream, path, body)
            self._answer(request, answer)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on

    def _refuse(self, request, status):
        request.status = status
        told = f"<Error><Code>{CODES[status]}</Code><Message>So the plan says.</Message></Error>".encode()
        self._send_head(status, CODES[status], [("Content-Length", len(told)), ("Content-Type", "application/xml")])
        self.wfile.write(told if self.command != "HEAD" else b"")

    def _ask(self, upstream, path, body):
        upstream.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
        chunked = _is_chunked(self.headers)
        for name, value in [*_passed(self.headers), *([("Transfer-Encoding", "chunked")] if chunked else [])]:
            upstream.putheader(name, value)
        upstream.endheaders(iter(body), encode_chunked=chunked)
        return upstream.getresponse()

    def _answer(self, request, answer):
        request.status = answer.status
        has_body = self.command != "HEAD" and answer.status not in (204, 304)
        length = answer.getheader("Content-Length")
        # An answer whose length nobody tells, such as that of a list, is short.
        whole = answer.read() if request.fault is Fault.LOST or (has_body and length is None) else None
        if request.fault is Fault.LOST:
            self.close_connection = True
            return
        more = [] if whole is None else [("Content-Length", len(whole))]
        size = int(length or 0) if whole is None else len(whole)
        pieces = [whole] if whole is not None else iter(lambda: answer.read1(CHUNK), b"")
        if request.fault is Fault.CUT:
            self.close_connection = True
            size //= 2
        # Without a body, the first line is cut: some clients take half of the headers for all.
        is_half = request.fault is Fault.CUT and not (has_body and size)
        self._send_head(answer.status, answer.reason, [*_passed(answer.msg), *more], is_half=is_half)
        if has_body and not is_half:
            self._send_body(request, pieces, size)

    def _send_head(self, status, reason, headers, *, is_half=False):
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers), "", ""]
        head = "\r\n".join(lines).encode("latin-1")
        self.wfile.write(head[: len(lines[0]) // 2] if is_half else head)

    def _send_body(self, request, pieces, size):
        for piece in pieces:
            piece = piece[: size - request.sent]
            self.wfile.write(piece)
            request.sent += len(piece)
            if request.sent >= size:
                return


def _read(handler):
    """What a handler was asked."""
    url = urlsplit(handler.path)
    bucket, _, key = unquote(url.path).lstrip("/").partition("/")
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    return Request(handler.command, bucket, key, query, {name.lower(): text for name, text in handler.headers.items()})


def _passed(headers):
    return [(name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP]


def _is_chunked(headers):
    return "chunked" in headers.get("Transfer-Encoding", "").lower()


def _body(headers, file):
    """The pieces of a request's body."""
    if _is_chunked(headers):
        while size := int(file.readline().partition(b";")[0], 16):
            yield file.read(size)
            file.readline()
        while file.readline().strip():
            pass
        return
    left = int(headers.get("Content-Length", 0))
    while left:
        piece = file.read(min(left, CHUNK))
        if not piece:
            raise ConnectionError("the client went in the middle of a request")
        left -= len(piece)
        yield piece
