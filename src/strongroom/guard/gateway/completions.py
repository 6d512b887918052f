"""Refusals that look like an answer: `refusal: completion`."""

from __future__ import annotations

from typing import Any

from strongroom.guard.gateway.body import write_json
from strongroom.guard.gateway.sse import write_event


def completion(route: str, model: str, decision: str, text: str) -> dict[str, Any] | None:
    """An answer that says so; None where answers are no words."""
    if route == "chat":
        message = {"role": "assistant", "content": None, "refusal": text}
        choice = {"index": 0, "message": message, "finish_reason": "content_filter"}
        return {
            "id": decision, "object": "chat.completion", "created": 0, "model": model,
            "choices": [choice],
            "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        }  # fmt: skip
    if route == "messages":
        return {
            "id": decision, "type": "message", "role": "assistant", "model": model,
            "content": [{"type": "text", "text": text}], "stop_reason": "refusal",
            "stop_sequence": None, "usage": {"input_tokens": 0, "output_tokens": 0},
        }  # fmt: skip
    if route == "responses":
        part = {"type": "refusal", "refusal": text}
        item = {
            "id": f"msg_{decision}", "type": "message", "role": "assistant",
            "status": "completed", "content": [part],
        }  # fmt: skip
        return {
            "id": decision, "object": "response", "created_at": 0, "model": model,
            "status": "completed", "output": [item], "parallel_tool_calls": False,
            "tool_choice": "auto", "tools": [],
        }  # fmt: skip
    return None


def streamed(route: str, whole: dict[str, Any]) -> bytes:
    """The same answer as a stream."""
    if route == "chat":
        choice = whole["choices"][0]
        delta = {**choice["message"]}
        chunk = {**whole, "object": "chat.completion.chunk"}
        chunk.pop("usage")
        first = {"index": 0, "delta": delta, "finish_reason": None}
        last = {"index": 0, "delta": {}, "finish_reason": "content_filter"}
        events = [write_event(write_json({**chunk, "choices": [one]})) for one in (first, last)]
        return b"".join(events) + write_event("[DONE]")
    if route == "messages":
        text = whole["content"][0]["text"]
        block = {"type": "text", "text": ""}
        bodies: list[dict[str, Any]] = [
            {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0,
             "delta": {"type": "text_delta", "text": text}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "usage": {"output_tokens": 0},
             "delta": {"stop_reason": "refusal", "stop_sequence": None}},
            {"type": "message_stop"},
        ]  # fmt: skip
        return b"".join(write_event(write_json(body), body["type"]) for body in bodies)
    item = whole["output"][0]
    part = item["content"][0]
    begun = {**whole, "status": "in_progress", "output": []}
    place = {"output_index": 0, "content_index": 0, "item_id": item["id"]}
    bodies = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **place, "part": {**part, "refusal": ""}},
        {"type": "response.refusal.delta", **place, "delta": part["refusal"]},
        {"type": "response.refusal.done", **place, "refusal": part["refusal"]},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    return b"".join(
        write_event(write_json({**body, "sequence_number": number}), body["type"])
        for number, body in enumerate(bodies)
    )
