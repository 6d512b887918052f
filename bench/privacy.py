"""Membership attacks and privacy sums beside what they cost: CPU seconds and what they find.

python -m bench.privacy
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import polars as pl

from strongroom.testing.cases import ask
from strongroom.testing.tables import make_system

CREDIT = Path(__file__).parents[1].parent / "shared/data/tabular/taiwan_default.parquet"
TARGET = "default.payment.next.month"
FIGURES = {
    "privacy.membership": ("tpr@fpr=0.001", "rmia.tpr@fpr=0.001", "auc", "rmia.auc"),
    "privacy.structure": ("freedom", "disclosed"),
    "robustness.poisoning_swallowed": ("success[0.002]", "lift[0.002]", "auc_change[0.002]"),
    "data.poisoning": ("screen_auc",),
    "robustness.extraction": ("f1", "auc_ratio", "agreement"),
}


def run() -> str:
    """Each check on 10,000 rows of credit data, in about two minutes."""
    if not CREDIT.exists():
        return "## Privacy, extraction, poisoning\n\nNeeds ../shared/data/tabular."
    frame = pl.read_parquet(CREDIT).sample(fraction=1.0, shuffle=True, seed=0)
    schema = {
        "target": TARGET,
        "features": [{"name": c} for c in frame.columns if c not in {"ID", TARGET}],
    }
    tables = {"train": frame.head(10_000), "test": frame.slice(10_000, 10_000)}
    lines = [
        "## Privacy, extraction, poisoning",
        "",
        "| check | CPU s | figures |",
        "|---|---:|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        system = make_system(Path(folder) / "system", tables, schema, rounds=100)
        for name, wanted in FIGURES.items():
            began = time.process_time()
            metrics = ask(system.load(), name).metrics
            seconds = time.process_time() - began
            said = ", ".join(
                f"{m} {metrics[m].value:.3f} [{metrics[m].low:.3f}, {metrics[m].high:.3f}]"
                for m in wanted
                if m in metrics
            )
            lines.append(f"| {name} | {seconds:.1f} | {said} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(run())
