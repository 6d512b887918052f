"""The official MCP client and server, unchanged, with the guard between them."""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.error
import urllib.request
from importlib import util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="needs the gateway extra")

from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError
from typer.testing import CliRunner

from strongroom.cli.guard_mcp import app
from strongroom.domain.errors import DeniedError, InputError
from strongroom.guard.mcp.http import server_of
from strongroom.guard.mcp.setting_up import set_up
from strongroom.testing.upstream import Served

SERVER = Path(__file__).with_name("server.py")
STRONGROOM = (sys.executable, "-m", "strongroom.cli", "guard", "mcp")
POLICY = """
version: 1
model: off
mcp: {message_bytes: 40000}
tools:
  unknown: allow
  allow:
    lookup_beneficiary: {trusted: true}
    read_remittance: {}
    release_payment:
      consequential: true
      arguments:
        iban: {kind: account, of: [lookup_beneficiary.iban]}
        amount: {kind: amount, origin: any, most: 1000}
"""
OURS = "GB82WEST12345698765432"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """With a policy, and pins of the honest server."""
    made = tmp_path_factory.mktemp("mcp")
    (made / "policy.yaml").write_text(POLICY)
    done = CliRunner().invoke(app, ["pin", *_files(made), "--", sys.executable, str(SERVER)])
    assert done.exit_code == 0, done.output
    return made


def _files(folder: Path) -> list[str]:
    pins, policy = str(folder / "pins.json"), str(folder / "policy.yaml")
    return ["--name", "payments", "--policy", policy, "--pins", pins]


def guarded(folder: Path, *ways: str) -> StdioServerParameters:
    record = ["--record", str(folder / "decisions.jsonl")]
    args = [*STRONGROOM[1:], *_files(folder), *record, "--", sys.executable, str(SERVER), *ways]
    return StdioServerParameters(command=STRONGROOM[0], args=args)


def text_of(result: Any) -> str:
    return str(result.content[0].text)


async def refused(call: Any) -> str:
    with pytest.raises(MCPError) as caught:
        await call
    return str(caught.value)


async def converse(client: Client) -> None:
    """What must work, and what must not, over whichever transport."""
    names = [tool.name for tool in (await client.list_tools()).tools]
    assert "release_payment" in names
    assert client.instructions == "Payments of the bank."
    found = await client.call_tool("lookup_beneficiary", {"name": "Acme"})
    assert json.loads(text_of(found))["iban"] == OURS
    paid = await client.call_tool("release_payment", {"iban": OURS, "amount": 10})
    assert text_of(paid) == f"released 10.00 to {OURS}"
    assert text_of(await client.call_tool("read_remittance", {"which": "card"})) == (
        "card [PAN], thank you"
    )
    assert "injection" in await refused(client.call_tool("read_remittance", {"which": "poisoned"}))
    told = text_of(await client.call_tool("read_remittance", {"which": "clean"}))
    theirs = {"iban": told.split()[-1], "amount": 10}
    assert "result of read_remittance" in await refused(client.call_tool("release_payment", theirs))
    too_much = {"iban": OURS, "amount": 1001}
    assert "more than 1000" in await refused(client.call_tool("release_payment", too_much))
    seen = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        seen.append(message)

    worked = await client.call_tool("work", {"steps": 2}, progress_callback=progress)
    assert text_of(worked) == "done"
    assert seen == ["working", "working"]
    assert (await client.read_resource("notes://welcome")).contents[0].text == "Welcome."
    prompt = await client.get_prompt("explain", {"payment": "7"})
    assert prompt.messages[0].content.text == "Explain payment 7."


def test_over_standard_input_and_output_until_the_server_crashes(folder):
    async def talk() -> None:
        async with Client(guarded(folder), mode="legacy") as client:
            await converse(client)
            assert "ended" in await refused(client.call_tool("crash", {}))

    asyncio.run(talk())
    lines = (folder / "decisions.jsonl").read_text().splitlines()
    decisions = [json.loads(line) for line in lines]
    kinds = {d["kind"] for one in decisions for d in one["detections"]}
    assert {"injection", "pii.pan", "tool.flow", "tool.argument"} <= kinds
    assert not any("4111 1111" in line or OURS in line for line in lines)


@pytest.mark.slow
def test_a_server_that_changed_since_it_was_approved(folder):
    async def talk() -> None:
        async with Client(guarded(folder, "changed", "new", "poisoned")) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert names == {"release_payment", "work", "crash"}
            assert "unpinned" in await refused(client.call_tool("wipe", {}))
            assert "injection" in await refused(client.read_resource("notes://welcome"))

    asyncio.run(talk())


@pytest.fixture(scope="module")
def address(folder):
    """A guard over streamable HTTP before the same server."""
    spec = util.spec_from_file_location("mcp_server_for_tests", SERVER)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with Served(module.server.streamable_http_app(), lifespan="on") as behind:
        setup = set_up(
            "payments", policy_file=folder / "policy.yaml", pins_file=folder / "pins.json",
            record=None,
        )  # fmt: skip
        with Served(server_of(setup, f"{behind.url}/mcp", "127.0.0.1", 0)) as front:
            yield f"{front.url}/mcp"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_over_streamable_http_in_both_eras_of_the_protocol(address, mode):
    async def talk() -> None:
        async with Client(address, mode=mode) as client:
            await converse(client)

    asyncio.run(talk())


def test_calls_at_once_do_not_mix(address):
    async def talk() -> None:
        async with Client(address) as client:
            calls = [client.call_tool("read_remittance", {"which": w}) for w in ("card", "clean")]
            card, clean = await asyncio.gather(*calls)
            assert "[PAN]" in text_of(card)
            assert "4711" in text_of(clean)

    asyncio.run(talk())


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 200),
        (b'{"jsonrpc":"2.0","id":1,"method":"x/odd"}', {}, 200),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', {"mcp-method": "tools/call"}, 400),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', {"origin": "http://evil.example"}, 403),
        (b" " * 50_000, {}, 413),
    ],
    ids=["broken", "unknown", "mismatch", "web page", "large"],
)
def test_http_requests_that_are_not_served_are_told_why(address, body, headers, status):
    asked = urllib.request.Request(address, body, {"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(asked) as answer:
            found, told = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        found, told = error.code, error.read()
        error.close()
    assert found == status
    assert "error" in json.loads(told)


def test_a_poisoned_offer_is_not_pinned(tmp_path):
    pins = tmp_path / "pins.json"
    arguments = ["pin", "--pins", str(pins), "--", sys.executable, str(SERVER), "poisoned"]
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, DeniedError)
    assert not pins.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "--pins", "/nowhere/pins.json", "--", "true"],
        ["--upstream", "http://x", "--", "true"],
        ["pin", "--pins", "/nowhere/pins.json", "--", "/nowhere/server"],
    ],
    ids=str,
)
def test_what_cannot_start_says_why(arguments):
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, InputError)
