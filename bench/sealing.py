"""Sealed files beside tink's streaming AEAD, age and a plain copy; `run()` gives Markdown.

Everybody gets the same bytes, in turns, for some rounds; the best round of each counts, as the one
that other work on the machine disturbed least. In memory all write to a buffer that is there
already, so that nobody pays for fresh pages. tink is called in pieces of 64 KiB, its best here.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyrage
import tink
from tink import streaming_aead

from strongroom.keys.sealing import (
    context_of,
    new_key,
    open_into,
    open_stream,
    seal_into,
    seal_stream,
    sealed_size,
)

MIB = 1024 * 1024
IN_MEMORY = 128 * MIB
ON_DISK = 256 * MIB
ROUNDS = 9
PIECE = 64 * 1024
KEY = new_key()
CONTEXT = context_of(model="fraud", version="1", path="model.onnx")

Times = dict[str, float]
"""Best seconds by name."""


class Sink(io.RawIOBase):
    """A file in memory of pages that exist already."""

    def __init__(self, size: int) -> None:
        self.room = memoryview(bytearray(b"\1" * size))
        self.taken = 0

    def writable(self) -> bool:
        return True

    def write(self, data: memoryview) -> int:
        self.room[self.taken : self.taken + len(data)] = data
        self.taken += len(data)
        return len(data)

    def close(self) -> None:
        """Stay open: tink closes what it writes to."""

    def take(self) -> bytes:
        return bytes(self.room[: self.taken])


def best(acts: dict[str, Callable[[], None]], before: Callable[[], None]) -> Times:
    """Run each in turn, for some rounds."""
    times = dict.fromkeys(acts, float("inf"))
    for _ in range(ROUNDS):
        for name, act in acts.items():
            before()
            start = time.perf_counter()
            act()
            times[name] = min(times[name], time.perf_counter() - start)
    return times


def in_memory() -> tuple[Times, Times]:
    """Seconds to seal and to open, by engine."""
    data, sink = os.urandom(IN_MEMORY), Sink(IN_MEMORY + 8 * MIB)
    streaming_aead.register()
    template = streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB
    theirs = tink.new_keyset_handle(template).primitive(streaming_aead.StreamingAead)
    identity = pyrage.x25519.Identity.generate()

    def tink_seal() -> None:
        with theirs.new_encrypting_stream(sink, CONTEXT) as stream:
            for start in range(0, len(data), PIECE):
                stream.write(memoryview(data)[start : start + PIECE])

    def tink_open() -> None:
        with theirs.new_decrypting_stream(io.BytesIO(sealed["tink"]), CONTEXT) as stream:
            while piece := stream.read(PIECE):
                sink.write(piece)

    in_place = sink.room[: sealed_size(len(data))]
    sealing: dict[str, Callable[[], None]] = {
        "tink": tink_seal,
        "age": lambda: pyrage.encrypt_io(io.BytesIO(data), sink, [identity.to_public()]),
        "Strongroom, stream": lambda: seal_stream(io.BytesIO(data), sink, KEY, CONTEXT),
        "Strongroom, in place": lambda: seal_into(data, in_place, KEY, CONTEXT),
    }
    sealed: dict[str, bytes] = {}
    for name, act in sealing.items():
        sink.taken = 0
        act()
        sealed[name] = sink.take() or bytes(in_place)
    ours = sealed["Strongroom, stream"]
    opening: dict[str, Callable[[], None]] = {
        "tink": tink_open,
        "age": lambda: pyrage.decrypt_io(io.BytesIO(sealed["age"]), sink, [identity]),
        "Strongroom, stream": lambda: open_stream(io.BytesIO(ours), sink, KEY, CONTEXT),
        "Strongroom, in place": lambda: open_into(ours, sink.room[: len(data)], KEY, CONTEXT),
    }

    def rewind() -> None:
        sink.taken = 0

    return best(sealing, rewind), best(opening, rewind)


def on_disk(*, durable: bool) -> Times:
    """Seconds from file to file, each with an fsync at its end or none."""
    with tempfile.TemporaryDirectory() as folder:
        plain, sealed, target = (Path(folder) / name for name in ("plain", "sealed", "target"))
        plain.write_bytes(os.urandom(ON_DISK))

        def through(act: Callable[..., None], source: Path, target: Path) -> None:
            with source.open("rb", buffering=0) as reading, target.open("wb", buffering=0) as out:
                act(reading, out, KEY, CONTEXT)
                if durable:
                    os.fsync(out.fileno())

        def copy() -> None:
            shutil.copyfile(plain, target)
            if durable:
                with target.open("rb+") as file:
                    os.fsync(file.fileno())

        def clear() -> None:
            target.unlink(missing_ok=True)
            os.sync()  # nobody waits for what others left to be written

        through(seal_stream, plain, sealed)
        acts = {
            "copy": copy,
            "seal": lambda: through(seal_stream, plain, target),
            "open": lambda: through(open_stream, sealed, target),
        }
        return best(acts, clear)


def run() -> str:
    """Measure, and say it in Markdown."""
    sealing, opening = in_memory()
    kept, flushed = on_disk(durable=True), on_disk(durable=False)
    memory = "\n".join(
        f"| {name} | {speed(IN_MEMORY, sealing[name])} | {speed(IN_MEMORY, opening[name])} "
        f"| {sealing['tink'] / sealing[name]:.2f} | {opening['tink'] / opening[name]:.2f} |"
        for name in sealing
    )
    disk = "\n".join(
        f"| {name} | {speed(ON_DISK, kept[name])} | {speed(ON_DISK, flushed[name])} "
        f"| {kept['copy'] / kept[name]:.2f} | {flushed['copy'] / flushed[name]:.2f} |"
        for name in kept
    )
    return f"""## Sealed files

In memory, {IN_MEMORY // MIB} MiB on {os.cpu_count()} cores, best of {ROUNDS} rounds in turns.
tink: streaming AEAD, `AES256_GCM_HKDF_1MB`. age: X25519, by pyrage. "Stream" goes through the same
file objects as theirs; "in place" from buffer to buffer. Aim: at least 5 × tink.

| | seal MB/s | open MB/s | × tink, seal | × tink, open |
|---|---:|---:|---:|---:|
{memory}

From file to file, {ON_DISK // MIB} MiB, against `shutil.copyfile`. Aim: at least 0.8 × the copy.

| | MB/s with fsync | MB/s without | × copy, with | × copy, without |
|---|---:|---:|---:|---:|
{disk}
"""


def speed(size: int, seconds: float) -> str:
    return f"{size / seconds / 1e6:,.0f}"


if __name__ == "__main__":
    print(run())
