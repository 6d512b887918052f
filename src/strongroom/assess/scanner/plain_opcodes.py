"""Opcodes that only move data: numbers, text, the memo, containers. One function an opcode.

Read side by side with Lib/pickle.py, whose `load_…` methods these follow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from strongroom.assess.scanner.hidden import LONGEST, may_hide
from strongroom.assess.scanner.operands import (
    LINE,
    any_base,
    decimal,
    decoded,
    i4,
    short,
    u1,
    u4,
    u8,
    unescaped,
)
from strongroom.assess.scanner.values import (
    COMPUTED,
    DATA,
    LOST,
    TEXT,
    Box,
    Broken,
    Global,
    Long,
    Made,
    Persistent,
    boxed,
)
from strongroom.domain.errors import LimitError

if TYPE_CHECKING:
    from strongroom.assess.scanner.machine import Machine

BLOB: Final = 256
"""Bytes of a binary operand that are kept."""
INNER: Final = 16 << 20
"""Bytes that are kept where an operand may be a model inside the model: each, and three times
that together."""
_INNER_HEADS: Final = (b"\x80", b"PK\x03\x04", b"\x1f\x8b", b"x\x9c")
_INNER_TEXTS: Final = (b"\xc2\x80", b"PK\x03\x04", b"\x1f\xc2\x8b", b"x\xc2\x9c", b"\ndef ")
"""The same written as Latin-1 text (protocol 2 has no bytes), and Python source."""


def _look(m: Machine, value: bytes | str) -> None:
    if may_hide(value):
        m.judge.data(value, m.offset)


def _counted_text(length: Callable[[Machine], int], encoding: str) -> Callable[[Machine], None]:
    def op(m: Machine) -> None:
        count = length(m)
        if count <= TEXT or m.worth_keeping(count, _INNER_TEXTS):
            text = decoded(m.stream.take(count), encoding, "surrogatepass")
            m.stack.append(text)
            _look(m, text)
            return
        head = m.stream.peek(TEXT).decode(encoding, "replace")
        if may_hide(head):
            _look(m, m.stream.peek(min(count, LONGEST)).decode(encoding, "replace"))
        m.stream.skip(count)
        m.stack.append(Long(head, count))

    return op


def _counted_bytes(length: Callable[[Machine], int]) -> Callable[[Machine], None]:
    def op(m: Machine) -> None:
        count = length(m)
        if count <= BLOB or m.worth_keeping(count, _INNER_HEADS):
            data = m.stream.take(count)
            m.stack.append(data)
            _look(m, data)
            return
        head = m.stream.take(BLOB)
        m.stream.skip(count - BLOB)
        m.stack.append(Long(head, count))

    return op


def _skip_number(size: int) -> Callable[[Machine], None]:
    def op(m: Machine) -> None:
        m.stream.take(size)
        m.stack.append(DATA)

    return op


def _int(size: int, *, signed: bool) -> Callable[[Machine], None]:
    def op(m: Machine) -> None:
        m.stack.append(int.from_bytes(m.stream.take(size), "little", signed=signed))

    return op


def _long(length: Callable[[Machine], int]) -> Callable[[Machine], None]:
    def op(m: Machine) -> None:
        count = length(m)
        if count <= 16:
            m.stack.append(int.from_bytes(m.stream.take(count), "little", signed=True))
            return
        m.stream.skip(count)
        m.stack.append(DATA)

    return op


def _op_int(m: Machine) -> None:
    line = m.stream.line(LINE)
    m.push({b"00": False, b"01": True}[line] if line in (b"00", b"01") else any_base(line))


def _op_long(m: Machine) -> None:
    line = m.stream.line(LINE)
    m.push(any_base(line[:-1] if line.endswith(b"L") else line))


def _op_float(m: Machine) -> None:
    try:
        m.push(float(m.stream.line(LINE)))
    except ValueError as error:
        raise Broken("not a float") from error


def _op_string(m: Machine) -> None:
    line = m.stream.line(LINE)
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise Broken("the string has no quotes")
    text = decoded(unescaped(line[1:-1]), "latin-1")
    m.push(short(text))
    _look(m, text)


def _op_unicode(m: Machine) -> None:
    text = decoded(m.stream.line(LINE), "raw-unicode-escape")
    m.push(short(text))
    _look(m, text)


# --- the memo


def _op_put(m: Machine) -> None:
    m.memo.put(decimal(m.stream.line(LINE)), m.top())


def _op_get(m: Machine) -> None:
    _get(m, decimal(m.stream.line(LINE)))


def _get(m: Machine, index: int) -> None:
    if index not in m.memo:
        raise Broken(f"memo has no {index}")
    m.push_again(m.memo.get(index))


def _op_memoize(m: Machine) -> None:
    m.memo.append(m.top())


# --- containers


def _op_mark(m: Machine) -> None:
    m.marks.append(len(m.stack))


def _op_pop(m: Machine) -> None:
    if m.marks and len(m.stack) == m.marks[-1]:
        m.marks.pop()
    elif m.stack:
        m.stack.pop()
    else:
        raise Broken("stack underflow")


def _op_pop_mark(m: Machine) -> None:
    m.above_mark()


def _op_dup(m: Machine) -> None:
    m.push_again(m.top())


def _of_mark(kind: str) -> Callable[[Machine], None]:
    def op(m: Machine) -> None:
        m.push(boxed(kind, m.above_mark()))

    return op


def _empty(kind: str) -> Callable[[Machine], None]:
    def op(m: Machine) -> None:
        m.stack.append(Box(kind))

    return op


def _tuple(size: int) -> Callable[[Machine], None]:
    def op(m: Machine) -> None:
        if len(m.stack) - (m.marks[-1] if m.marks else 0) < size:
            raise Broken("stack underflow")
        items = m.stack[-size:]
        m.stack[-size:] = [Box("tuple", items, size)]

    return op


def _add(m: Machine, items: list[Any], method: str) -> None:
    """APPEND and its like call a method of whatever lies there."""
    target = m.top()
    if isinstance(target, Box):
        target.extend(items)
    elif target is LOST:
        raise LimitError("more memo entries than can be followed")
    elif isinstance(target, Global | Made | Persistent) or target is COMPUTED:
        m.judge.call(target, boxed("tuple", items), m.offset, method)


def _op_append(m: Machine) -> None:
    value = m.pop()
    _add(m, [value], "append")


def _op_appends(m: Machine) -> None:
    _add(m, m.above_mark(), "extend")


def _op_additems(m: Machine) -> None:
    _add(m, m.above_mark(), "update")


def _op_setitem(m: Machine) -> None:
    value, key = m.pop(), m.pop()
    _add(m, [key, value], "__setitem__")


def _op_setitems(m: Machine) -> None:
    _add(m, m.above_mark(), "__setitem__")


def _constant(value: Any) -> Callable[[Machine], None]:
    def op(m: Machine) -> None:
        m.stack.append(value)

    return op


def _binput(length: Callable[[Machine], int]) -> Callable[[Machine], None]:
    def op(m: Machine) -> None:
        m.memo.put(length(m), m.top())

    return op


def _binget(length: Callable[[Machine], int]) -> Callable[[Machine], None]:
    def op(m: Machine) -> None:
        _get(m, length(m))

    return op


PLAIN: Final[dict[bytes, Callable[[Machine], None]]] = {
    b"\x88": _constant(value=True),
    b"\x89": _constant(value=False),
    b"I": _op_int,
    b"J": _int(4, signed=True),
    b"K": _int(1, signed=False),
    b"M": _int(2, signed=False),
    b"L": _op_long,
    b"\x8a": _long(u1),
    b"\x8b": _long(i4),
    b"S": _op_string,
    b"T": _counted_text(i4, "latin-1"),
    b"U": _counted_text(u1, "latin-1"),
    b"B": _counted_bytes(u4),
    b"C": _counted_bytes(u1),
    b"\x8e": _counted_bytes(u8),
    b"\x96": _counted_bytes(u8),
    b"N": _constant(None),
    b"V": _op_unicode,
    b"\x8c": _counted_text(u1, "utf-8"),
    b"X": _counted_text(u4, "utf-8"),
    b"\x8d": _counted_text(u8, "utf-8"),
    b"F": _op_float,
    b"G": _skip_number(8),
    b"]": _empty("list"),
    b"a": _op_append,
    b"e": _op_appends,
    b"l": _of_mark("list"),
    b")": _empty("tuple"),
    b"t": _of_mark("tuple"),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"}": _empty("dict"),
    b"d": _of_mark("dict"),
    b"s": _op_setitem,
    b"u": _op_setitems,
    b"\x8f": _empty("set"),
    b"\x90": _op_additems,
    b"\x91": _of_mark("frozenset"),
    b"0": _op_pop,
    b"2": _op_dup,
    b"(": _op_mark,
    b"1": _op_pop_mark,
    b"g": _op_get,
    b"h": _binget(u1),
    b"j": _binget(u4),
    b"p": _op_put,
    b"q": _binput(u1),
    b"r": _binput(u4),
    b"\x94": _op_memoize,
}
"""Opcode to what it does."""
