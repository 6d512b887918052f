"""Opcodes that act: they import, call, set state, or ask the loading program for something.

Read side by side with Lib/pickle.py, whose `load_…` methods these follow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from strongroom.assess.scanner.operands import LINE, decoded, length_of, u8
from strongroom.assess.scanner.values import (
    COMPUTED,
    LOST,
    Box,
    Broken,
    Global,
    Long,
    Made,
    Opaque,
    Persistent,
    boxed,
)
from strongroom.domain.errors import LimitError

if TYPE_CHECKING:
    from strongroom.assess.scanner.machine import Machine


def _op_global(m: Machine) -> None:
    module = decoded(m.stream.line(LINE), "utf-8")
    m.refer(module, decoded(m.stream.line(LINE), "utf-8"))


def _op_stack_global(m: Machine) -> None:
    name, module = m.pop(), m.pop()
    if isinstance(name, str) and isinstance(module, str):
        m.refer(module, name)
        return
    if name is LOST or module is LOST:
        raise LimitError("more memo entries than can be followed")
    if all(isinstance(part, str | Made | Long | Persistent | Opaque) for part in (name, module)):
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
    module = decoded(m.stream.line(LINE), "utf-8")
    name = decoded(m.stream.line(LINE), "utf-8")
    args = boxed("tuple", m.above_mark())
    m.refer(module, name)
    m.call(m.pop(), args, "call")


def _op_build(m: Machine) -> None:
    state = m.pop()
    target = m.top()
    m.judge.build(target, state, m.offset)
    if isinstance(target, Made):
        target.state = state
    m.judge.built(target, m)


def _op_persid(m: Machine) -> None:
    m.push(m.judge.persist(decoded(m.stream.line(LINE), "ascii", "replace"), m.offset))


def _op_binpersid(m: Machine) -> None:
    m.push(m.judge.persist(m.pop(), m.offset))


def _ext(length: Callable[[Machine], int]) -> Callable[[Machine], None]:
    def op(m: Machine) -> None:
        m.push(m.judge.extension(length(m), m.offset))

    return op


def _op_proto(m: Machine) -> None:
    m.protocol = m.stream.take(1)[0]
    if m.protocol > 5:
        raise Broken(f"protocol {m.protocol}")


def _op_frame(m: Machine) -> None:
    m.frame_end = u8(m) + m.stream.tell()


def _op_next_buffer(m: Machine) -> None:
    m.push(Persistent("out-of-band buffer"))


def _op_readonly_buffer(m: Machine) -> None:
    m.top()


ACTING: Final[dict[bytes, Callable[[Machine], None]]] = {
    b"\x97": _op_next_buffer,
    b"\x98": _op_readonly_buffer,
    b"\x82": _ext(length_of("<B")),
    b"\x83": _ext(length_of("<H")),
    b"\x84": _ext(length_of("<i")),
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
"""Opcode to what it does."""
