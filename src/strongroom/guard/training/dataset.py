"""Puts the training and calibration sets together: corpora, our own grammars, none of the bench."""

from __future__ import annotations

import random
import sysconfig
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from strongroom.domain.digests import sha256
from strongroom.guard.detectors._windows import SEGMENT, segments_of, windows_of
from strongroom.guard.training import compose
from strongroom.guard.training.corpora import Example, corpora_plan, read_corpus, read_lines
from strongroom.guard.training.leakage import Held, without
from strongroom.guard.training.manuals import manuals

PER_FAMILY = 320
DOCUMENTS = 7_200
PAIRS = 6_000
SALTED = 4_000
DISGUISED = 1_500
_KEPT_BACK = 4
"""One in so many contexts of the training corpora goes to calibration instead."""
_PRECIOUS = ("bipia_context_email_train", "bipia_context_code_train")


@dataclass(frozen=True, slots=True)
class Dataset:
    """What is fitted on, what thresholds are set on, and what was left out."""

    train: list[Example]
    calibration: list[Example]
    shared_with_bench: int


def assemble(firewall: Path, seed: int) -> Dataset:
    """Both sets, the same for the same seed and files.

    `firewall` holds train/, calibration/ and bench/; of bench only fingerprints are kept.
    """
    held = Held.of_folder(firewall / "bench")
    plan = corpora_plan()
    rng = random.Random(seed)  # noqa: S311 - sampling
    public = [*_corpora(firewall / "train", plan["train"], rng)]
    kept_back = [each for each in public if _is_kept_back(each)]
    train = [each for each in public if not _is_kept_back(each)]
    train += [*_library(held_out=False, rng=rng), *manuals(held_out=False, rng=rng)]
    train += _ours(train, held_out=False, scale=1.0, rng=rng)
    kept, shared = without(train, held)
    cut = list(_cut(kept, rng))
    calibration = [*_corpora(firewall / "calibration", plan["calibration"], rng)]
    calibration += [*kept_back, *_library(held_out=True, rng=rng)]
    calibration += manuals(held_out=True, rng=rng)
    calibration += _ours(calibration, held_out=True, scale=0.25, rng=rng)
    checked, _ = without(calibration, held)
    return Dataset(cut, checked, shared)


def _corpora(
    folder: Path, plan: dict[str, dict[str, object]], rng: random.Random
) -> Iterator[Example]:
    for name, use in plan.items():
        rows = list(read_corpus(folder, name, use))
        limit = use.get("rows")
        yield from rng.sample(rows, limit) if isinstance(limit, int) and limit < len(rows) else rows


def _is_kept_back(example: Example) -> bool:
    """A part of the clean contexts, by hash: thresholds need real documents."""
    if "context" not in example.origin:
        return False
    return int(sha256(example.text.encode()).hex[:8], 16) % _KEPT_BACK == 0


def _ours(
    public: list[Example], *, held_out: bool, scale: float, rng: random.Random
) -> list[Example]:
    """Our grammars, plain, in documents, in pairs and in disguise."""
    ours = list(compose.plain(int(PER_FAMILY * scale), held_out=held_out, rng=rng))
    orders = [each for each in (*ours, *public) if each.data == 1 and len(each.text) < 500]
    real = [each for each in public if each.data == 0 and "context" in each.origin]
    documents = compose.in_documents(
        int(DOCUMENTS * scale), orders, real, held_out=held_out, rng=rng
    )
    both = [*ours, *public]
    return [
        *ours,
        *documents,
        *compose.pairs(both, int(PAIRS * scale), rng),
        *compose.salted(both, compose.loose_words(), int(SALTED * scale), rng),
        *compose.in_disguise(both, int(DISGUISED * scale), rng),
    ]


def _cut(examples: Iterable[Example], rng: random.Random) -> Iterator[Example]:
    """As inference will read them: user texts by window, data by segment."""
    for example in examples:
        if len(example.text) <= SEGMENT:
            yield example
            continue
        if example.user is not None:
            pieces = [window.text for window in windows_of(example.text, 50)]
            chosen = pieces[:1] if example.user else rng.sample(pieces, min(2, len(pieces)))
            yield from (replace(example, text=piece, data=None) for piece in chosen)
        if example.data is not None:
            pieces = [piece.text for piece in segments_of(example.text, 200)]
            chosen = (
                pieces[:2]
                if example.data
                else rng.sample(pieces, min(_pieces_of(example), len(pieces)))
            )
            yield from (replace(example, text=piece, user=None) for piece in chosen)


def _pieces_of(example: Example) -> int:
    """Segments taken from a clean document: all that the few real mails and answers have."""
    return 60 if example.origin in _PRECIOUS else 5


def _library(*, held_out: bool, rng: random.Random) -> Iterator[Example]:
    """Innocent code and technical prose: files of Python's standard library."""
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    for number, path in enumerate(files):
        if (number % 8 == 0) is held_out:
            text = path.read_text("utf-8", "replace")
            windows = list(windows_of(text, 40))
            for window in rng.sample(windows, min(20 if held_out else 5, len(windows))):
                yield Example(window.text, 0, 0, "python_stdlib")


def write_counts(dataset: Dataset) -> dict[str, dict[str, int]]:
    """How many rows come from where, for the data list."""
    return {
        part: dict(sorted(Counter(map(_kind_of, rows)).items()))
        for part, rows in (("train", dataset.train), ("calibration", dataset.calibration))
    }


def _kind_of(example: Example) -> str:
    """Corpus or family; combinations under one name."""
    return "pairs" if "&" in example.origin else example.origin.split("+")[0].rstrip("~")


def bench_examples(firewall: Path) -> dict[str, list[str]]:
    """The benchmark's texts by set: only for reporting."""
    bench = firewall / "bench"
    sets = {path.stem: list(read_lines(path)) for path in sorted(bench.glob("*.jsonl"))}
    return {
        f"{name}:{label}": [row["text"] for row in rows if int(row["label"]) == label]
        for name, rows in sets.items()
        for label in sorted({int(row["label"]) for row in rows})
    }


def as_row(example: Example) -> dict[str, object]:
    """For JSON lines."""
    return asdict(example)
