"""Errors in the shape that each provider's clients read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Family(StrEnum):
    """Whose shape."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


@dataclass(slots=True, eq=False)
class Refusal(Exception):
    """A request that gets no answer from a model."""

    status: int
    code: str
    """For programs: "invalid_key", "blocked"."""
    message: str
    """For people; quotes nothing of the request."""
    retry_after: int | None = None
    """Seconds."""


_ANTHROPIC_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_OPENAI_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}


def error_body(family: Family, refusal: Refusal, decision: str) -> dict[str, Any]:
    """The body of an error response, and of an error event."""
    if family is Family.ANTHROPIC:
        kind = _ANTHROPIC_TYPES.get(refusal.status, "api_error")
        error = {"type": kind, "message": refusal.message}
        return {"type": "error", "error": error, "request_id": decision}
    fallback = "invalid_request_error" if refusal.status < 500 else "server_error"
    kind = _OPENAI_TYPES.get(refusal.status, fallback)
    return {
        "error": {
            "message": refusal.message,
            "type": kind,
            "param": None,
            "code": refusal.code,
        }
    }


def blocked(direction: str, kinds: tuple[str, ...]) -> Refusal:
    """For what the policy blocks; names kinds, never what was found."""
    what = f": {', '.join(kinds[:5])}" if kinds else ""
    noun = "request" if direction == "input" else "answer"
    return Refusal(403, "blocked", f"The guard's policy blocked this {noun}{what}.")
