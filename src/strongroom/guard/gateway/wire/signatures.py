"""Blocks of thinking that the provider signed: one that was masked fits its signature no more.

The provider refuses a conversation that holds such a block, so it is dropped from the answer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def signed_blocks(answer: Any) -> list[tuple[dict[str, Any], str]]:
    """The signed blocks of a whole answer, and what stands in each now."""
    blocks = answer.get("content") if isinstance(answer, dict) else None
    return [
        (block, json.dumps(block))
        for block in (blocks if isinstance(blocks, list) else ())
        if isinstance(block, dict) and "signature" in block
    ]


def drop_misfits(answer: Any, signed: Sequence[tuple[dict[str, Any], str]]) -> None:
    """Drop the blocks of an answer that say something else than when they were signed."""
    misfits = [block for block, before in signed if json.dumps(block) != before]
    if misfits:
        kept = [block for block in answer["content"] if not any(block is m for m in misfits)]
        answer["content"] = kept
