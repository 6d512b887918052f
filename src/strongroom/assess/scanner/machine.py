"""An abstract pickle machine: follows every opcode, runs nothing, tells a judge what would run.

It keeps the stack, the marks and the memo as CPython's unpickler does (Modules/_pickle.c and
Lib/pickle.py of 3.11 to 3.14), with descriptions in place of objects. Where those two differ, or
where what happens depends on the program that loads, it takes the reading that lets more happen.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from typing import Any, Final, Protocol

from strongroom.assess.scanner.memo import Memo, Overlay
from strongroom.assess.scanner.stream import Stream
from strongroom.assess.scanner.values import (
    COMPUTED,
    DATA,
    LOST,
    TEXT,
    Box,
    Global,
    Long,
    Made,
    Opaque,
    Persistent,
    boxed,
)
from strongroom.domain.errors import LimitError

LINE: Final = 1 << 20
"""Longest line of a text opcode."""
BLOB: Final = 256
"""Bytes of a binary operand that are kept."""
INNER: Final = 16 << 20
"""Bytes that are kept where an operand may be a model inside the model: each, and three times
that together."""
_INNER_HEADS: Final = (b"\x80", b"PK\x03\x04", b"\x1f\x8b", b"x\x9c")
_INNER_TEXTS: Final = (b"\xc2\x80", b"PK\x03\x04", b"\x1f\xc2\x8b", b"x\xc2\x9c", b"\ndef ")
"""The same written as Latin-1 text (protocol 2 has no bytes), and Python source."""
TICK: Final = 1 << 16
"""Opcodes between looks at the clock."""


class Broken(Exception):
    """The real unpickler would raise here."""


class Judge(Protocol):
    """Is told everything that loading would do, in order."""

    def refer(self, symbol: Global, protocol: int) -> None:
        """`module` is imported and `name` looked up in it; may set `symbol.allowed`."""

    def call(self, callee: Any, args: Any, offset: int, how: str) -> Any:
        """`callee` is called; gives the value that the result stands for."""

    def build(self, target: Any, state: Any, offset: int) -> None:
        """`target.__setstate__(state)`, or attributes are set on it."""

    def persist(self, pid: Any, offset: int) -> Any:
        """The loading program is asked for a persistent id."""

    def extension(self, code: int, offset: int) -> Any:
        """A symbol by its number in the process's copyreg registry."""

    def built(self, target: Any, machine: Machine) -> None:
        """After BUILD, for formats that then read raw bytes from the file."""


class Machine:
    """One pickle stream, from its first opcode to STOP."""

    def __init__(self, stream: Stream, judge: Judge) -> None:
        self.stream = stream
        self.judge = judge
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: Memo = Memo()
        self.protocol = 0
        self.frame_end = 0
        """Offset at which the last frame ends."""
        self.offset = 0
        """Of the opcode that is executed."""
        self.inner_left = 3 * INNER
        self.acted = False
        """Whether anything was imported or called."""

    def fork(self, stream: Stream, judge: Judge) -> Machine:
        """A machine in this state that goes on with other bytes, and leaves this one as it is."""
        other = Machine(stream, judge)
        other.stack, other.marks = self.stack[:], self.marks[:]
        other.memo, other.protocol = Overlay(self.memo), self.protocol
        return other

    def run(self) -> Any:
        """Follow to STOP and give the value. Raises Broken, Truncated, LimitError."""
        stream, take, limit = self.stream, self.stream.take, self.stream.budget.limits.stack
        count = 0
        while True:
            self.offset = stream.tell()
            code = take(1)
            handler = _HANDLERS.get(code)
            if handler is None:
                if code == b".":
                    return self.pop()
                raise Broken(f"no opcode {code!r}")
            handler(self)
            count += 1
            if not count % TICK:
                stream.budget.tick()
                if len(self.stack) > limit or len(self.marks) > limit:
                    raise LimitError(f"more than {limit} values on the pickle's stack")

    # --- the stack

    def push(self, value: Any) -> None:
        """Put on the stack."""
        self.stack.append(value)

    def pop(self) -> Any:
        """Take from the stack, never past a mark."""
        stack = self.stack
        if not stack or (self.marks and len(stack) <= self.marks[-1]):
            raise Broken("stack underflow")
        return stack.pop()

    def top(self) -> Any:
        """The value on top."""
        if not self.stack or (self.marks and len(self.stack) <= self.marks[-1]):
            raise Broken("stack underflow")
        return self.stack[-1]

    def above_mark(self) -> list[Any]:
        """What lies above the last mark; takes both off."""
        if not self.marks:
            raise Broken("no mark")
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def worth_keeping(self, count: int, heads: tuple[bytes, ...]) -> bool:
        """Whether the next bytes may be something to be looked into, and there is room for them."""
        if count > min(INNER, self.inner_left) or not self.stream.peek(5).startswith(heads):
            return False
        self.inner_left -= count
        return True

    # --- what runs

    def refer(self, module: str, name: str) -> None:
        """Push a reference."""
        self.acted = True
        symbol = Global(module, name, self.offset)
        self.judge.refer(symbol, self.protocol)
        self.push(symbol)

    def call(self, callee: Any, args: Any, how: str) -> None:
        """Push the result of a call."""
        self.acted = True
        self.push(self.judge.call(callee, args, self.offset, how))


