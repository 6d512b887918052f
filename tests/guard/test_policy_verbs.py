"""The verbs that sign, verify and show policies, and that anchor and prove logs."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from strongroom.cli.guard import app
from strongroom.domain.errors import TrustError
from strongroom.home.home import Home
from strongroom.keys.trust import Role

POLICY = """
version: 1
name: shop
revision: 1
allow:
  - {kind: pii.email, text: help@bank.example, owner: ana, reason: ours, until: 2026-01-31}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verbs")
    with Home.open(folder / "home", create=True) as home:
        home.add_key("olga", (Role.GUARD_POLICY,))
    (folder / "shop.yaml").write_text(POLICY)
    return folder


def run(folder, *words: str):
    words = tuple(str(folder / w[1:]) if w.startswith("@") else w for w in words)
    return CliRunner().invoke(app, [*words], catch_exceptions=True)


def test_a_policy_is_signed_verified_and_shown(folder) -> None:
    refused = run(folder, "policy", "verify", "@shop.yaml", "--home", "@home")
    assert isinstance(refused.exception, TrustError)
    signed = run(folder, "policy", "sign", "@shop.yaml", "--as", "olga", "--home", "@home")
    assert signed.exit_code == 0, signed.output
    words = ("policy", "verify", "@shop.yaml", "--trust", "@home/trust.json", "--format", "json")
    verified = run(folder, *words)
    assert json.loads(verified.stdout)["signers"] == ["olga"]
    shown = run(folder, "policy", "show", "@shop.yaml", "--format", "json")
    assert shown.exit_code == 1  # what it lets pass has ended
    assert json.loads(shown.stdout)["allow"][0]["ended"] is True


def test_a_log_is_anchored_and_proven(folder) -> None:
    (folder / "d.jsonl").write_text("{}\n[]\n")
    assert run(folder, "log", "anchor", "@d.jsonl", "--home", "@home").exit_code == 0
    assert run(folder, "log", "verify", "@d.jsonl", "--home", "@home").exit_code == 0
    with (folder / "d.jsonl").open("a") as file:
        file.write("{}\n")
    assert run(folder, "log", "verify", "@d.jsonl", "--home", "@home").exit_code == 2
    words = ("log", "verify", "@d.jsonl", "--growing", "--home", "@home")
    assert run(folder, *words).exit_code == 0
    (folder / "d.jsonl").write_text("[]\n{}\n")
    changed = run(folder, *words, "--format", "json")
    assert changed.exit_code == 1
    assert not json.loads(changed.stdout)["verified"]
