"""The opcodes that large pickles consist of, followed without a call for each.

Everything here is also in `machine.py`, one function an opcode, and means the same; this only saves
the calls. It stops, with nothing consumed, at any opcode that is not here, whose operand is not in
the buffer, or that would be an error: the machine goes on from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from strongroom.assess.scanner.hidden import HEADS, SHORTEST
from strongroom.assess.scanner.values import DATA, TEXT, Box, Global

if TYPE_CHECKING:
    from strongroom.assess.scanner.machine import Machine

MARGIN: Final = 10
"""An opcode with its longest operand of fixed size."""
_KIND: Final = {0x5D: "list", 0x7D: "dict", 0x29: "tuple", 0x8F: "set"}
_CONSTANT: Final = {0x4E: None, 0x88: True, 0x89: False}
_TUPLE: Final = {0x85: 1, 0x86: 2, 0x87: 3}


def follow(m: Machine) -> None:  # noqa: C901, PLR0912, PLR0915 - one branch an opcode, by frequency
    """Follow common opcodes as far as the buffer reaches."""
    stack, marks, memo = m.stack, m.marks, m.memo
    buffer, at = m.stream.window(MARGIN)
    size = len(buffer)
    fence = marks[-1] if marks else 0
    while at + MARGIN <= size:
        code = buffer[at]
        if code == 0x94:  # MEMOIZE
            if len(stack) <= fence:
                break
            memo.append(stack[-1])
            at += 1
        elif code == 0x8C:  # SHORT_BINUNICODE
            stop = at + 2 + buffer[at + 1]
            text = buffer[at + 2 : stop]
            if buffer[at + 1] > TEXT or stop > size or not text.isascii():
                break
            value = text.decode("ascii")
            if buffer[at + 1] > SHORTEST and value[:2] in HEADS:
                break
            stack.append(value)
            at = stop
        elif code == 0x68 or code == 0x6A:  # noqa: PLR1714 - BINGET, LONG_BINGET
            wide = code == 0x6A
            index = int.from_bytes(buffer[at + 1 : at + 5], "little") if wide else buffer[at + 1]
            if index not in memo:
                break
            value = memo.get(index)
            if type(value) is Global:
                break
            stack.append(value)
            at += 5 if wide else 2
        elif code == 0x4B:  # BININT1
            stack.append(buffer[at + 1])
            at += 2
        elif code == 0x4A:  # BININT
            stack.append(int.from_bytes(buffer[at + 1 : at + 5], "little", signed=True))
            at += 5
        elif code == 0x4D:  # BININT2
            stack.append(buffer[at + 1] | buffer[at + 2] << 8)
            at += 3
        elif code == 0x47:  # BINFLOAT
            stack.append(DATA)
            at += 9
        elif code == 0x28:  # MARK
            fence = len(stack)
            marks.append(fence)
            at += 1
        elif code == 0x75 or code == 0x65:  # noqa: PLR1714 - SETITEMS, APPENDS
            below = marks[-2] if len(marks) > 1 else 0
            target = stack[fence - 1] if marks and fence > below else None
            if type(target) is not Box:
                break
            target.extend(stack[fence:])
            del stack[fence:]
            marks.pop()
            fence = below
            at += 1
        elif code in _KIND:
            stack.append(Box(_KIND[code]))
            at += 1
        elif code == 0x71 or code == 0x72:  # noqa: PLR1714 - BINPUT, LONG_BINPUT
            if len(stack) <= fence:
                break
            wide = code == 0x72
            index = int.from_bytes(buffer[at + 1 : at + 5], "little") if wide else buffer[at + 1]
            memo.put(index, stack[-1])
            at += 5 if wide else 2
        elif code in _TUPLE:
            count = _TUPLE[code]
            if len(stack) - fence < count:
                break
            stack[-count:] = [Box("tuple", stack[-count:], count)]
            at += 1
        elif code in _CONSTANT:
            stack.append(_CONSTANT[code])
            at += 1
        else:
            break
    m.stream.advance(at)
