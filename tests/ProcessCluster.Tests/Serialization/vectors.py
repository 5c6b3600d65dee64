#!/usr/bin/env python3
"""Writes vectors.json: values with their MessagePack bytes, as python3-msgpack (1.0.3) makes them.

A value is described as a list that starts with its kind; see tests/Shared/MessagePackDescription.cs. Long ones are described by a
rule (a kind that ends with *), and their bytes by length, first bytes and SHA-256.
"""
import hashlib
import json
import os
import struct

import msgpack

vectors = []


class Single(float):
    """A number to be packed in 32 bits."""


def pack(value):
    return msgpack.packb(value, use_bin_type=True, use_single_float=isinstance(value, Single))


def add(description, value):
    data = pack(value)
    vector = {"value": description}
    if len(data) <= 64:
        vector["bytes"] = data.hex()
    else:
        vector["length"] = len(data)
        vector["head"] = data[:8].hex()
        vector["sha256"] = hashlib.sha256(data).hexdigest()
    vectors.append(vector)


def describe(value):
    if value is None:
        return ["nil"]
    if isinstance(value, bool):
        return ["bool", value]
    if isinstance(value, int):
        return ["int", str(value)]
    if isinstance(value, Single):
        return ["float32", struct.pack(">f", value).hex()]
    if isinstance(value, float):
        return ["float", struct.pack(">d", value).hex()]
    if isinstance(value, str):
        return ["str", value]
    if isinstance(value, bytes):
        return ["bin", value.hex()]
    if isinstance(value, msgpack.ExtType):
        return ["ext", value.code, value.data.hex()]
    if isinstance(value, msgpack.Timestamp):
        return ["time", str(value.seconds), value.nanoseconds]
    if isinstance(value, list):
        return ["array", [describe(item) for item in value]]
    return ["map", [[describe(key), describe(item)] for key, item in value.items()]]


def plain(*values):
    for value in values:
        add(describe(value), value)


# Integers: both sides of every boundary.
edges = {0, -1, -31, -32, -33, 1, 2, 42, 100, -100}
for bits in (5, 7, 8, 15, 16, 31, 32, 53, 62, 63):
    for near in (-2, -1, 0, 1, 2):
        edges |= {(1 << bits) + near, -(1 << bits) + near}
edges |= {(1 << 64) - 1, (1 << 64) - 2}
plain(*sorted(edge for edge in edges if -(1 << 63) <= edge < 1 << 64))

plain(None, True, False)
doubles = [0.0, -0.0, 1.0, -1.0, 0.1, 1.5, 3.141592653589793, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308,
           float("inf"), float("-inf"), float("nan"), 1e-7, 123456789.125, 9007199254740993.0]
plain(*doubles)
plain(*[Single(number) for number in (0.0, -0.0, 1.0, -1.5, 0.5, float("inf"), float("-inf"), float("nan"))])
plain(Single(struct.unpack(">f", bytes.fromhex("7f7fffff"))[0]), Single(struct.unpack(">f", bytes.fromhex("00000001"))[0]))

# Text: the lengths of the heads, in one to four bytes for a character.
plain("", "a", "hello", "Zürich", "日本語", "🚀", "a\u0000b", "\ufeff", "line\nbreak", "\"quoted\" \\ \u2028")
for character in ("a", "é", "€", "🚀"):
    width = len(character.encode())
    for length in (31, 32, 255, 256, 65535, 65536):
        for count in {length // width, length // width + 1}:
            add(["str*", character, count], character * count)
for head in range(1, 31, 3):
    plain("x" * head + "ü")

plain(b"", b"\x00", b"\xff\x00\xfe")
for length in (1, 31, 32, 255, 256, 65535, 65536):
    add(["bin*", "a5", length], b"\xa5" * length)

plain([], [1], [None, True, "x", b"y", 1.5], [[]], [[[[1]]]], [[1, 2], [3, [4]]])
for length in (15, 16, 255, 65535, 65536):
    add(["array*", ["int", "7"], length], [7] * length)

plain({}, {"a": 1}, {"a": None, "b": [1, 2], "c": {"d": {}}}, {1: "one", -1: "minus one"}, {True: False}, {b"k": 1.25})
for length in (15, 16, 65535, 65536):
    add(["map*", length], {key: None for key in range(length)})

for length in (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 255, 256, 65535, 65536):
    add(["ext*", 5, length], msgpack.ExtType(5, b"\x5a" * length))
plain(msgpack.ExtType(0, b"\x01"), msgpack.ExtType(127, b"\x01\x02"))

# Timestamps: all three sizes, both sides of each boundary, the years 1 to 9999.
first, last = -62135596800, 253402300799
for seconds in (0, 1, 1700000000, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 34) - 1, 1 << 34, -1, -2208988800, first, last):
    for nanoseconds in (0, 100, 999999900):
        plain(msgpack.Timestamp(seconds, nanoseconds))

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors.json")
with open(path, "w", encoding="utf-8") as file:
    file.write("[\n" + ",\n".join(json.dumps(vector, ensure_ascii=True) for vector in vectors) + "\n]\n")
print(f"{len(vectors)} vectors")
