"""A real OpenBao from a wheel, for tests: in memory, on a port of its own, stopped at the end."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import hvac
import requests

ROOT: str = "root-of-the-tests"
PATIENCE = 30.0
"""Seconds for it to come up."""


@dataclass(slots=True)
class OpenBao:
    """A running server, and who is root there."""

    address: str
    client: hvac.Client
    environment: Mapping[str, str] = field(default_factory=dict)
    """What an adapter finds it by, as root."""
    _mounts: Iterator[int] = field(default_factory=itertools.count)

    def new_transit(self) -> str:
        """URI of a transit engine that nobody has used."""
        mount = f"transit-{next(self._mounts)}"
        self.client.sys.enable_secrets_engine("transit", path=mount)
        return f"openbao:{self.address}/{mount}"

    def token_for(self, name: str, policy: str, **options: str) -> str:
        """A token that may do what the policy (HCL) says, and nothing else."""
        self.client.sys.create_or_update_policy(name, policy)
        made = self.client.auth.token.create(policies=[name], no_default_policy=True, **options)
        return str(made["auth"]["client_token"])


@contextlib.contextmanager
def openbao() -> Iterator[OpenBao]:
    """Start a server in dev mode, and stop it at the end."""
    address = f"http://127.0.0.1:{_free_port()}"
    program = Path(sys.executable).with_name("bao")
    with tempfile.TemporaryDirectory(prefix="bao-") as folder, contextlib.ExitStack() as stack:
        output = stack.enter_context((Path(folder) / "log").open("wb"))
        server = subprocess.Popen(  # noqa: S603 our own program, beside this interpreter
            [
                *(program, "server", "-dev", "-dev-no-store-token"),
                f"-dev-root-token-id={ROOT}",
                f"-dev-listen-address={address.removeprefix('http://')}",
            ],
            stdout=output,
            stderr=output,
            env={"PATH": os.environ["PATH"], "HOME": folder},
        )
        stack.callback(server.wait)
        stack.callback(server.kill)
        _await(server, address)
        client = hvac.Client(url=address, token=ROOT)
        yield OpenBao(address, client, {"VAULT_TOKEN": ROOT})


def _await(server: subprocess.Popen[bytes], address: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(f"{address}/v1/sys/health", timeout=5).ok:
                return
        time.sleep(0.05)
    raise RuntimeError(f"OpenBao did not come up at {address}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
