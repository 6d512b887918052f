"""`python -m strongroom.guard.training STEP`: examples, ngrams, calibrate, evaluate.

Every step reads what the one before wrote, so a run that was stopped goes on where it was:

    examples   OUT/examples.jsonl, OUT/calibration.jsonl   from the corpora and our grammars
    ngrams     MODEL/ngrams.npz
    (the encoder is trained by models/injection/recipe, in an environment of its own)
    calibrate  MODEL/thresholds.toml
    evaluate   MODEL/evaluation.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from strongroom.guard.detectors._encoder import load_encoder
from strongroom.guard.detectors._ngrams import Ngrams
from strongroom.guard.detectors._scoring import Scale
from strongroom.guard.detectors.injection_model import load
from strongroom.guard.training import calibrate, evaluate
from strongroom.guard.training.corpora import Example, read_lines
from strongroom.guard.training.dataset import as_row, assemble, write_counts
from strongroom.guard.training.fit_ngrams import fit_ngrams

SEED = 7
BEGIN = "<!-- figures:begin -->"
END = "<!-- figures:end -->"


def examples(firewall: Path, out: Path, model: Path) -> None:
    """Put the sets together and count them."""
    dataset = assemble(firewall, SEED)
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "examples.jsonl", dataset.train)
    _write(out / "calibration.jsonl", dataset.calibration)
    counts: dict[str, object] = {"seed": SEED, "shared_with_bench": dataset.shared_with_bench}
    counts |= write_counts(dataset)
    (model / "counts.json").write_text(json.dumps(counts, indent=1, ensure_ascii=False) + "\n")


def ngrams(firewall: Path, out: Path, model: Path) -> None:  # noqa: ARG001
    """Fit the n-gram model."""
    fit_ngrams(_read(out / "examples.jsonl"), seed=SEED).save(model / "ngrams.npz")


def calibrate_scales(firewall: Path, out: Path, model: Path) -> None:  # noqa: ARG001
    """Set stack and thresholds on calibration data."""
    with ProcessPoolExecutor(2) as pool:
        user, data = pool.map(partial(_scale, out / "calibration.jsonl", model), (0, 1))
    (model / "thresholds.toml").write_text(calibrate.as_toml(user, data))


def _scale(calibration: Path, model: Path, ask: int) -> Scale:
    """The scale for a user's words (0) or for data (1)."""
    grams = Ngrams.load(model / "ngrams.npz")
    encoder = load_encoder(model) if (model / "encoder.onnx").exists() else None
    rows = calibrate.even(_read(calibration))
    return calibrate.scale_of(calibrate.read_all(grams, encoder, rows, ask))


def evaluate_bench(firewall: Path, out: Path, model: Path) -> None:
    """Report on the benchmark, the calibration attacks by origin, a small sample, and time."""
    detector = load(model)
    report = evaluate.evaluation(detector, firewall)
    rows = _read(out / "calibration.jsonl")
    texts = [row.text for row in rows if row.user is not None][:400]
    sample = evaluate.sampled(rows, 2)
    (model / "sample.json").write_text(json.dumps(sample, indent=1, ensure_ascii=False) + "\n")
    report["sample"] = evaluate.sample_scores(detector, sample)
    report["milliseconds"] = {"calibration_texts": evaluate.latency(detector, texts)}
    (model / "evaluation.json").write_text(json.dumps(report, indent=1) + "\n")
    card = model / "README.md"
    if card.exists():
        card.write_text(_between(card.read_text("utf-8"), evaluate.table(report)), "utf-8")


def _between(card: str, figures: str) -> str:
    """The card with its table of figures replaced."""
    before, _, rest = card.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{figures}\n{END}{after}" if rest else card


STEPS: dict[str, Callable[[Path, Path, Path], None]] = {
    "examples": examples,
    "ngrams": ngrams,
    "calibrate": calibrate_scales,
    "evaluate": evaluate_bench,
}


def _write(path: Path, rows: Iterable[Example]) -> None:
    lines = (json.dumps(as_row(row), ensure_ascii=False) + "\n" for row in rows)
    path.write_text("".join(lines), encoding="utf-8")


def _read(path: Path) -> list[Example]:
    return [Example(**row) for row in read_lines(path)]


def main() -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("--firewall", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=Path("models/injection"))
    given = parser.parse_args()
    STEPS[given.step](given.firewall, given.out, given.model)


if __name__ == "__main__":
    main()
