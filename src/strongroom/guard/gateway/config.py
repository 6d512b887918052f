"""The gateway's configuration: all that decides what it does. Every slip is told with its line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from strongroom.domain.errors import InputError
from strongroom.governance.problems import Problem, as_error
from strongroom.governance.shape import validate
from strongroom.governance.strict_yaml import MAX_BYTES, read_yaml

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Text = Annotated[str, Field(min_length=1, max_length=4_000)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Count = Annotated[int, Field(ge=1, le=10**12)]
Fate = Literal["allow", "flag", "block"]
DEFAULT_POLICY: Final = "default"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Secret(_Part):
    """Where a secret comes from: an environment variable, or a file."""

    env: Text | None = None
    file: Text | None = None


class ServerTls(_Part):
    """The gateway's certificate; with `client_ca` clients must show one of that authority."""

    certificate: Text
    key: Text
    client_ca: Text | None = None


class ClientTls(_Part):
    """For an upstream: whom to trust, and what to show."""

    ca: Text | None = None
    certificate: Text | None = None
    key: Text | None = None


class Listen(_Part):
    """Where the gateway listens."""

    host: Text = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    tls: ServerTls | None = None


class Breaker(_Part):
    """After so many failures in a row an upstream is left alone for a while."""

    failures: Count = 5
    seconds: Seconds = 30.0


class Upstream(_Part):
    """A server of models."""

    speaks: Literal["openai", "anthropic"]
    url: Text
    """Without `/v1`."""
    key: Secret | None = None
    models: tuple[Text, ...] = ("*",)
    """Patterns of names that it serves."""
    tls: ClientTls | None = None
    connect_seconds: Seconds = 5.0
    first_byte_seconds: Seconds = 60.0
    """Also between two parts of an answer."""
    total_seconds: Seconds = 600.0
    concurrency: Count = 1_000
    breaker: Breaker = Breaker()


class PolicyRef(_Part):
    """A guard policy; see docs/guard.md."""

    file: Text


class Key(_Part):
    """One key of a tenant, as `strongroom guard key` prints it."""

    name: Name
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    until: date | None = None
    """Its last day."""


class Caps(_Part):
    """What a tenant may use. Nothing named is not limited."""

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    tokens_per_day: Count | None = None
    money_per_day: Annotated[float, Field(gt=0)] | None = None
    """In the currency of `prices`."""
    input_tokens: Count | None = None
    """Of one request, estimated."""
    concurrency: Count | None = None


class Tenant(_Part):
    """Who calls: keys, policy, upstreams and limits."""

    keys: Annotated[tuple[Key, ...], Field(min_length=1)]
    upstreams: Annotated[tuple[Name, ...], Field(min_length=1)]
    """In this order; the first that speaks the format and serves the model."""
    policy: Name = DEFAULT_POLICY
    users: Literal["named", "required", "key"] = "named"
    """Who is watched over time: whom a request names (`required`: or it is refused), or the key."""
    models: tuple[Text, ...] = ("*",)
    limits: Caps = Caps()


class Price(_Part):
    """For a million tokens."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]


class Limits(_Part):
    """What one request or connection may be."""

    body_bytes: Count = 8 * 1024 * 1024
    response_bytes: Count = 32 * 1024 * 1024
    depth: Annotated[int, Field(ge=4, le=200)] = 64
    messages: Count = 2_000
    header_seconds: Seconds = 10.0
    body_seconds: Seconds = 30.0
    judge_seconds: Seconds = 10.0
    """For judging one request, one answer, or one event of a stream."""
    drain_seconds: Seconds = 60.0
    """For streams that are open when the gateway is told to stop."""
    open_requests: Count = 5_000
    assumed_output_tokens: Count = 1_024
    """Of a request that names no maximum, until its answer tells."""


class Shared(_Part):
    """Limits that several gateways share."""

    redis: Text
    on_loss: Literal["refuse", "local"] = "refuse"
    seconds: Seconds = 0.25


class Judge(_Part):
    """The model that is asked where a policy has a `judge`; never needed."""

    upstream: Name
    """One that speaks openai; its key, certificates, time-outs and breaker count."""
    model: Text
    seconds: Annotated[float, Field(gt=0, le=60)] = 2.0
    """For one answer, all in all."""
    tokens_per_day: Count
    """Of each tenant."""
    money_per_day: Annotated[float, Field(gt=0)] | None = None
    """Of each tenant; by `prices`."""


class Tokens(_Part):
    """Of policies that tokenise: how long values are kept, and what pseudonyms come from."""

    key: Secret | None = None
    """32 bytes in hexadecimal; the same for all gateways of one service. Drawn at start without."""
    seconds: Seconds = 3_600.0
    """After a conversation's last request."""
    conversations: Count = 10_000


class Unjudged(_Part):
    """What becomes of content that the guard cannot read."""

    image: Fate = "block"
    audio: Fate = "block"
    file: Fate = "block"
    tokens: Fate = "block"
    other: Fate = "block"


class Anchor(_Part):
    """Records what the log holds in a home's ledger, again and again."""

    home: Text
    name: Name = "decisions"
    """What the log is anchored as; each gateway's its own."""
    seconds: Seconds = 60.0


class Record(_Part):
    """Where decisions are written, and the key of the HMAC of their content."""

    file: Text
    hmac_key: Secret | None = None
    content_key: Secret | None = None
    """32 bytes in hexadecimal: seals texts where a policy says `content: sealed`."""
    anchor: Anchor | None = None


