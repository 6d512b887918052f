"""A gateway in front of a scripted server of models, both on real sockets."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="needs the gateway extra")
pytest.importorskip("uvicorn", reason="needs the gateway extra")

from strongroom.guard.gateway.keys import hash_of
from strongroom.guard.gateway.serving import prepare, server_of
from strongroom.guard.gateway.workers import Workers
from strongroom.testing.upstream import Asked, Reply, Scripted, Served, chat, said

KEY = "sr-" + "test-key-of-the-shop"
POLICY = """
version: 1
model: off
canaries: [ORCHID-ZEBRA-55]
"""
CONFIG = """
version: 1
listen: {{port: 0}}
policies: {{shop: {{file: policy.yaml}}}}
upstreams:
  openai: {{speaks: openai, url: "{url}", key: {{file: upstream.key}}, total_seconds: 20}}
  anthropic: {{speaks: anthropic, url: "{url}", key: {{file: upstream.key}}, total_seconds: 20}}
tenants:
  shop:
    policy: shop
    upstreams: [openai, anthropic]
    models: ["m-*", "c-*", "e-*"]
    keys: [{{name: till, sha256: {sha}}}]
record: {{file: decisions.jsonl, hmac_key: {{file: upstream.key}}}}
metrics: true
"""


@dataclass
class Gate:
    """A running gateway and what stands behind it."""

    served: Served
    upstream: Scripted
    folder: Path

    @property
    def url(self) -> str:
        return self.served.url

    def says(self, reply: Reply | Callable[[Asked], Reply]) -> None:
        """What the model answers from now on."""
        self.upstream.reply = reply if callable(reply) else lambda _: reply
        self.upstream.asked.clear()

    @property
    def sent(self) -> dict[str, Any]:
        """What reached the model last."""
        return self.upstream.asked[-1].body

    def decisions(self) -> list[dict[str, Any]]:
        lines = (self.folder / "decisions.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


def write_config(folder: Path, url: str, config: str = CONFIG, policy: str = POLICY) -> Path:
    (folder / "policy.yaml").write_text(policy)
    (folder / "upstream.key").write_text("sk-upstream")
    path = folder / "guard.yaml"
    path.write_text(config.format(url=url, sha=hash_of(KEY)))
    return path


@contextlib.contextmanager
def running(folder: Path, config: str = CONFIG, policy: str = POLICY) -> Iterator[Gate]:
    upstream = Scripted(lambda _: said(chat("Hello.")))
    with Served(upstream) as behind:
        path = write_config(folder, behind.url, config, policy)
        workers = Workers()
        with Served(server_of(path, prepare(path, workers), workers)) as served:
            yield Gate(served, upstream, folder)


@pytest.fixture(scope="module")
def gate(tmp_path_factory) -> Iterator[Gate]:
    with running(tmp_path_factory.mktemp("gate")) as one:
        yield one
