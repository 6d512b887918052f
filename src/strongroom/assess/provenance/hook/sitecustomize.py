"""Runs at the start of every Python that the recorded command starts: notes which files it opens.

Standard library only, any Python from 3.8, and silent: whatever goes wrong here must not change
what the command does. The folder of this file is put first on PYTHONPATH by the recorder, which
takes the notes from the file that STRONGROOM_TRACE names, one JSON object a line:

    {"open": path, "write": bool}       a file was opened (PEP 578 audit event `open`)
    {"python": {...}}                   the interpreter, once for each process
    {"package": [name, version, sha256 of RECORD or null]}   one that is installed, at the end
    {"mlflow": {...}}                   the run that MLflow logged last, at the end
"""

# It runs before somebody else's program: plain os.path, few imports, and those late.
# ruff: noqa: PTH100, PTH120, PLC0415, BLE001, S110, SIM105
# mypy: ignore-errors

import atexit
import json
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_LINE = 4000  # bytes that one append writes whole (POSIX: at most PIPE_BUF is the safe habit)
_SKIPPED = ("/proc/", "/sys/", "/dev/")
_TOLD = "STRONGROOM_TRACED"  # environments whose packages a process above tells


def _install(target):
    trace = os.open(target, os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0))
    seen = set()
    busy = []
    prefixes = tuple({os.path.realpath(p) + os.sep for p in _homes()})

    def note(entry):
        line = json.dumps(entry).encode("ascii") + b"\n"
        os.write(trace, line)

    def listen(event, arguments):
        if event != "open" or busy:
            return
        busy.append(True)
        try:
            path, mode, flags = arguments
            if isinstance(path, (str, bytes, os.PathLike)):
                path = os.path.abspath(os.fsdecode(path))
                write = bool(flags & (os.O_WRONLY | os.O_RDWR)) if flags is not None else False
                write = write or (isinstance(mode, str) and any(c in mode for c in "wax+"))
                key = (path, write)
                if key not in seen and not path.startswith(_SKIPPED + prefixes):
                    seen.add(key)
                    if len(path) < _LINE:
                        note({"open": path, "write": write})
        except Exception:  # the command must not notice us
            pass
        finally:
            busy.pop()

    note({"python": _interpreter()})
    sys.addaudithook(listen)
    told = os.environ.get(_TOLD, "").split(os.pathsep)
    os.environ[_TOLD] = os.pathsep.join(filter(None, {*told, sys.prefix}))
    atexit.register(_farewell, note, os.getpid(), sys.prefix in told)


def _homes():
    """Where interpreter and packages live: these are told as packages, not as files."""
    found = [sys.prefix, sys.base_prefix, sys.exec_prefix, _HERE]
    found += [os.path.dirname(os.__file__)]
    own = [p for p in found if p and os.path.realpath(p) not in (os.sep, "/usr")]
    return [*own, "/usr/lib", "/usr/share", "/etc"]


def _interpreter():
    return {
        "version": sys.version.split()[0],
        "implementation": sys.implementation.name,
        "executable": sys.executable,
        "hash_seed": os.environ.get("PYTHONHASHSEED", "random"),
    }


def _farewell(note, owner, told):
    """At the end of the process that was started, not of its forks."""
    if os.getpid() != owner:
        return
    try:
        for package in () if told else _packages():
            note({"package": package})
        run = _mlflow_run()
        if run is not None:
            note({"mlflow": run})
    except Exception:  # as above
        pass


def _packages():
    import hashlib
    from importlib import metadata

    for found in metadata.distributions():
        record = found.read_text("RECORD")
        digest = None if record is None else hashlib.sha256(record.encode("utf-8")).hexdigest()
        about = found.metadata  # parsed anew each time it is asked for
        name, version = about["Name"], about["Version"]
        if name and version:
            yield [name, version, digest]


def _mlflow_run():
    """Only where the command itself used MLflow."""
    mlflow = sys.modules.get("mlflow")
    run = mlflow.last_active_run() if hasattr(mlflow, "last_active_run") else None
    if run is None:
        return None
    tags = {k: v[:200] for k, v in run.data.tags.items() if k in ("mlflow.runName",)}
    return {"run_id": run.info.run_id, "experiment_id": run.info.experiment_id, **tags}


def _next_sitecustomize():
    """The one that we stand in front of, if there is one."""
    import importlib.machinery
    import importlib.util

    rest = [p for p in sys.path if os.path.abspath(p or os.curdir) != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if os.environ.get("STRONGROOM_TRACE"):
    try:
        _install(os.environ["STRONGROOM_TRACE"])
    except Exception:  # as above
        pass
_next_sitecustomize()
