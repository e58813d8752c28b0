"""Pictures of charts that are small enough to be saved in a notebook, drawn without a network."""

from __future__ import annotations

import re
import struct
import zlib
from contextlib import suppress
from typing import Any
from xml.etree import ElementTree

_NAMESPACES = {"": "http://www.w3.org/2000/svg", "xlink": "http://www.w3.org/1999/xlink"}
# Attributes that a group hands down to what is in it.
_INHERITED = ("fill", "stroke", "stroke-width", "font-family", "font-size", "font-weight", "font-style", "text-anchor")
_LONG_NUMBER = re.compile(r"-?\d*\.\d{3,}(?![\de])")
_COLOUR = re.compile(r"rgb\((\d+), (\d+), (\d+)\)")
_MOST_COLOURS = 256
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TRUECOLOUR_AND_ALPHA, _PALETTE, _SUB = 6, 3, 1


def svg(spec: dict[str, Any]) -> str:
    """Draw a Vega-Lite specification as SVG in a third of the bytes of vl-convert's, which looks the same."""
    import vl_convert

    return smaller(vl_convert.vegalite_to_svg(spec))


def smaller(drawn: str) -> str:
    """Return SVG of vl-convert's in a third of the bytes."""
    # Text of others' charts may hold characters that XML forbids.
    with suppress(ElementTree.ParseError):
        return _shortened(drawn)
    return drawn


def _shortened(drawn: str) -> str:
    root = ElementTree.fromstring(drawn)
    for element in root.iter():
        if element is not root:
            _shorten(element)
    for element in root.iter():
        _hand_down(element)
    for prefix, address in _NAMESPACES.items():
        ElementTree.register_namespace(prefix, address)
    return ElementTree.tostring(root, encoding="unicode")


def _shorten(element: ElementTree.Element) -> None:
    """Leave out what is not seen: descriptions of each mark, and digits beyond the hundredth of a pixel."""
    for name, value in list(element.items()):
        if name.startswith("aria-") or name == "role":
            del element.attrib[name]
        else:
            rounded = _LONG_NUMBER.sub(_rounded, value) if name in ("d", "transform") else value
            element.set(name, _COLOUR.sub(_hexadecimal, rounded))


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _hexadecimal(rgb: re.Match[str]) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in rgb.groups())


def _hand_down(group: ElementTree.Element) -> None:
    """Say once, of a group, what is the same of all that is in it."""
    for name in _INHERITED if group.tag.endswith("}g") else ():
        values = {child.get(name) for child in group}
        value = values.pop() if len(values) == 1 else None
        if value is not None and group.get(name) is None:
            group.set(name, value)
            for child in group:
                del child.attrib[name]


def png(drawn: str, scale: float = 1) -> bytes:
    """Draw SVG as PNG of at most 256 colours: a sixth of the bytes of vl-convert's, of 16 million."""
    import vl_convert

    picture: bytes = vl_convert.svg_to_png(drawn, scale=scale)
    return _of_few_colours(picture) or picture


def _of_few_colours(picture: bytes) -> bytes | None:
    """Return a picture with a palette; None if it is not written as expected, or is transparent."""
    import numpy as np

    chunks = _chunks(picture)
    width, height, depth, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    if (depth, kind) != (8, _TRUECOLOUR_AND_ALPHA) or (lines[:, 0] != _SUB).any():
        return None
    # Each pixel is the difference from its neighbour at the left.
    pixels = np.cumsum(lines[:, 1:].reshape(height, width, 4), axis=1, dtype=np.uint8)
    if (pixels[:, :, 3] != 255).any():
        return None
    colours, numbers = _quantised(pixels[:, :, :3])
    header = struct.pack(">IIBBBBB", width, height, 8, _PALETTE, 0, 0, 0)
    unfiltered = np.insert(numbers.reshape(height, width).astype(np.uint8), 0, 0, axis=1)
    parts = (
        (b"IHDR", header),
        (b"PLTE", colours.tobytes()),
        (b"IDAT", zlib.compress(unfiltered.tobytes(), 9)),
        (b"IEND", b""),
    )
    return _SIGNATURE + b"".join(_chunk(*part) for part in parts)


def _quantised(pixels: Any) -> tuple[Any, Any]:
    """Return the colours of most pixels, as many as a palette holds, and of each pixel the number of the nearest."""
    import numpy as np

    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours, numbers, counts = np.unique(packed, return_inverse=True, return_counts=True)
    exact = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.float32)
    palette = exact[np.sort(np.argsort(-counts, kind="stable")[:_MOST_COLOURS])]
    lengths = (palette**2).sum(axis=1)
    parts = np.array_split(exact, len(exact) // 4_096 + 1)
    nearest = np.concatenate([(lengths - 2 * part @ palette.T).argmin(axis=1) for part in parts])
    return palette.astype(np.uint8), nearest[numbers.reshape(-1)]


def _chunks(picture: bytes) -> dict[bytes, bytes]:
    """Return the chunks of a PNG by type; several of one type are one."""
    found: dict[bytes, bytes] = {}
    at = len(_SIGNATURE)
    while at < len(picture):
        length, kind = struct.unpack(">I4s", picture[at : at + 8])
        found[kind] = found.get(kind, b"") + picture[at + 8 : at + 8 + length]
        at += length + 12
    return found


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", zlib.crc32(kind + content))
