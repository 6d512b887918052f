"""Model scanners on the same files: who finds what, who cries wolf, who is fast and small.

Each peer lives in its own environment (see `_scanner_peers.py`), made here when it is missing; one
that does not install is left out, and the table says so. A run that was stopped goes on where it
was. Files are our specimens (`tests/assess/scanner/specimens`): the malicious ones by what they
try, the benign ones as libraries write them.
"""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from bench._scanner_peers import HERE, environment, judge_all
from bench._specimens import specimens

OUT = Path(__file__).parent / "out"
RUNS = (
    ("strongroom", "strongroom", ()),
    ("strongroom, review counts", "strongroom", ("--review",)),
    ("modelscan", "modelscan", ()),
    ("picklescan", "picklescan", ()),
    ("picklescan --strict", "picklescan", ("--strict",)),
    ("fickling", "fickling", ()),
    ("modelaudit", "modelaudit", ()),
    ("hayward", "hayward", ()),
)
BIG = 500_000_000
"""Bytes of the large pickle."""
ROWS = 300_000
"""Records of the pickle that is all opcodes."""
SAMPLES = {"modelaudit": 60}
"""Peers that take seconds a file: so many malicious and as many benign ones, drawn by chance."""


def run() -> str:
    files = corpus(OUT / "scanner_corpus")
    table, left_out = [], []
    for label, peer, options in RUNS:
        if (python := environment(peer)) is None:
            left_out.append(peer)
            continue
        asked = _sample(files, SAMPLES[peer]) if peer in SAMPLES else files
        print(f"  {label}", file=sys.stderr, flush=True)
        said = judge_all(python, peer, options, list(asked))
        judged = {path: bad for path, bad in asked.items() if path in said}
        name = label if len(judged) == len(files) else f"{label} (on {len(judged)} of the files)"
        table.append(_row(name, said, judged))
    parts = [_intro(files), *_heading(), *table, "", _large(), ""]
    if left_out:
        parts.append(f"Not installed here: {', '.join(sorted(set(left_out)))}.")
    return "\n".join(parts)


def _sample(files: dict[Path, bool], count: int) -> dict[Path, bool]:
    rng = random.Random(5)
    kinds = [[p for p, bad in files.items() if bad is kind] for kind in (True, False)]
    return {path: files[path] for paths in kinds for path in rng.sample(paths, count)}


def corpus(folder: Path) -> dict[Path, bool]:
    """Every specimen on disk, each in a folder of its own; True for those to be found."""
    files = {}
    benign = specimens("benign")
    for specimen in specimens("all").MALICIOUS:
        if specimen.verdict in {"block", "review"}:
            files[
                _put(folder / "malicious" / specimen.name / specimen.filename, specimen.make())
            ] = True
    for name, model in (*benign.estimators(), *benign.compositions()):
        for way, data in benign.saved(model):
            if way == "pickle5" or (way == "joblib-0" and not len(files) % 3):
                ending = "joblib" if way.startswith("joblib") else "pkl"
                files[_put(folder / "benign" / f"{name}-{way}" / f"model.{ending}", data)] = False
    for name, data in benign.other_files(folder):
        files[_put(folder / "benign" / name / name, data)] = False
    return files


def _put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _intro(files: dict[Path, bool]) -> str:
    bad = sum(files.values())
    return f"""## Model scanners

{bad} malicious files (one for each way to run code or reach out, see
`tests/assess/scanner/specimens`) and {len(files) - bad} benign ones (every estimator of
scikit-learn, LightGBM, XGBoost, ONNX, skops, NumPy). *Failed* is neither found nor passed:
the scanner gave up.
These are our own specimens: what others publish is a different and fairer test."""


def _heading() -> list[str]:
    return [
        "",
        "| scanner | found | failed on malicious | false alarms | failed on benign |",
        "|---|---|---|---|---|",
    ]


def _row(label: str, said: dict[Path, str], files: dict[Path, bool]) -> str:
    bad = Counter(said[path] for path, malicious in files.items() if malicious)
    good = Counter(said[path] for path, malicious in files.items() if not malicious)
    total_bad, total_good = max(bad.total(), 1), good.total()
    return (
        f"| {label} | {bad['flagged'] / total_bad:.1%} | {bad['failed'] / total_bad:.1%} "
        f"| {good['flagged']} of {total_good} | {good['failed']} |"
    )


def _large() -> str:
    lines = [
        "Large pickles, one process, wall time and peak memory with the interpreter's start:",
        "",
        "| scanner | 500 MB array | | 300,000 records | |",
        "|---|---|---|---|---|",
    ]
    array, records = _big_files(OUT / "scanner_corpus")
    for label, peer, options in RUNS:
        if options or (python := environment(peer)) is None:
            continue
        cells = [
            f"{seconds:.1f} s | {peak:.0f} MB"
            for seconds, peak in (_measure(python, peer, path) for path in (array, records))
        ]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _big_files(folder: Path) -> tuple[Path, Path]:
    array, records = folder / "array.pkl", folder / "records.pkl"
    if not array.exists():
        with array.open("wb") as file:
            pickle.dump({"weights": np.zeros(BIG // 8)}, file, 4)
        rows = [{"id": i, "name": f"row{i}", "value": i * 0.5} for i in range(ROWS)]
        with records.open("wb") as file:
            pickle.dump(rows, file, 4)
    return array, records


def _measure(python: Path, peer: str, path: Path) -> tuple[float, float]:
    """Seconds and megabytes of resident memory at the peak."""
    command = [str(python), str(HERE / f"{peer}.py")]
    started = time.monotonic()
    process = subprocess.Popen(
        ["/bin/sh", "-c", 'exec "$@"', "sh", *command],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    if process.stdin is None:
        raise RuntimeError("no pipe")
    process.stdin.write(f"{path}\n".encode())
    process.stdin.close()
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _resident(process.pid))
        time.sleep(0.01)
    return time.monotonic() - started, peak


def _resident(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    high = [line.split()[1] for line in text.splitlines() if line.startswith("VmHWM")]
    return int(high[0]) / 1024 if high else 0.0
