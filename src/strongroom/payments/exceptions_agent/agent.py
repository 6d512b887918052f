"""The agent: gives a model the tools of an MCP server, and does what the model says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError

MAX_STEPS: Final = 12
TASK: Final = "Handle item {item} of the repair queue: check it, and release the payment."


@dataclass(frozen=True, slots=True)
class Handled:
    """What came of one item."""

    item: str
    said: str
    """The agent's last word to its user."""
    stopped: tuple[str, ...]
    """Why the guard stopped something, in the order in which it did."""


async def handle(
    items: Sequence[str], url: str, key: str, server: Sequence[str]
) -> tuple[Handled, ...]:
    """Work through items, a conversation each. `url`: of the model or of a gateway before it."""
    target = StdioServerParameters(command=server[0], args=list(server[1:]))
    headers = {"authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(url, headers=headers) as http, Client(target) as tools:
        return tuple([await _one(item, http, tools) for item in items])


async def _offered(tools: Client) -> list[dict[str, Any]]:
    """The server's tools, as the model is told of them."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.input_schema,
            },
        }
        for tool in (await tools.list_tools()).tools
    ]


async def _one(item: str, http: aiohttp.ClientSession, tools: Client) -> Handled:
    offered = await _offered(tools)
    messages: list[dict[str, Any]] = [{"role": "user", "content": TASK.format(item=item)}]
    stopped: list[str] = []
    for _ in range(MAX_STEPS):
        body = {"model": "scripted", "messages": messages, "tools": offered}
        async with http.post("/v1/chat/completions", json=body) as response:
            answer = await response.json()
        if response.status != 200:
            stopped.append(f"gateway: {answer['error']['message']}")
            return Handled(item, "This item is left for a person.", tuple(stopped))
        message = answer["choices"][0]["message"]
        messages.append(message)
        if not message.get("tool_calls"):
            return Handled(item, message["content"], tuple(stopped))
        for call in message["tool_calls"]:
            text = await _call(tools, call["function"], stopped)
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": text})
    return Handled(item, "This item took too many steps.", tuple(stopped))


async def _call(tools: Client, function: dict[str, Any], stopped: list[str]) -> str:
    try:
        result = await tools.call_tool(function["name"], json.loads(function["arguments"]))
    except MCPError as error:
        stopped.append(f"mcp: {error}")
        return "refused"
    return "\n".join(getattr(block, "text", "") for block in result.content)