# --- operands


def _length(code: str) -> Callable[[Machine], int]:
    size = struct.calcsize(code)

    def read(m: Machine) -> int:
        value: int = struct.unpack(code, m.stream.take(size))[0]
        if value < 0:
            raise Broken("negative length")
        return value

    return read


_u1, _i4, _u4, _u8 = _length("<B"), _length("<i"), _length("<I"), _length("<Q")


def _text(data: bytes, encoding: str, errors: str = "strict") -> str:
    try:
        return data.decode(encoding, errors)
    except UnicodeDecodeError as error:
        raise Broken(f"not {encoding}: {error.reason}") from error


def _counted_text(length: Callable[[Machine], int], encoding: str) -> Callable[[Machine], None]:
    def op(m: Machine) -> None:
        count = length(m)
        if count <= TEXT or m.worth_keeping(count, _INNER_TEXTS):
            m.stack.append(_text(m.stream.take(count), encoding, "surrogatepass"))
            return
        head = m.stream.take(TEXT)
        m.stream.skip(count - TEXT)
        m.stack.append(Long(head.decode(encoding, "replace"), count))

    return op


def _counted_bytes(length: Callable[[Machine], int]) -> Callable[[Machine], None]:
    def op(m: Machine) -> None:
        count = length(m)
        if count <= BLOB or m.worth_keeping(count, _INNER_HEADS):
            m.stack.append(m.stream.take(count))
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


def _decimal(data: bytes) -> int:
    try:
        return int(data)
    except ValueError as error:
        raise Broken("not a number") from error


def _op_int(m: Machine) -> None:
    line = m.stream.line(LINE)
    m.push({b"00": False, b"01": True}[line] if line in (b"00", b"01") else _lenient(line))


def _op_long(m: Machine) -> None:
    line = m.stream.line(LINE)
    m.push(_lenient(line[:-1] if line.endswith(b"L") else line))


def _lenient(line: bytes) -> Any:
    """INT and LONG take any base, as `int(text, 0)` does."""
    if len(line) > 64:
        return DATA
    try:
        return int(line.strip(b"\0 \t\r"), 0)
    except ValueError:
        try:
            return int(line)
        except ValueError as error:
            raise Broken("not a number") from error


def _op_float(m: Machine) -> None:
    try:
        m.push(float(m.stream.line(LINE)))
    except ValueError as error:
        raise Broken("not a float") from error


def _op_string(m: Machine) -> None:
    line = m.stream.line(LINE)
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise Broken("the string has no quotes")
    try:
        data, _ = codecs.escape_decode(line[1:-1])
    except ValueError as error:
        raise Broken("bad escape") from error
    m.push(_short(_text(data, "latin-1")))


def _op_unicode(m: Machine) -> None:
    m.push(_short(_text(m.stream.line(LINE), "raw-unicode-escape")))


def _short(text: str) -> str | Long:
    return text if len(text) <= TEXT else Long(text[:TEXT], len(text))


# --- the memo


def _op_put(m: Machine) -> None:
    m.memo.put(_decimal(m.stream.line(LINE)), m.top())


def _op_get(m: Machine) -> None:
    _get(m, _decimal(m.stream.line(LINE)))


def _get(m: Machine, index: int) -> None:
    if index not in m.memo:
        raise Broken(f"memo has no {index}")
    m.push(m.memo.get(index))


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
    m.push(m.top())


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


# --- symbols, calls, state


def _op_global(m: Machine) -> None:
    module = _text(m.stream.line(LINE), "utf-8")
    m.refer(module, _text(m.stream.line(LINE), "utf-8"))


