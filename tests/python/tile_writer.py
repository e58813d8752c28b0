"""Vector tiles of a made-up town with the layers of Protomaps, written from the specification, in a PMTiles archive.

https://github.com/mapbox/vector-tile-spec, https://github.com/protomaps/PMTiles
"""

from __future__ import annotations

import gzip
import math
import struct

from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import write

EXTENT = 4096
STREETS = 24


def archive(path, *, west, south, east, north, max_zoom, names=(("Água Fria", 0.3, 0.4), ("São José", 0.6, 0.7)),
            attribution='<a href="https://www.openstreetmap.org/copyright">© OpenStreetMap</a>'):  # fmt: skip
    """Write tiles of zooms 0 to `max_zoom`: land, a sea in the east, a grid of streets, named places."""
    box = (west, south, east, north)
    with write(path) as writer:
        for zoom in range(max_zoom + 1):
            (left, top), (right, bottom) = place(north, west, zoom), place(south, east, zoom)
            for x in range(int(left), int(right) + 1):
                for y in range(int(top), int(bottom) + 1):
                    packed = gzip.compress(tile(zoom, x, y, box, names), mtime=0)
                    writer.write_tile(zxy_to_tileid(zoom, x, y), packed)
        ends = [f"{end}_{axis}_e7" for end in ("min", "max") for axis in ("lon", "lat")]
        header = {"tile_type": TileType.MVT, "tile_compression": Compression.GZIP,
                  **{name: round(degrees * 1e7) for name, degrees in zip(ends, box)}}  # fmt: skip
        writer.finalize(header, {"attribution": attribution, "vector_layers": []})
    return path


def tile(zoom, x, y, box, names):
    west, south, east, north = box

    def at(across, up):
        here = place(south + up * (north - south), west + across * (east - west), zoom)
        return round((here[0] - x) * EXTENT), round((here[1] - y) * EXTENT)

    whole = [(-64, -64), (EXTENT + 64, -64), (EXTENT + 64, EXTENT + 64), (-64, EXTENT + 64)]
    sea = [at(0.8, 1.2), at(3, 1.2), at(3, -0.2), at(0.8, -0.2)]
    streets = [[at(i / STREETS, -0.1), at(i / STREETS, 1.1)] for i in range(STREETS)]
    streets += [[at(-0.1, i / STREETS), at(0.8, i / STREETS)] for i in range(STREETS)]
    roads = [({"kind": "major_road" if i % 6 == 0 else "minor_road", "min_zoom": 3}, 2, _line(line))
             for i, line in enumerate(streets)]  # fmt: skip
    places = [({"kind": "neighbourhood", "name": name, "min_zoom": 2, "population_rank": 5}, 1, _point(at(across, up)))
              for name, across, up in names if all(0 <= value < EXTENT for value in at(across, up))]  # fmt: skip
    layers = {"earth": [({"kind": "earth"}, 3, _ring(whole))], "water": [({"kind": "ocean"}, 3, _ring(sea))],
              "roads": roads, "places": places}  # fmt: skip
    return b"".join(_bytes(3, _layer(name, features)) for name, features in layers.items() if features)


def _layer(name, features):
    keys, values, written = [], [], []
    for properties, kind, geometry in features:
        tags = []
        for key, value in properties.items():
            tags += [_index(keys, key), _index(values, value)]
        body = _bytes(2, b"".join(map(_varint, tags))) + _varint(3 << 3) + _varint(kind) + _bytes(4, geometry)
        written.append(_bytes(2, body))
    body = [_bytes(1, name.encode()), *written, *(_bytes(3, key.encode()) for key in keys)]
    body += [_bytes(4, _bytes(1, v.encode()) if isinstance(v, str) else _varint(5 << 3) + _varint(v)) for v in values]
    return b"".join([*body, _varint(5 << 3), _varint(EXTENT), _varint(15 << 3), _varint(2)])


def _index(known, value):
    if value not in known:
        known.append(value)
    return known.index(value)


def _point(point):
    return b"".join(map(_varint, [9, *map(_zigzag, point)]))


def _line(points):
    return b"".join(map(_varint, [9, *_steps(points[:1], (0, 0)), (len(points) - 1) << 3 | 2,
                                  *_steps(points[1:], points[0])]))  # fmt: skip


def _ring(points):
    return _line(points) + _varint(15)


def _steps(points, start):
    steps = []
    for point in points:
        steps += [_zigzag(point[0] - start[0]), _zigzag(point[1] - start[1])]
        start = point
    return steps


def _zigzag(value):
    return value << 1 ^ value >> 63


def _bytes(field, content):
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value):
    low, value = value & 127, value >> 7
    return bytes([low | 128]) + _varint(value) if value else bytes([low])


def place(latitude, longitude, zoom):
    sine = math.sin(math.radians(latitude))
    return (longitude / 360 + 0.5) * 2**zoom, (0.5 - math.log((1 + sine) / (1 - sine)) / (4 * math.pi)) * 2**zoom


def by_hand(root, *, leaves=b"", data=b"", metadata=b"{}", max_zoom=1, packing=(1, 1), kind=1):
    """The bytes of an archive, field by field; `root` is a directory, as `directory` makes them."""
    ends = [127]
    for part in (root, metadata, leaves):
        ends.append(ends[-1] + len(part))
    places = [ends[0], len(root), ends[1], len(metadata), ends[2], len(leaves), ends[3], len(data), 0, 0, 0]
    header = struct.pack("<7sB11Q6B4iB2i", b"PMTiles", 3, *places, 1, *packing, kind, 0, max_zoom, *[0] * 7)
    return b"".join([header, root, metadata, leaves, data])


def directory(*entries):
    """The bytes of a directory of entries: number (as a step from the last), run, length, offset and one."""
    return b"".join(map(_varint, [len(entries), *(value for column in zip(*entries) for value in column)]))
