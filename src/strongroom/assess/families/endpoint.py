"""A model that somebody else runs: rows go out over HTTP in batches, scores come back.

The model file is a description, which is data and is digested like any model file:

    {"strongroom_endpoint": 1, "url": "https://models.bank.example/fraud/invocations"}

Rows leave this machine, so the manifest must name the same URL under `model.endpoint`: a
description that was handed over cannot send data anywhere by itself.

One request is `{"inputs": [[…], …]}`, answered by `{"predictions": [p, …]}`, as MLflow's scoring
server has it; a missing value is null. Whatever else comes back is an InputError, which makes a
check's outcome unknown: never a pass. An answer whose headers drip is ended by the check's own time
limit.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strongroom.assess.models import Floats, Scorer
from strongroom.domain.errors import InputError, LimitError

TOKEN_PREFIX: Final = "STRONGROOM_ENDPOINT_"
"""A description can name only such variables: it cannot ask for a cloud key."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_RETRIED: Final = frozenset({429, 502, 503, 504})
_BYTES_A_ROW: Final = 200
_CHUNK: Final = 65_536
_SAME: Final = 1e-6
"""Scores of one row that differ by more are different answers."""


class Endpoint(BaseModel):
    """How to ask, and how patiently."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    strongroom_endpoint: Literal[1]
    """Version of this format."""
    url: str = Field(min_length=8, max_length=2000)
    """Where rows are posted: https, or http on this machine only."""
    inputs: str = "inputs"
    """The key under which rows go."""
    predictions: str = "predictions"
    """The key under which probabilities of class 1 come back."""
    batch_rows: int = Field(default=1_000, ge=1, le=100_000)
    """Rows in one request."""
    timeout_seconds: float = Field(default=10.0, gt=0, le=600)
    """For one whole answer, not only between two bytes of it."""
    retries: int = Field(default=3, ge=0, le=10)
    """After a broken connection, 429, 502, 503 or 504."""
    requests_per_second: float = Field(default=20.0, gt=0, le=10_000)
    """We ask no faster."""
    token_env: str | None = Field(default=None, pattern=f"^{TOKEN_PREFIX}[A-Z0-9_]+$")
    """Environment variable with a bearer token."""


def open_endpoint(
    data: bytes,
    *,
    where: str,
    n_features: int,
    allowed: str | None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Scorer:
    """A scorer that asks. `allowed` is the URL that the manifest lets rows go to."""
    try:
        endpoint = Endpoint.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{place}: {first['msg']}", where=where) from error
    if endpoint.url != allowed:
        raise InputError(
            f"rows would be sent to {endpoint.url}, which the manifest does not allow",
            where=where,
            fix="write the URL under model.endpoint if the test rows may go there",
        )
    return Scorer("endpoint", n_features, _Caller(endpoint, _target(endpoint), clock, sleep).score)


def _target(endpoint: Endpoint) -> SplitResult:
    target = urlsplit(endpoint.url)
    if not target.hostname or target.username or target.scheme not in ("https", "http"):
        raise InputError("neither an https nor an http address", where=endpoint.url)
    if target.scheme == "http" and target.hostname not in _LOOPBACK:
        raise InputError(
            "rows would travel unencrypted", where=endpoint.url, fix="use https, or a local proxy"
        )
    return target


@dataclass(slots=True)
class _Caller:
    """Asks; remembers when it asked last, and one answer to hold later ones against."""

    endpoint: Endpoint
    target: SplitResult
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    asked: float = -math.inf
    known: tuple[Floats, float] | None = field(default=None, repr=False)
    """The first row ever sent, (1, d), and its score: it goes along with every request."""

    def score(self, rows: Floats) -> Floats:
        """Probabilities (n,) for rows (n, d). Raises InputError for any other answer."""
        size = self.endpoint.batch_rows
        return np.concatenate([self._batch(rows[i : i + size]) for i in range(0, len(rows), size)])

    def _batch(self, rows: Floats) -> Floats:
        """The scores of a batch, and of the known row, which must be what they were."""
        first = rows[:1] if self.known is None else self.known[0]
        answer = self._scores(np.concatenate([rows, first]))
        before = float(answer[0]) if self.known is None else self.known[1]
        if not abs(answer[-1] - before) <= _SAME:
            raise InputError(
                f"the same row scores {before:.6g} and {answer[-1]:.6g}: it is random, or changed",
                where=self.endpoint.url,
                fix="assess an endpoint that is deterministic and stays at one version",
            )
        self.known = (first.copy(), before)
        return answer[:-1]

    def _scores(self, rows: Floats) -> Floats:
        values = [[v if math.isfinite(v) else None for v in row] for row in rows.tolist()]
        body = json.dumps({self.endpoint.inputs: values}).encode()
        try:
            told = json.loads(self._answer(body, len(rows)))
            scores = np.asarray(told[self.endpoint.predictions], dtype=np.float64)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._odd(f"no list of numbers under {self.endpoint.predictions!r}") from error
        if scores.shape != (len(rows),):
            raise self._odd(f"scores of shape {scores.shape} for {len(rows)} rows")
        if not np.isfinite(scores).all():
            raise self._odd("a score that is not a number")
        return scores

    def _answer(self, body: bytes, rows: int) -> bytes:
        """The answer's bytes, after as many retries as are allowed."""
        failed = ""
        for attempt in range(self.endpoint.retries + 1):
            # Twice as long each time; the first attempt waits only for the rate limit.
            pause = 0.1 * 2**attempt if attempt else 0.0
            due = self.asked + 1 / self.endpoint.requests_per_second
            self.sleep(max(pause, due - self.clock(), 0.0))
            self.asked = self.clock()
            try:
                status, answer = self._post(body, rows)
            except (OSError, HTTPException) as error:
                failed = f"{type(error).__name__}: {error}"[:200]
                continue
            if status == 200:
                return answer
            failed = f"HTTP status {status}"
            if status not in _RETRIED:
                raise self._odd(failed)
        raise self._odd(f"{failed}, after {self.endpoint.retries} retries")

    def _post(self, body: bytes, rows: int) -> tuple[int, bytes]:
        encrypted = self.target.scheme == "https"
        connect = HTTPSConnection if encrypted else HTTPConnection
        host, port = self.target.hostname or "", self.target.port
        connection = connect(host, port, timeout=self.endpoint.timeout_seconds)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.endpoint.token_env:
            token = os.environ.get(self.endpoint.token_env)
            if not token:
                raise InputError(f"{self.endpoint.token_env} is not set", where=self.endpoint.url)
            headers["Authorization"] = f"Bearer {token}"
        path = (self.target.path or "/") + (f"?{self.target.query}" if self.target.query else "")
        until = self.clock() + self.endpoint.timeout_seconds
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            return response.status, self._read(response, until, rows)
        finally:
            connection.close()

    def _read(self, response: HTTPResponse, until: float, rows: int) -> bytes:
        """All of the answer, unless it is too long or drips for too long."""
        most, made = _CHUNK + rows * _BYTES_A_ROW, bytearray()
        while chunk := response.read1(_CHUNK):
            made += chunk
            if len(made) > most:
                raise LimitError(f"an answer of more than {most} bytes", where=self.endpoint.url)
            if self.clock() > until:
                raise TimeoutError(f"no whole answer in {self.endpoint.timeout_seconds:g} s")
        return bytes(made)

    def _odd(self, what: str) -> InputError:
        return InputError(
            f"the endpoint gave {what}", where=self.endpoint.url, fix="see the endpoint's own log"
        )
