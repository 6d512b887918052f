"""An abstract pickle machine: follows every opcode, runs nothing, tells a judge what would run.

It keeps the stack, the marks and the memo as CPython's unpickler does (Modules/_pickle.c and
Lib/pickle.py of 3.11 to 3.14), with descriptions in place of objects. Where those two differ, or
where what happens depends on the program that loads, it takes the reading that lets more happen.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from strongroom.assess.scanner.acting_opcodes import ACTING
from strongroom.assess.scanner.fastlane import follow
from strongroom.assess.scanner.memo import Memo, Overlay
from strongroom.assess.scanner.plain_opcodes import INNER, PLAIN
from strongroom.assess.scanner.stream import Stream
from strongroom.assess.scanner.values import LOST, Broken, Global
from strongroom.domain.errors import LimitError

TICK: Final = 1 << 12
"""Bytes between looks at the clock."""


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

    def kept(self, offset: int) -> None:
        """A symbol that may only be called directly was kept as a value."""

    def data(self, value: bytes | str, offset: int) -> None:
        """Bytes or a text that may hold something else."""

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
        self.loose = 0
        """Symbols that may only be called directly, pushed and not called so far."""

    def fork(self, stream: Stream, judge: Judge) -> Machine:
        """A machine in this state that goes on with other bytes, and leaves this one as it is."""
        other = Machine(stream, judge)
        other.stack, other.marks = self.stack[:], self.marks[:]
        other.memo, other.protocol = Overlay(self.memo), self.protocol
        other.loose = self.loose
        return other

    def run(self) -> Any:
        """Follow to STOP and give the value. Raises Broken, Truncated, LimitError."""
        value = None
        try:
            value = self._follow()
        finally:
            waiting = sum(type(item) is Global and item.direct for item in self.stack)
            if self.loose > waiting:  # one that still waits to be called does no harm
                self.judge.kept(self.offset)
        return value

    def _follow(self) -> Any:
        stream, limit = self.stream, self.stream.budget.limits.stack
        looked = 0
        while True:
            follow(self)
            self.offset = stream.tell()
            if self.offset - looked > TICK:
                looked = self.offset
                stream.budget.tick()
            code = stream.take(1)
            handler = _HANDLERS.get(code)
            if handler is None:
                if code == b".":
                    return self.pop()
                raise Broken(f"no opcode {code!r}")
            handler(self)
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
        symbol = Global(module, name, self.offset)
        self.judge.refer(symbol, self.protocol)
        self.push_again(symbol)

    def push_again(self, value: Any) -> None:
        """Push what may be a symbol, from the memo or from below."""
        if type(value) is Global and value.direct:
            self.loose += 1
        self.stack.append(value)

    def call(self, callee: Any, args: Any, how: str) -> None:
        """Push the result of a call."""
        if args is LOST:
            raise LimitError("more memo entries than can be followed")
        if type(callee) is Global and callee.direct:
            self.loose -= 1
        self.push(self.judge.call(callee, args, self.offset, how))


_HANDLERS: Final = {**PLAIN, **ACTING}
