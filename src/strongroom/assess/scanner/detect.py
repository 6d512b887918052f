"""What a stream is, by content. A name's ending is a claim, not a fact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from strongroom.assess.scanner.formats import (
    compressed,
    gguf,
    hdf5,
    native,
    npy,
    onnx,
    others,
    pickles,
    safetensors,
    savedmodel,
    sevenzip,
    tars,
    texts,
    zips,
)
from strongroom.assess.scanner.place import Place, Scan, Scanned, unjudged
from strongroom.assess.scanner.stream import Stream

HEAD: Final = 4096
"""Bytes that are looked at first."""
UNPACK: Final = "unpack it, then scan what comes out"
Test = Callable[[bytes], bool]


def reader_for(stream: Stream) -> tuple[str, Scan]:
    """The format's name and its reader."""
    head = stream.peek(HEAD)
    return next((name, read) for name, test, read in _READERS if test(head))


def _short_safetensors(head: bytes) -> bool:
    """A header below 64 KiB, whose length may begin like a pickle; no opcode is the byte after."""
    return head[2:9] == b"\0\0\0\0\0\0{"


def _magic(*heads: bytes) -> Test:
    return lambda head: head.startswith(heads)


def _empty(_stream: Stream, _place: Place) -> Scanned:
    return Scanned("empty")


def _known(name: str) -> Scan:
    return lambda _stream, _place: Scanned(name)


def _unjudged(name: str, why: str, fix: str = UNPACK) -> Scan:
    return lambda _stream, _place: Scanned(name, (unjudged(f"{name}.unread", why, fix=fix),))


def _packed(name: str) -> Scan:
    return _unjudged(name, f"{name} archives are not unpacked here")


def _text_or_pickle(stream: Stream, place: Place) -> Scanned:
    """Text, unless it works as a pickle of protocol 0 or 1, or is a script in a model's clothes."""
    if (script := native.disguised_script(stream.peek(HEAD), place)) is not None:
        return script
    return pickles.probe_head(stream, place) or texts.scan(stream, place)


def _unrecognised(stream: Stream, place: Place) -> Scanned:
    if probed := pickles.probe_head(stream, place):
        return probed
    # Whatever it is, a Keras configuration in it is one.
    hazards = hdf5.scan(stream, place).hazards
    return Scanned("unknown", (*hazards, unjudged("format.unknown", "of no format that we know")))


_READERS: Final[tuple[tuple[str, Test, Scan], ...]] = (
    ("empty", lambda head: not head, _empty),
    ("safetensors", _short_safetensors, safetensors.scan),
    ("pickle", pickles.has_magic, pickles.scan_file),
    ("zip", _magic(b"PK\x03\x04", b"PK\x05\x06"), zips.scan),
    ("hdf5", _magic(b"\x89HDF\r\n\x1a\n"), hdf5.scan),
    ("npy", _magic(b"\x93NUMPY"), npy.scan),
    ("gguf", _magic(b"GGUF"), gguf.scan),
    ("compressed", lambda head: compressed.codec_of(head) is not None, compressed.scan),
    (
        "lz4",
        _magic(compressed.LZ4_MAGIC),
        _unjudged("lz4", "lz4 needs the package lz4", fix="pip install lz4, or unpack it first"),
    ),
    ("7z", _magic(b"7z\xbc\xaf\x27\x1c"), sevenzip.scan),
    ("tar", tars.plausible, tars.scan),
    ("safetensors", safetensors.plausible, safetensors.scan),
    ("savedmodel", savedmodel.plausible, savedmodel.scan),
    ("graphdef", savedmodel.plausible_graph, savedmodel.scan_graph),
    ("onnx", onnx.plausible, onnx.scan),
    ("xgboost", _magic(b"{L\x00\x00\x00\x00\x00\x00\x00"), _known("xgboost")),
    ("catboost", _magic(b"CBM1"), _known("catboost")),
    ("keras-metadata", lambda head: head[:1] == b"\n" and b"_tf_keras_" in head, hdf5.scan),
    ("tflite", lambda head: head[4:8] == b"TFL3", others.scan_tflite),
    ("java", _magic(b"\xac\xed\x00\x05"), others.scan_java),
    ("rar", _magic(b"Rar!\x1a\x07"), _packed("rar")),
    ("cab", _magic(b"MSCF\0\0\0\0"), _packed("cab")),
    ("lzip", _magic(b"LZIP\x01"), _packed("lzip")),
    ("cpio", _magic(b"070701", b"070702", b"070707"), _packed("cpio")),
    ("ar", _magic(b"!<arch>\n"), _packed("ar")),
    ("r", _magic(b"RDX2\n", b"RDX3\n", b"X\n\0\0\0", b"A\n2\n", b"A\n3\n"), others.scan_r),
    ("lightgbm-data", _magic(b"______LightGBM_Binary_File_Token"), _known("lightgbm-data")),
    ("xgboost-data", _magic(b"\x01\xab\xff\xff"), _known("xgboost-data")),
    ("bytecode", lambda head: head[1:4] in (b"\r\r\n", b"\x0e\r\n"), native.scan("bytecode")),
    ("parquet", _magic(b"PAR1"), _known("parquet")),
    ("arrow", _magic(b"ARROW1\x00\x00"), _known("arrow")),
    ("image", _magic(b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"RIFF"), _known("media")),
    ("pdf", _magic(b"%PDF-"), _known("pdf")),
    ("sqlite", _magic(b"SQLite format 3\x00"), _known("sqlite")),
    ("native", native.plausible, native.scan("native")),
    ("text", texts.looks_like_text, _text_or_pickle),
    ("unknown", lambda _head: True, _unrecognised),
)
