"""Vector tiles of a made-up town with the layers of Protomaps, in a PMTiles archive; written from the specifications.

https://github.com/mapbox/vector-tile-spec, https://github.com/protomaps/PMTiles
"""

from __future__ import annotations

import gzip
import json
import math
import struct

EXTENT = 4096
STREETS = 24


def archive(path, *, west, south, east, north, max_zoom, names=(("Água Fria", 0.3, 0.4), ("São José", 0.6, 0.7)),
            attribution='<a href="https://www.openstreetmap.org/copyright">© OpenStreetMap</a>'):  # fmt: skip
    """Write tiles of zooms 0 to `max_zoom`: land, a sea in the east, a grid of streets, named places."""
    tiles = {}
    for zoom in range(max_zoom + 1):
        (left, top), (right, bottom) = _place(north, west, zoom), _place(south, east, zoom)
        for x in range(int(left), int(right) + 1):
            for y in range(int(top), int(bottom) + 1):
                tiles[_number(zoom, x, y)] = gzip.compress(
                    _tile(zoom, x, y, (west, south, east, north), names), mtime=0
                )
    path.write_bytes(_packed(tiles, max_zoom, (west, south, east, north), attribution))
    return path


def _tile(zoom, x, y, box, names):
    west, south, east, north = box

    def at(across, up):
        here = _place(south + up * (north - south), west + across * (east - west), zoom)
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


def _place(latitude, longitude, zoom):
    sine = math.sin(math.radians(latitude))
    return (longitude / 360 + 0.5) * 2**zoom, (0.5 - math.log((1 + sine) / (1 - sine)) / (4 * math.pi)) * 2**zoom


def _number(zoom, x, y):
    """The tile's place: after all tiles of lower zooms, on a Hilbert curve, by quadrants from the largest."""
    place = sum(4**z for z in range(zoom))
    turned, flipped = False, False
    for level in reversed(range(zoom)):
        right, low = x >> level & 1, y >> level & 1
        if turned:
            right, low = low, right
        if flipped:
            right, low = 1 - right, 1 - low
        place += 4**level * {(0, 0): 0, (0, 1): 1, (1, 1): 2, (1, 0): 3}[right, low]
        if (right, low) == (0, 0):
            turned = not turned
        elif (right, low) == (1, 0):
            turned, flipped = not turned, not flipped
    return place


def _packed(tiles, max_zoom, box, attribution):
    names = sorted(tiles)
    steps = [after - before for before, after in zip([0, *names], names)]
    sizes = [len(tiles[name]) for name in names]
    numbers = [len(names), *steps, *[1] * len(names), *sizes, 1, *[0] * (len(names) - 1)]
    directory = gzip.compress(b"".join(map(_varint, numbers)), mtime=0)
    metadata = gzip.compress(json.dumps({"attribution": attribution, "vector_layers": []}).encode(), mtime=0)
    data = b"".join(tiles[name] for name in names)
    places = [127, len(directory), 127 + len(directory), len(metadata), 0, 0,
              127 + len(directory) + len(metadata), len(data), len(names), len(names), len(names)]  # fmt: skip
    ends = [round(degrees * 1e7) for degrees in box]
    header = struct.pack("<7sB11Q6B4iB2i", b"PMTiles", 3, *places, 1, 2, 2, 1, 0, max_zoom, *ends, 0, ends[0], ends[1])
    return b"".join([header, directory, metadata, data])