def _op_stack_global(m: Machine) -> None:
    name, module = m.pop(), m.pop()
    if isinstance(name, str) and isinstance(module, str):
        m.refer(module, name)
        return
    if name is LOST or module is LOST:
        raise LimitError("more memo entries than can be followed")
    if all(isinstance(part, str | Made | Long | Persistent | Opaque) for part in (name, module)):
        m.acted = True
        symbol = Global(_operand(module), _operand(name), m.offset)
        m.push(
            m.judge.call(COMPUTED, boxed("tuple", [symbol.module, symbol.name]), m.offset, "name")
        )
        return
    raise Broken("STACK_GLOBAL needs strings")


def _operand(value: Any) -> str:
    return value if isinstance(value, str) else "<computed>"


def _op_reduce(m: Machine) -> None:
    args = m.pop()
    callee = m.pop()
    m.call(callee, args, "call")


def _op_newobj(m: Machine) -> None:
    args = m.pop()
    callee = m.pop()
    m.call(callee, args, "new")


def _op_newobj_ex(m: Machine) -> None:
    keywords = m.pop()
    args = m.pop()
    callee = m.pop()
    if isinstance(keywords, Box) and keywords.size and isinstance(args, Box):
        args = boxed("tuple", [*args.items, keywords])
    m.call(callee, args, "new")


def _op_obj(m: Machine) -> None:
    items = m.above_mark()
    if not items:
        raise Broken("OBJ without a class")
    m.call(items[0], boxed("tuple", items[1:]), "call")


def _op_inst(m: Machine) -> None:
    module = _text(m.stream.line(LINE), "utf-8")
    name = _text(m.stream.line(LINE), "utf-8")
    args = boxed("tuple", m.above_mark())
    m.refer(module, name)
    m.call(m.pop(), args, "call")


def _op_build(m: Machine) -> None:
    state = m.pop()
    target = m.top()
    m.acted = True
    m.judge.build(target, state, m.offset)
    if isinstance(target, Made):
        target.state = state
    m.judge.built(target, m)


def _op_persid(m: Machine) -> None:
    m.acted = True
    m.push(m.judge.persist(_text(m.stream.line(LINE), "ascii", "replace"), m.offset))


def _op_binpersid(m: Machine) -> None:
    m.acted = True
    m.push(m.judge.persist(m.pop(), m.offset))


def _ext(length: Callable[[Machine], int]) -> Callable[[Machine], None]:
    def op(m: Machine) -> None:
        m.acted = True
        m.push(m.judge.extension(length(m), m.offset))

    return op


# --- the rest


def _op_proto(m: Machine) -> None:
    m.protocol = m.stream.take(1)[0]
    if m.protocol > 5:
        raise Broken(f"protocol {m.protocol}")


def _op_frame(m: Machine) -> None:
    m.frame_end = _u8(m) + m.stream.tell()


def _op_next_buffer(m: Machine) -> None:
    m.push(Persistent("out-of-band buffer"))


def _op_readonly_buffer(m: Machine) -> None:
    m.top()


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


_HANDLERS: Final[dict[bytes, Callable[[Machine], None]]] = {
    b"I": _op_int,
    b"J": _int(4, signed=True),
    b"K": _int(1, signed=False),
    b"M": _int(2, signed=False),
    b"L": _op_long,
    b"\x8a": _long(_u1),
    b"\x8b": _long(_i4),
    b"S": _op_string,
    b"T": _counted_text(_i4, "latin-1"),
    b"U": _counted_text(_u1, "latin-1"),
    b"B": _counted_bytes(_u4),
    b"C": _counted_bytes(_u1),
    b"\x8e": _counted_bytes(_u8),
    b"\x96": _counted_bytes(_u8),
    b"\x97": _op_next_buffer,
    b"\x98": _op_readonly_buffer,
    b"N": _constant(None),
    b"\x88": _constant(True),  # noqa: FBT003
    b"\x89": _constant(False),  # noqa: FBT003
    b"V": _op_unicode,
    b"\x8c": _counted_text(_u1, "utf-8"),
    b"X": _counted_text(_u4, "utf-8"),
    b"\x8d": _counted_text(_u8, "utf-8"),
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
    b"h": _binget(_u1),
    b"j": _binget(_u4),
    b"p": _op_put,
    b"q": _binput(_u1),
    b"r": _binput(_u4),
    b"\x94": _op_memoize,
    b"\x82": _ext(_length("<B")),
    b"\x83": _ext(_length("<H")),
    b"\x84": _ext(_length("<i")),
    b"c": _op_global,
    b"\x93": _op_stack_global,
    b"R": _op_reduce,
    b"b": _op_build,
    b"i": _op_inst,
    b"o": _op_obj,
    b"\x81": _op_newobj,
    b"\x92": _op_newobj_ex,
    b"\x80": _op_proto,
    b"\x95": _op_frame,
    b"P": _op_persid,
    b"Q": _op_binpersid,
}
