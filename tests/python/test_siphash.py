"""The oracle's SipHash-2-4 gives the vectors that its authors publish: key 00..0f, messages of bytes 0, 1, 2, ..."""

from __future__ import annotations

import pytest
from siphash import sip64, sip128

KEY = bytes(range(16))


@pytest.mark.parametrize(("length", "digest"), [(0, "310e0edd47db6f72"), (15, "e545be4961ca29a1")])
def test_vectors_of_64_bits(length, digest):
    assert sip64(bytes(range(length)), KEY).to_bytes(8, "little").hex() == digest


@pytest.mark.parametrize(
    ("length", "digest"), [(0, "a3817f04ba25a8e66df67214c7550293"), (1, "da87c1d86b99af44347659119b22fc45")]
)
def test_vectors_of_128_bits(length, digest):
    assert b"".join(half.to_bytes(8, "little") for half in sip128(bytes(range(length)), KEY)).hex() == digest
