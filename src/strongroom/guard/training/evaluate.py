"""What the finished detector does on the benchmark sets: reported, never tuned on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from strongroom.guard.detectors.injection_model import InjectionModel
from strongroom.guard.records import Source
from strongroom.guard.training.compose import placed
from strongroom.guard.training.corpora import Example
from strongroom.guard.training.dataset import bench_examples

SEED = 5
INNOCENT = ("notinject", "banking77", "deepset_innocent", "clean_contexts", "banking77_in_data")
CONTEXTS = ("bipia_context_email_test", "bipia_context_table_test", "bipia_context_code_test")
USER_SETS = {
    "notinject": "notinject:0",
    "banking77": "banking77_test:0",
    "deepset_innocent": "deepset_test:0",
    "deepset_attacks": "deepset_test:1",
    "bipia_bare_as_user": "bipia_attack_test:1",
}


def evaluation(model: InjectionModel, firewall: Path) -> dict[str, Any]:
    """Share of each set that counts, by level, for the n-gram model alone and for the whole."""
    bench = bench_examples(firewall)
    rng = random.Random(SEED)  # noqa: S311 - sampling
    clean = [text for name in CONTEXTS for text in bench[f"{name}:0"]]
    orders = bench["bipia_attack_test:1"]
    sets: dict[str, tuple[Source, list[str]]] = {
        name: (Source.USER, bench[key]) for name, key in USER_SETS.items()
    }
    sets["bipia_bare"] = (Source.CONTEXT, orders)
    sets["bipia_in_context"] = (
        Source.CONTEXT,
        [placed(text, rng.choice(orders), rng) for text in clean],
    )
    sets["clean_contexts"] = (Source.CONTEXT, clean)
    sets["banking77_in_data"] = (Source.CONTEXT, bench["banking77_test:0"])
    models = {"ngrams": replace(model, encoder=None)}
    if model.encoder is not None:
        models["stack"] = model
    return {
        "sets": {name: {"texts": len(texts)} for name, (_, texts) in sets.items()},
        "flagged": {
            kind: {name: _flagged(judge, source, texts) for name, (source, texts) in sets.items()}
            for kind, judge in models.items()
        },
    }


def _flagged(model: InjectionModel, source: Source, texts: Sequence[str]) -> dict[str, float]:
    """Percent that count at each level, and percent that a balanced policy blocks."""
    scores = [model.score(text, source) for text in texts]
    side = "data" if source.is_data else "user"
    levels = {level: each[side] for level, each in model.thresholds.levels.items()}
    levels["blocked"] = 0.7 if source.is_data else 0.75
    return {
        level: round(100 * sum(score >= line for score in scores) / len(scores), 2)
        for level, line in levels.items()
    }


def latency(model: InjectionModel, texts: Sequence[str]) -> dict[str, float]:
    """Milliseconds of wall time a text: median and 99th percentile."""
    spent = []
    for text in texts:
        began = perf_counter()
        model.score(text)
        spent.append(1000 * (perf_counter() - began))
    spent.sort()
    return {
        "p50": round(spent[len(spent) // 2], 2),
        "p99": round(spent[min(len(spent) - 1, int(0.99 * len(spent)))], 2),
    }


def sampled(rows: Sequence[Example], each: int) -> list[dict[str, Any]]:
    """A few calibration texts of every family of ours, to be kept beside the model."""
    kept: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        side = "user" if row.user is not None else "data"
        if _is_ours(row.origin) and len(row.text) < 400 and row.text.isprintable():
            texts = kept.setdefault(row.origin, [])
            if len(texts) < each:
                texts.append({"text": row.text, "source": side, "attack": getattr(row, side)})
    return [text for origin in sorted(kept) for text in kept[origin]]


def _is_ours(origin: str) -> bool:
    """Families of the grammars, plain: their names hold a dot or are single words of ours."""
    return not any(mark in origin for mark in "&+~_0123456789") and origin != "python_stdlib"


def sample_scores(model: InjectionModel, sample: Sequence[dict[str, Any]]) -> list[float]:
    """The score of each text of a sample."""
    sides = {"user": Source.USER, "data": Source.CONTEXT}
    return [round(model.score(row["text"], sides[row["source"]]), 3) for row in sample]


def table(report: dict[str, Any]) -> str:
    """The figures of evaluation.json as Markdown."""
    lines = ["| set | texts | counts for | " + " | ".join(report["flagged"]) + " |"]
    lines.append("|---|---|---|" + "---|" * len(report["flagged"]))
    for name, about in report["sets"].items():
        cells = [
            f"{at[name]['balanced']} ({at[name]['blocked']}) / {at[name]['strict']}"
            for at in report["flagged"].values()
        ]
        good = "false alarms" if name in INNOCENT else "recall"
        lines.append(f"| {name} | {about['texts']} | {good} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
