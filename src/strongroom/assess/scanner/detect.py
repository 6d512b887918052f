"""What a stream is, by content. A name's ending is a claim, not a fact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from strongroom.assess.scanner.formats import (
    compressed,
    gguf,
    hdf5,
    npy,
    onnx,
    pickles,
    safetensors,
    savedmodel,
    sevenzip,
    tars,
    texts,
    zips,
)
from strongroom.assess.scanner.place import Place, Scan, Scanned, odd, unjudged
from strongroom.assess.scanner.stream import Stream

HEAD: Final = 4096
"""Bytes that are looked at first."""
Test = Callable[[bytes], bool]


def reader_for(stream: Stream) -> tuple[str, Scan]:
    """The format's name and its reader."""
    head = stream.peek(HEAD)
    return next((name, read) for name, test, read in _READERS if test(head))


def _magic(*heads: bytes) -> Test:
    return lambda head: head.startswith(heads)


def _empty(_stream: Stream, _place: Place) -> Scanned:
    return Scanned("empty")


def _known(name: str) -> Scan:
    return lambda _stream, _place: Scanned(name)


def _unjudged(name: str, why: str) -> Scan:
    return lambda _stream, _place: Scanned(name, (unjudged(f"{name}.unread", why),))


def _native(name: str) -> Scan:
    hazard = odd(
        "file.native_code",
        f"is a program or library ({name}), not a model",
        attack="native_code",
        references=("CWE-114",),
    )
    return lambda _stream, _place: Scanned(name, (hazard,))


def _text_or_pickle(stream: Stream, place: Place) -> Scanned:
    """Text, unless it works as a pickle of protocol 0 or 1."""
    return pickles.probe_head(stream, place) or texts.scan(stream, place)


def _unrecognised(stream: Stream, place: Place) -> Scanned:
    if probed := pickles.probe_head(stream, place):
        return probed
    # Whatever it is, a Keras configuration in it is one.
    hazards = hdf5.scan(stream, place).hazards
    return Scanned("unknown", (*hazards, unjudged("format.unknown", "of no format that we know")))


_READERS: Final[tuple[tuple[str, Test, Scan], ...]] = (
    ("empty", lambda head: not head, _empty),
    ("pickle", pickles.has_magic, pickles.scan_file),
    ("zip", _magic(b"PK\x03\x04", b"PK\x05\x06"), zips.scan),
    ("hdf5", _magic(b"\x89HDF\r\n\x1a\n"), hdf5.scan),
    ("npy", _magic(b"\x93NUMPY"), npy.scan),
    ("gguf", _magic(b"GGUF"), gguf.scan),
    ("compressed", lambda head: compressed.codec_of(head) is not None, compressed.scan),
    ("lz4", _magic(b"\x04\x22\x4d\x18"), _unjudged("lz4", "lz4 cannot be unpacked here")),
    ("7z", _magic(b"7z\xbc\xaf\x27\x1c"), sevenzip.scan),
    ("tar", tars.plausible, tars.scan),
    ("safetensors", safetensors.plausible, safetensors.scan),
    ("savedmodel", savedmodel.plausible, savedmodel.scan),
    ("onnx", onnx.plausible, onnx.scan),
    ("xgboost", _magic(b"{L\x00\x00\x00\x00\x00\x00\x00"), _known("xgboost")),
    ("catboost", _magic(b"CBM1"), _known("catboost")),
    ("keras-metadata", lambda head: head[:1] == b"\n" and b"_tf_keras_" in head, hdf5.scan),
    ("tflite", lambda head: head[4:8] == b"TFL3", _known("tflite")),
    ("bytecode", lambda head: head[1:4] in (b"\r\r\n", b"\x0e\r\n"), _native("bytecode")),
    ("parquet", _magic(b"PAR1"), _known("parquet")),
    ("arrow", _magic(b"ARROW1\x00\x00"), _known("arrow")),
    ("image", _magic(b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"RIFF"), _known("media")),
    ("pdf", _magic(b"%PDF-"), _known("pdf")),
    ("sqlite", _magic(b"SQLite format 3\x00"), _known("sqlite")),
    (
        "native",
        _magic(b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"),
        _native("native"),
    ),
    ("text", texts.looks_like_text, _text_or_pickle),
    ("unknown", lambda _head: True, _unrecognised),
)
