"""Pickles by hand: each helper gives the bytes of some opcodes."""

import struct

PROTO = b"\x80\x04"
STOP = b"."


def text(value):
    """SHORT_BINUNICODE."""
    raw = value.encode()
    return (
        b"\x8c" + bytes([len(raw)]) + raw
        if len(raw) < 256
        else b"X" + struct.pack("<I", len(raw)) + raw
    )


def data(value):
    """BINBYTES."""
    return b"B" + struct.pack("<I", len(value)) + value


def push(value):
    """Any simple value; bytes that are already opcodes are wrapped in `Op`."""
    if isinstance(value, Op):
        return value.code
    if value is None:
        return b"N"
    if value is True:
        return b"\x88"
    if value is False:
        return b"\x89"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bytes):
        return data(value)
    if isinstance(value, tuple):
        return b"(" + b"".join(map(push, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(push, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(push(k) + push(v) for k, v in value.items()) + b"u"
    raise TypeError(value)


class Op:
    """Opcodes that push one value."""

    def __init__(self, code):
        self.code = code


def name(module, symbol):
    """GLOBAL, the text form."""
    return Op(f"c{module}\n{symbol}\n".encode())


def stack_name(module, symbol):
    """STACK_GLOBAL on whatever pushes the two."""
    return Op(push(module) + push(symbol) + b"\x93")


def call(callee, *args):
    """REDUCE."""
    return Op(push(callee) + push(tuple(args)) + b"R")


def pickle(value, *, proto=PROTO, tail=STOP):
    """A whole stream."""
    return proto + push(value) + tail
