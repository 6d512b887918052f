"""Injection and jailbreak, told by models trained here (`models/injection/`).

**What it looks at**: every reading of a message that is not the system's own.

**What it finds**: orders that a user gives against the rules of the assistant; in data, orders of
any kind to whoever reads it.

**How**: an n-gram model reads everything (a user's words by window, data by sentence, line or cell
at a time); what it finds most suspect is shown to a small encoder, where that is installed. The
highest logit, corrected for the number of pieces read, becomes a score on a scale set on
calibration data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from strongroom.domain.errors import InputError
from strongroom.guard.detectors._decoded import stretches_of
from strongroom.guard.detectors._encoder import (
    NEEDS,
    Encoder,
    load_encoder,
    make_encoder,
    runnable,
)
from strongroom.guard.detectors._ngrams import Ngrams
from strongroom.guard.detectors._scoring import (
    Scale,
    Thresholds,
    parse_thresholds,
    read_thresholds,
)
from strongroom.guard.detectors._windows import Window, segments_of, windows_of
from strongroom.guard.records import Detection, Message, Source, View

KIND: Final = "injection.model"
UNREAD: Final = "limit.unread"
FILES: Final = ("ngrams.npz", "thresholds.toml")
ENCODER_FILES: Final = ("encoder.onnx", "tokenizer.json")
FLOOR: Final = 0.2
"""Scores below are nothing to tell."""
WINDOWS: Final = 1_800
"""Pieces of one reading that are read; beyond, every second, third … and it is said so."""
OTHERS: Final = 2
"""Readings besides the plain one that the encoder sees, one piece each; the rest are n-grams'."""
SHOWN: Final = (1, 4)
"""Pieces that the encoder sees: of a user's words (they are longer), of data."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One reading and its most suspect piece."""

    view: View
    piece: Window
    ngrams: float
    encoder: float | None
    pieces: int
    unread: bool


@dataclass(frozen=True, slots=True, eq=False)
class InjectionModel:
    """See the module."""

    ngrams: Ngrams
    encoder: Encoder | None
    thresholds: Thresholds
    note: str = ""
    """What an operator should know of how it was loaded."""
    name: str = "injection.model"
    version: int = 1
    kinds: tuple[str, ...] = (KIND, UNREAD)

    def inspect(self, message: Message) -> Iterator[Detection]:
        """The most suspect piece of the message, if it is suspect at all."""
        if message.source is Source.SYSTEM:
            return
        question = int(message.source.is_data)
        scale = self.thresholds.data if question else self.thresholds.user
        best: Detection | None = None
        for judged in self._judged(message.views, question, scale):
            score = scale.score(judged.ngrams, judged.encoder, judged.pieces)
            if judged.unread:
                yield self._detection(UNREAD, 1.0, judged)
            if score >= FLOOR and (best is None or score > best.score):
                best = self._detection(KIND, score, judged)
        if best is not None:
            yield best

    def score(self, text: str, source: Source = Source.USER) -> float:
        """The score of one plain text, 0..1, below the floor too."""
        question = int(source.is_data)
        scale = self.thresholds.data if question else self.thresholds.user
        (judged,) = self._judged((View(text),), question, scale) or (None,)
        return 0.0 if judged is None else scale.score(judged.ngrams, judged.encoder, judged.pieces)

    def _judged(self, views: Sequence[View], question: int, scale: Scale) -> list[Judged]:
        """Each different reading with its most suspect piece."""
        readings = {view.text: view for view in reversed(views) if any(map(str.isalnum, view.text))}
        if len(readings) < 2 or self.encoder is None:
            return [self.read(view, question, scale) for view in readings.values()]
        plain = views[0]
        lone = replace(self, encoder=None)
        others = [view for view in readings.values() if view.text != plain.text]
        judged = [lone.read(view, question, scale) for view in others]
        judged.sort(key=lambda each: -each.ngrams)
        closer = [self.read(each.view, question, scale, shown=1) for each in judged[:OTHERS]]
        first = [self.read(plain, question, scale)] if plain.text in readings else []
        return [*first, *closer, *judged[OTHERS:]]

    def read(self, view: View, question: int, scale: Scale, *, shown: int | None = None) -> Judged:
        """The most suspect piece of one reading. `question`: 0 for a user's words, 1 for data."""
        cut = segments_of if question else windows_of
        pieces = list(cut(view.text, WINDOWS)) or [Window(view.text, 0, len(view.text))]
        count = len(pieces)
        unread = sum(piece.end - piece.start for piece in pieces) < 0.9 * len(view.text)
        pieces += _dug_out(view, question)
        logits = self.ngrams.logits([piece.text for piece in pieces])[:, question].tolist()
        order = sorted(range(len(pieces)), key=lambda at: -logits[at])
        first = order[0]
        if self.encoder is None or logits[first] < scale.clear:
            return Judged(view, pieces[first], logits[first], None, count, unread)
        at_most = SHOWN[question] if shown is None else shown
        closer = [at for at in order[:at_most] if logits[at] >= scale.clear]
        seen = self.encoder.logits([pieces[at].text for at in closer])
        both = [
            scale.ngrams * logits[at] + scale.encoder * pair[question]
            for at, pair in zip(closer, seen, strict=True)
        ]
        top = max(range(len(closer)), key=both.__getitem__)
        at = closer[top]
        return Judged(view, pieces[at], logits[at], seen[top][question], count, unread)

    def _detection(self, kind: str, score: float, judged: Judged) -> Detection:
        return Detection(
            f"{self.name}@{self.version}",
            kind,
            round(score, 4),
            judged.view.to_original(judged.piece.start, judged.piece.end),
            judged.view.how,
            {"encoder": judged.encoder is not None},
        )


