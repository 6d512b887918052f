"""The machine, the few variables and the tools that a recorded command ran under."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from strongroom.assess.provenance.trace import Trace
from strongroom.governance.artifacts import digest_artifact

VARIABLES: Final = (
    *("PYTHONHASHSEED", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("POLARS_MAX_THREADS", "CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG", "SEED", "TZ"),
    *("SOURCE_DATE_EPOCH", "LANG", "LC_ALL"),
)
"""Variables that change what a training run computes. Nothing else of the environment is kept."""
TOOLS: Final = (
    *("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"),
    *("CI_COMMIT_SHA", "CI_JOB_ID", "GITHUB_RUN_ID", "GITHUB_SHA", "BUILD_ID", "SLURM_JOB_ID"),
)
"""Variables by which a tool tells the command what it runs it for."""
DVC_FILES: Final = ("dvc.yaml", "dvc.lock")
MAX_VALUE: Final = 200
STRUCK_OUT: Final = "***"
_SECRET: Final = re.compile(
    r"(?i)(pass(word|wd|phrase)?|secret|token|api[-_]?key|access[-_]?key|credential|private[-_]?key)"
)
_USER_IN_ADDRESS: Final = re.compile(r"(?<=://)[^/@\s]+@")


def environment_of(trace: Trace, variables: Mapping[str, str]) -> dict[str, str]:
    """Names and values; those of Python are what the command's own interpreter said."""
    return {
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": str(os.cpu_count() or 0),
        **{f"python.{name}": value for name, value in trace.python.items()},
        **{n: variables[n][:MAX_VALUE] for n in VARIABLES if n in variables},
    }


def context_of(folder: Path, trace: Trace, variables: Mapping[str, str]) -> dict[str, str]:
    """MLflow's run, DVC's files, the job of a pipeline: where there are any."""
    files = {name: folder / name for name in DVC_FILES if (folder / name).is_file()}
    return {
        **{n: variables[n][:MAX_VALUE] for n in TOOLS if n in variables},
        **trace.mlflow,
        **{name: str(digest_artifact(path)) for name, path in files.items()},
    }


def without_secrets(command: Sequence[str]) -> tuple[str, ...]:
    """The command line with the values of options and assignments that are named like secrets."""
    told: list[str] = []
    hide_next = False
    for word in command:
        name, sign, _ = word.partition("=")
        if hide_next and not word.startswith("-"):
            told.append(STRUCK_OUT)
            hide_next = False
        elif sign and _SECRET.search(name):
            told.append(f"{name}={STRUCK_OUT}")
        else:
            told.append(_USER_IN_ADDRESS.sub(f"{STRUCK_OUT}@", word))
            hide_next = word.startswith("-") and _SECRET.search(word) is not None
    return tuple(told)


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return platform.processor() or "not known"
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.M)
    return found[1].strip() if found else platform.processor() or "not known"
