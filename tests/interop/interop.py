#!/usr/bin/env python3
"""The other side of the exchange, with python3-msgpack.

write <seed> <count> <path>: values into <path>.msgpack, their descriptions into <path>.jsonl. read <path>: reads and compares them.
The descriptions are those of tests/Shared/MessagePackDescription.cs.
"""
import json
import random
import struct
import sys

import msgpack

TEXTS = ["", "a", "größer", "日本語", "🚀", "\0", "\u2028\"\\\n", "x" * 31, "x" * 32, "é" * 127, "é" * 128, "y" * 70000]
LENGTHS = [0, 1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 32, 255, 256, 65535, 65536]
DOUBLES = [0.0, -0.0, 1.0, 1.7976931348623157e308, 5e-324, float("inf"), float("-inf"), 0.1, float("nan")]
FIRST, LAST = -62135596800, 253402300799
SECONDS = [FIRST, LAST, 0, -1, 2**32 - 1, 2**32, 2**34 - 1, 2**34]


class Pairs(list):
    """A map as it was read: pairs in order."""


class Extension(tuple):
    """A type with bytes, of any type number."""


def describe(value):
    if value is None:
        return ["nil"]
    if isinstance(value, bool):
        return ["bool", value]
    if isinstance(value, int):
        return ["int", str(value)]
    if isinstance(value, float):
        return ["float", "7ff8000000000000" if value != value else struct.pack(">d", value).hex()]
    if isinstance(value, str):
        return ["str", value]
    if isinstance(value, bytes):
        return ["bin", value.hex()]
    if isinstance(value, msgpack.Timestamp):
        return ["time", str(value.seconds), value.nanoseconds]
    if isinstance(value, msgpack.ExtType):
        return ["ext", value.code, value.data.hex()]
    if isinstance(value, Extension):
        return ["ext", value[0], value[1].hex()]
    if isinstance(value, Pairs):
        return ["map", [[describe(key), describe(item)] for key, item in value]]
    if isinstance(value, dict):
        return ["map", [[describe(key), describe(item)] for key, item in value.items()]]
    return ["array", [describe(item) for item in value]]


def as_read(description):
    """What can be told of a value when it is read: all floats have 64 bits."""
    kind = description[0]
    if kind == "float32":
        return describe(struct.unpack(">f", bytes.fromhex(description[1]))[0])
    if kind == "array":
        return [kind, [as_read(item) for item in description[1]]]
    if kind == "map":
        return [kind, [[as_read(key), as_read(item)] for key, item in description[1]]]
    return description


def generate(source, depth=0):
    choice = source.randrange(10 if depth < 5 else 8)
    if choice == 0:
        return source.choice([None, True, False])
    if choice in (1, 2):
        bits = source.randrange(65)
        edge = (1 << bits) + source.randint(-2, 2)
        return max(-(1 << 63), min((1 << 64) - 1, source.choice([edge, -edge, source.getrandbits(64) >> bits])))
    if choice == 3:
        value = source.choice(DOUBLES) if source.random() < 0.3 else struct.unpack(">d", source.randbytes(8))[0]
        return float("nan") if value != value else value  # of the bit patterns that are no number only one is described
    if choice == 4:
        return text(source)
    if choice == 5:
        return data(source)
    if choice == 6:
        return msgpack.ExtType(source.randrange(128), data(source))
    if choice == 7:
        seconds = source.choice(SECONDS) if source.random() < 0.3 else source.randint(FIRST, LAST) >> source.randrange(20)
        return msgpack.Timestamp(seconds, source.choice([0, source.randrange(10**7) * 100]))
    count = source.randrange(14, 40) if source.random() < 0.02 else source.randrange(5)
    if choice == 8:
        return [generate(source, depth + 1) for _ in range(count)]
    keys = [text(source), source.getrandbits(40), True, None, data(source)] if source.random() < 0.1 else [text(source) for _ in range(count)]
    return {key: generate(source, depth + 1) for key in keys}


def text(source):
    if source.random() < 0.3:
        return source.choice(TEXTS if source.random() < 0.02 else TEXTS[:-1])
    codes = (source.randrange(0x110000) if source.random() < 0.25 else source.randrange(0x20, 0x7F) for _ in range(source.randrange(40)))
    return "".join("?" if 0xD800 <= code < 0xE000 else chr(code) for code in codes)


def data(source):
    return source.randbytes(source.choice(LENGTHS) if source.random() < 0.05 else source.randrange(20))


def write(seed, count, path):
    source = random.Random(seed)
    with open(path + ".msgpack", "wb") as packed, open(path + ".jsonl", "w", encoding="utf-8") as descriptions:
        for _ in range(count):
            value = generate(source)
            packed.write(msgpack.packb(value, use_bin_type=True))
            descriptions.write(json.dumps(describe(value)) + "\n")
    return 0


def read(path):
    count = mismatches = 0
    with open(path + ".msgpack", "rb") as packed, open(path + ".jsonl", encoding="utf-8") as descriptions:
        values = msgpack.Unpacker(
            packed, raw=False, strict_map_key=False, timestamp=0, object_pairs_hook=Pairs, ext_hook=lambda code, data: Extension((code, data)))
        for line in descriptions:
            expected, actual = as_read(json.loads(line)), describe(next(values))
            if expected != actual:
                print(f"Value {count}: expected {expected}"[:250], f"read {actual}"[:250], file=sys.stderr)
                mismatches += 1
            count += 1
        if next(values, Pairs) is not Pairs:
            print(f"After {count} values there is more.", file=sys.stderr)
            mismatches += 1
    print(count, mismatches)
    return 1 if mismatches else 0


if sys.argv[1] == "write":
    sys.exit(write(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
sys.exit(read(sys.argv[2]))
