"""Really unpickles mutants, in forks that are thrown away, and says which of them ran something.

Reads mutants from a file (four bytes of length, then the mutant), writes one byte for each:
`.` loaded or refused without running anything, `!` ran something, `x` the fork died of it.
"""

# ruff: noqa: PTH123
import contextlib
import os
import pickle
import resource
import signal
import struct
import sys
import types

TELLING = frozenset({"os.system", "subprocess.Popen", "compile", "exec", "os.exec", "canary"})
BATCH = 200
SECONDS = 5


class Fired(BaseException):
    """Raised by the hook so that nothing happens."""


def canary_module():
    """A module that nobody reviewed."""
    module = types.ModuleType("fuzz_canary")

    def fire(*args):
        sys.audit("canary")

    class Fire:
        def __init__(self, *args):
            sys.audit("canary")

    module.fire, module.Fire = fire, Fire
    module.inner = types.SimpleNamespace(fire=fire)
    return module


def read_all(path):
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def work(batch, say):
    """Load each; ends the process."""
    fired = [False]
    armed = [False]

    def hook(event, args):
        if armed[0] and event in TELLING and not importing():
            fired[0] = True
            raise Fired

    sys.addaudithook(hook)
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    for data in batch:
        fired[0] = False
        signal.alarm(SECONDS)
        for load in (pickle.loads, pickle._loads):  # noqa: TID251 - this is the child that may
            with contextlib.suppress(BaseException):
                armed[0] = True
                load(data)
            armed[0] = False
        os.write(say, b"!" if fired[0] else b".")
    os._exit(0)


def importing():
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def main(path):
    sys.modules["fuzz_canary"] = canary_module()
    import argparse  # noqa: F401, PLC0415

    mutants = list(read_all(path))
    null = os.open(os.devnull, os.O_RDWR)
    done = 0
    while done < len(mutants):
        receive, say = os.pipe()
        child = os.fork()
        if not child:
            os.close(receive)
            os.dup2(null, 1)
            os.dup2(null, 2)
            work(mutants[done : done + BATCH], say)
        os.close(say)
        said = b""
        while part := os.read(receive, 4096):
            said += part
        os.close(receive)
        os.waitpid(child, 0)
        if len(said) < len(mutants[done : done + BATCH]):
            said += b"x"
        done += len(said)
        os.write(1, said)


if __name__ == "__main__":
    main(sys.argv[1])
