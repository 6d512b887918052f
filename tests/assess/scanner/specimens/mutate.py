"""A structure-aware mutator of pickles: it knows where opcodes begin and what operands may be."""

import collections
import datetime as dt
import decimal
import pickle as real
import pickletools
import random
import struct
from collections.abc import Iterator

from tests.assess.scanner.specimens.all import MALICIOUS
from tests.assess.scanner.specimens.assembler import call, name, pickle, push, stack_name, text

NAMES = (
    ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "getattr"),
    ("builtins", "list"), ("builtins", "str"), ("builtins", "map"), ("builtins", "type"),
    ("builtins", "dict"), ("builtins", "bytearray"), ("collections", "OrderedDict"),
    ("collections", "deque"), ("collections", "defaultdict"), ("collections", "Counter"),
    ("functools", "partial"), ("operator", "attrgetter"), ("_codecs", "encode"),
    ("copyreg", "_reconstructor"), ("copyreg", "__newobj__"), ("copyreg", "add_extension"),
    ("argparse", "Namespace"), ("types", "SimpleNamespace"), ("datetime", "date"),
    ("decimal", "Decimal"), ("fuzz_canary", "fire"), ("fuzz_canary", "Fire"),
    ("collections", "_sys.modules"), ("random", "_os.system"), ("fuzz_canary", "inner.fire"),
)  # fmt: skip
TEXTS = ("os", "system", "true", "fire", "fuzz_canary", "", "os.system", "__setstate__", "latin1")
SEEDS_AT_MOST = 400
"""Bytes of a seed: longer ones only dilute the mutations."""
_PLAIN = [
    1,
    "a",
    None,
    True,
    2.5,
    (1, 2),
    [1, [2]],
    {"a": {"b": (3,)}},
    {1, 2},
    b"xy",
    frozenset([1]),
]
_OBJECTS = [
    collections.OrderedDict(a=1),
    collections.deque([1]),
    collections.defaultdict(list, a=[1]),
    dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    decimal.Decimal("1.5"),
    collections.Counter("aab"),
    bytearray(b"x"),
    complex(1, 2),
    slice(1, 2),
]


def seeds() -> list[list[bytes]]:
    """Each seed as a list of opcodes with their operands."""
    wholes = [real.dumps(value, p) for value in (_PLAIN, *_OBJECTS) for p in range(6)]
    wholes += [s.make() for s in MALICIOUS if s.event and s.name.startswith(_KINDS)]
    fire = name("fuzz_canary", "fire")
    wholes += [
        pickle(call(fire, 1)),
        pickle(call(stack_name("fuzz_canary", "fire"), 1)),
        pickle([{"a": call(name("collections", "OrderedDict"))}, call(fire)]),
        b"(S'x'\nifuzz_canary\nfire\n.",
        b"\x80\x04(" + push(fire) + text("x") + b"o.",
    ]
    return [ops for whole in wholes if len(whole) <= SEEDS_AT_MOST and (ops := split(whole))]


_KINDS = (
    "reduce",
    "inst",
    "obj",
    "stack",
    "memo",
    "dotted",
    "computed",
    "setstate",
    "extension",
    "list_of",
)


def split(data: bytes) -> list[bytes]:
    """A pickle cut at its opcodes; what does not parse is one piece."""
    starts = []
    try:
        for _, _, at in pickletools.genops(data):
            starts.append(at)
    except (ValueError, IndexError, struct.error):
        return []
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


def mutants(count: int, seed: int) -> Iterator[bytes]:
    """So many mutants; the same seed gives the same ones."""
    rng = random.Random(seed)
    pool = seeds()
    for _ in range(count):
        ops = list(rng.choice(pool))
        for _ in range(rng.choice((1, 1, 2, 3, 5))):
            rng.choice(_MUTATIONS)(ops, pool, rng)
        data = b"".join(ops)
        if rng.random() < 0.1 and data:
            data = _flip(data, rng)
        yield data[:4096]


def _delete(ops, pool, rng):
    if ops:
        del ops[rng.randrange(len(ops))]


def _duplicate(ops, pool, rng):
    if ops:
        at = rng.randrange(len(ops))
        ops.insert(at, ops[at])


def _swap(ops, pool, rng):
    if len(ops) > 1:
        a, b = rng.randrange(len(ops)), rng.randrange(len(ops))
        ops[a], ops[b] = ops[b], ops[a]


def _insert(ops, pool, rng):
    ops.insert(rng.randint(0, max(len(ops) - 1, 0)), _fresh(rng))


def _replace(ops, pool, rng):
    if ops:
        ops[rng.randrange(len(ops))] = _fresh(rng)


def _splice(ops, pool, rng):
    other = rng.choice(pool)
    start = rng.randrange(len(other))
    at = rng.randint(0, len(ops))
    ops[at:at] = other[start : start + rng.randint(1, 8)]


def _cut(ops, pool, rng):
    del ops[rng.randint(0, len(ops)) :]


_MUTATIONS = (
    _delete,
    _duplicate,
    _swap,
    _insert,
    _insert,
    _replace,
    _replace,
    _splice,
    _splice,
    _cut,
)
_BARE = [
    bytes([c]) for c in b"()]}.012NRaebdlostu\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94Q\x98"
]


def _fresh(rng) -> bytes:
    """One opcode with a plausible operand."""
    kind = rng.randrange(8)
    if kind <= 2:
        return rng.choice(_BARE)
    if kind == 3:
        module, symbol = rng.choice(NAMES)
        opcode = rng.choice((b"c", b"c", b"i"))
        return opcode + f"{module}\n{symbol}\n".encode()
    if kind == 4:
        return text(rng.choice(TEXTS))
    if kind == 5:
        index = rng.randrange(4)
        return rng.choice((b"h%c", b"q%c", b"K%c", b"\x82%c", b"\x80%c")) % index
    if kind == 6:
        module, symbol = rng.choice(NAMES)
        return text(module) + text(symbol) + b"\x93"
    return rng.choice(
        (
            b"J\x01\x00\x00\x00",
            b"I01\n",
            b"S'true'\n",
            b"Vos\n",
            b"G" + b"\0" * 8,
            b"C\x01x",
            b"p1\n",
            b"g1\n",
        )
    )


def _flip(data: bytes, rng) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