def _dug_out(view: View, question: int) -> Iterator[Window]:
    """What was dug out of a reading, cut on its own: read twice, but counted once."""
    cut = segments_of if question else windows_of
    for start, end in stretches_of(view):
        for piece in cut(view.text[start:end], WINDOWS):
            yield Window(piece.text, start + piece.start, start + piece.end)


def load(folder: Path | None = None) -> InjectionModel:
    """The committed model, or that of a folder. Raises InputError when it is missing or broken.

    The encoder is used when its file and what runs it are there; else the n-gram model judges
    alone, and `note` says so.
    """
    home = folder or _home()
    there = (home / "encoder.onnx").exists()
    encoder = load_encoder(home) if there and runnable() else None
    thresholds = read_thresholds(home / "thresholds.toml")
    return _made(Ngrams.load(home / "ngrams.npz"), encoder, thresholds, there=there)


def load_files(files: Mapping[str, bytes], where: str) -> InjectionModel:
    """The same from files in memory, by name, as a registry opens them; nothing is written.

    Raises InputError, which names `where`, when one is missing or broken.
    """
    there = any(name in files for name in ENCODER_FILES)
    for name in (*FILES, *(ENCODER_FILES if there else ())):
        if name not in files:
            raise InputError(f"{where} holds no {name}", fix="seal a folder with the whole model")
    model, tokens = (files.get(name, b"") for name in ENCODER_FILES)
    encoder = make_encoder(model, tokens, where) if there and runnable() else None
    ngrams, scales = (files[name] for name in FILES)
    thresholds = parse_thresholds(scales.decode("utf-8", "replace"), where)
    return _made(Ngrams.read(ngrams, where), encoder, thresholds, there=there)


def _made(
    ngrams: Ngrams, encoder: Encoder | None, thresholds: Thresholds, *, there: bool
) -> InjectionModel:
    """`there`: whether there is an encoder, be it usable or not."""
    note = (
        ""
        if encoder
        else "the injection model judges by n-grams alone: "
        + (f"its encoder needs {' and '.join(NEEDS)}" if there else "it has no encoder here")
    )
    return InjectionModel(ngrams, encoder, thresholds, note)


def _home() -> Path:
    """In a wheel beside this package, in a checkout at the root of the repository."""
    here = Path(__file__).resolve()
    places = (here.parents[1] / "models" / "injection", here.parents[4] / "models" / "injection")
    for place in places:
        if (place / "thresholds.toml").exists():
            return place
    raise InputError("the injection model is not installed", fix="make train-injection")