class Collector(_Part):
    """Takes OpenTelemetry spans by OTLP over HTTP."""

    endpoint: Text
    """With its path, `…/v1/traces`."""
    seconds: Seconds = 5.0


class Telemetry(_Part):
    """Who else is told of decisions. What cannot be told is dropped and counted."""

    ocsf: Text | None = None
    """A file of OCSF 1.8, a JSON object a line."""
    otlp: Collector | None = None
    otlp_logs: Collector | None = None
    """With its path, `…/v1/logs`."""
    otlp_metrics: Collector | None = None
    """With its path, `…/v1/metrics`."""
    queue: Count = 10_000


class Signed(_Part):
    """Only policies that are signed by somebody whom `trust` names are loaded, and none older."""

    trust: Text
    """A trust policy, as `trust.json` of a home."""
    state: Text = "policies.json"
    """Where the newest revisions that were loaded are kept; belongs to the gateway alone."""


class Sealed(_Part):
    """A trained detector that a registry vouches for, in place of the one in the package."""

    system: Name
    """As its manifest names it."""
    stage: Literal["development", "validation", "production"] = "production"
    home: Text = ".strongroom"
    """Folder of the home, from this file."""


class GatewayFile(_Part):
    """The file as people write it."""

    version: Literal[1]
    listen: Listen = Listen()
    mode: Literal["enforce", "observe"] = "enforce"
    refusal: Literal["error", "completion"] = "error"
    upstreams: Annotated[dict[Name, Upstream], Field(min_length=1)]
    policies: dict[Name, PolicyRef] = Field(default_factory=dict)
    tenants: Annotated[dict[Name, Tenant], Field(min_length=1)]
    limits: Limits = Limits()
    prices: dict[Text, Price] = Field(default_factory=dict)
    shared: Shared | None = None
    judge: Judge | None = None
    detector: Sealed | None = None
    unjudged: Unjudged = Unjudged()
    tool_definitions: Literal["context", "system"] = "context"
    """Who speaks in the definitions of tools."""
    signed: Signed | None = None
    record: Record | None = None
    telemetry: Telemetry = Telemetry()
    tokens: Tokens = Tokens()
    metrics: bool = False


def read_config(data: bytes, *, where: str = "guard.yaml") -> GatewayFile:
    """A configuration from bytes. Raises InputError with every problem, its line and field."""
    tree = read_yaml(data)
    if tree.problems:
        raise as_error(tree.problems, tree.lines, where)
    value = {} if tree.value is None else tree.value
    if not isinstance(value, dict):
        raise InputError("expected a mapping of fields", where=where)
    file, problems = validate(GatewayFile, value, ())
    problems = problems or _contradictions(file)
    if file is None or problems:
        raise as_error(problems, tree.lines, where)
    return file


def load_config(path: Path) -> GatewayFile:
    """A configuration from a file."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    return read_config(data, where=str(path))


def secret_of(secret: Secret, folder: Path, environ: Mapping[str, str], where: str) -> str:
    """A secret's value. Raises InputError where it is not."""
    if (secret.env is None) == (secret.file is None):
        raise InputError("name either `env` or `file`", where=where)
    if secret.env is not None:
        value = environ.get(secret.env, "")
        missing = f"the environment has no {secret.env}"
    else:
        try:
            value = (folder / str(secret.file)).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{secret.file} cannot be read", where=where) from error
        missing = f"{secret.file} is empty"
    if not value:
        raise InputError(missing, where=where)
    return value


def _contradictions(file: GatewayFile | None) -> list[Problem]:
    """What the parts allow and the whole does not."""
    problems: list[Problem] = []
    if file is None:
        return problems
    for name, upstream in file.upstreams.items():
        parts = urlsplit(upstream.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            problems.append(Problem(("upstreams", name, "url"), "is no http(s) address"))
    if file.judge is not None:
        problems += _judge_problems(file.judge, file)
    seen: dict[str, str] = {}
    for name, tenant in file.tenants.items():
        at = ("tenants", name)
        if tenant.policy != DEFAULT_POLICY and tenant.policy not in file.policies:
            known = ", ".join(file.policies) or "none is named"
            problems.append(
                Problem((*at, "policy"), f"no policy {tenant.policy!r}", f"known: {known}")
            )
        problems += [
            Problem(
                (*at, "upstreams"), f"no upstream {one!r}", f"known: {', '.join(file.upstreams)}"
            )
            for one in tenant.upstreams
            if one not in file.upstreams
        ]
        for place, key in enumerate(tenant.keys):
            if key.sha256 in seen:
                what = f"is also a key of {seen[key.sha256]}"
                problems.append(Problem((*at, "keys", place), what, "make a key for each"))
            seen[key.sha256] = name
        if tenant.limits.money_per_day is not None and not file.prices:
            problems.append(Problem((*at, "limits", "money_per_day"), "needs `prices`"))
    return problems


def _judge_problems(judge: Judge, file: GatewayFile) -> list[Problem]:
    problems = []
    upstream = file.upstreams.get(judge.upstream)
    if upstream is None:
        known = f"known: {', '.join(file.upstreams)}"
        problems.append(Problem(("judge", "upstream"), f"no upstream {judge.upstream!r}", known))
    elif upstream.speaks != "openai":
        problems.append(Problem(("judge", "upstream"), "does not speak openai"))
    if judge.money_per_day is not None and not file.prices:
        problems.append(Problem(("judge", "money_per_day"), "needs `prices`"))
    return problems
