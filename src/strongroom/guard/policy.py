"""A guard policy: what is done about what is found. It comes from files, never from requests.

version: 1
name: support-chat
level: balanced            # monitor, balanced, strict, payments
actions:                   # changes to the level, by kind and source
  pii.email: {any: {mask: 0.7}}
allow:                     # somebody answers for each, until a day
  - {kind: pii.email, text: help@bank.example, owner: ana, reason: our own, until: 2027-06-30}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from strongroom.domain.digests import Digest, sha256
from strongroom.domain.errors import InputError
from strongroom.governance.problems import Problem, as_error
from strongroom.governance.shape import validate
from strongroom.governance.strict_yaml import MAX_BYTES, read_yaml
from strongroom.guard.abuse.rules import AbuseRules
from strongroom.guard.folding import folded
from strongroom.guard.mcp.rules import McpRules
from strongroom.guard.normalise import Limits
from strongroom.guard.records import Action, Detection, Source
from strongroom.guard.tools.rules import ToolRules

ANY: Final = "any"
PLACELESS: Final = frozenset(("abuse", "schema", "judge", "tool", "mcp"))
"""Kinds of whole answers, calls and users."""
Score = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1, max_length=4_000)]
Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=80)]


class Level(StrEnum):
    """How much is done; each is a table in `levels.yaml`."""

    MONITOR = "monitor"
    BALANCED = "balanced"
    STRICT = "strict"
    PAYMENTS = "payments"


class ModelUse(StrEnum):
    """Whether the trained detector must be there."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    OFF = "off"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Steps(_Part):
    """From which score on an action is taken."""

    flag: Score | None = None
    mask: Score | None = None
    tokenise: Score | None = None
    """Masks with a pseudonym that is undone in the answer, where a conversation is known."""
    block: Score | None = None


class BySource(_Part):
    """Steps for each source; `any` is every one that is not named."""

    any: Steps | None = None
    system: Steps | None = None
    user: Steps | None = None
    context: Steps | None = None
    tool_result: Steps | None = None
    output: Steps | None = None


class Allowed(_Part):
    """One thing that is let pass: somebody answers for it, until a day."""

    kind: Kind
    text: Text
    """A detection passes whose place reads as a part of this."""
    owner: Text
    reason: Text
    until: date
    """The last day on which it counts."""


class Example(_Part):
    """A text and what must become of it; `strongroom guard policy test` tries them."""

    text: str
    source: Source = Source.USER
    action: Action


class Bounds(_Part):
    """How much work one text may make; what exceeds it is a detection of kind `limit`."""

    chars: Annotated[int, Field(ge=1, le=4_000_000)] = Limits().chars
    depth: Annotated[int, Field(ge=1, le=12)] = Limits().depth
    views: Annotated[int, Field(ge=1, le=64)] = Limits().views
    decoded_chars: Annotated[int, Field(ge=1, le=16_000_000)] = Limits().decoded_chars
    milliseconds: Annotated[int, Field(ge=1, le=60_000)] = 1_000
    """For one detector, where the driver can stop it."""


class OutputRules(_Part):
    """What an output must be; one that is not is a detection of kind `schema`."""

    json_schema: dict[str, Any] | None = None
    """Draft 2020-12, without references to elsewhere."""
    from_request: bool = False
    """Whether the schema that a request itself asks for is enforced too."""
    chars: Annotated[int, Field(ge=1, le=4_000_000)] = 262_144
    """Of an output; a stream is held until its end, and no longer than this."""


class JudgeRules(_Part):
    """When a judge is asked: for what lies between certain and harmless, and nothing else."""

    low: Score = 0.3
    high: Score = 0.75
    """Scores from `low` on and below `high` are grey."""
    kinds: tuple[Kind, ...] = ("injection", "jailbreak")
    """Kinds of which the highest score counts."""
    sources: tuple[Literal["user", "context", "tool_result"], ...] = (
        "user", "context", "tool_result",
    )  # fmt: skip
    send_content: Literal[True]
    """The judge is shown texts, with places masked: somebody must have wanted that."""
    chars: Annotated[int, Field(ge=16, le=200_000)] = 8_000
    """A longer text is not sent; then nobody was asked."""

    def wants(self, source: Source, found: Iterable[Detection]) -> bool:
        """Whether what was found is grey."""
        kinds = tuple(f"{kind}." for kind in self.kinds)
        scores = (d.score for d in found if f"{d.kind}.".startswith(kinds))
        return source.value in self.sources and self.low <= max(scores, default=0.0) < self.high


class PolicyFile(_Part):
    """The file as people write it."""

    version: Literal[1]
    name: Text = "default"
    revision: Annotated[int, Field(ge=1, le=10**9)] | None = None
    """Counts the changes of a signed policy; an older one is not taken back."""
    level: Level = Level.BALANCED
    enforce: bool | None = None
    """False: everything is judged and told, nothing masked or blocked."""
    on_failure: Literal["block", "flag"] | None = None
    model: ModelUse = ModelUse.OPTIONAL
    content: Literal["never", "sealed"] = "never"
    """Whether the texts of each decision are kept in the log, sealed."""
    limits: Bounds = Bounds()
    actions: dict[Kind, BySource] = Field(default_factory=dict)
    allow: tuple[Allowed, ...] = ()
    canaries: tuple[Annotated[str, Field(min_length=8, max_length=200)], ...] = ()
    hosts: tuple[Text, ...] = ()
    labels: tuple[Annotated[str, Field(min_length=3, max_length=80)], ...] = ()
    tools: ToolRules | None = None
    """What a model may call; without it every tool may be."""
    mcp: McpRules = McpRules()
    output: OutputRules | None = None
    judge: JudgeRules | None = None
    """Asks another model; who answers, says the gateway's configuration."""
    abuse: AbuseRules = AbuseRules()
    """What one user does over time; what is done about it stands under `actions`."""
    topics: dict[Kind, Annotated[tuple[Text, ...], Field(min_length=1, max_length=500)]] = Field(
        default_factory=dict, max_length=50
    )
    """Topics that are not wanted, each with the words that it goes by."""
    examples: tuple[Example, ...] = ()

    @property
    def topic_words(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The topics as the grounds of a judgement have them."""
        return tuple(self.topics.items())


class LevelTable(_Part):
    """One level of `levels.yaml`."""

    enforce: bool
    on_failure: Literal["block", "flag"]
    actions: dict[Kind, BySource]


class _LevelsFile(_Part):
    version: Literal[1]
    levels: dict[Level, LevelTable]


@dataclass(frozen=True, slots=True)
class Policy:
    """What is done about what is found."""

    file: PolicyFile
    actions: Mapping[str, BySource]
    """The level's, with the policy's own on top."""
    enforce: bool
    on_failure: Action
    digest: Digest
    """Of the file's bytes and of the levels that it builds on."""
    has_tokens: bool
    """Whether anything is tokenised."""

    @property
    def limits(self) -> Limits:
        """For the normaliser."""
        own = self.file.limits
        return Limits(own.chars, own.depth, own.views, own.decoded_chars)

    def observed(self) -> Policy:
        """The same policy, which tells and changes nothing."""
        return replace(self, enforce=False)

    def steps(self, kind: str, source: Source) -> Steps | None:
        """The steps of the longest kind that fits; None if nothing is done about it."""
        parts = kind.split(".")
        for end in range(len(parts), 0, -1):
            by_source = self.actions.get(".".join(parts[:end]))
            if by_source is not None:
                own: Steps | None = getattr(by_source, source.value)
                return own if own is not None else by_source.any
        return None

    def action_on(self, detection: Detection, source: Source) -> Action:
        """What is done about one detection, as if everything were enforced."""
        steps = self.steps(detection.kind, source)
        if steps is None:
            return Action.ALLOW
        for action in (Action.BLOCK, Action.MASK, Action.FLAG):
            least = getattr(steps, action.value)
            if least is not None and detection.score >= least:
                return action
            if action is Action.MASK and self.tokenises(detection, source):
                return action
        return Action.ALLOW

    def tokenises(self, detection: Detection, source: Source) -> bool:
        """Whether what is masked gets a pseudonym. What is decoded cannot be put back."""
        steps = self.steps(detection.kind, source)
        least = steps.tokenise if steps is not None else None
        return least is not None and detection.score >= least

    def allows(self, detection: Detection, text: str, today: date) -> bool:
        """Whether the allow-list lets a detection in this text pass."""
        if detection.decoded or detection.kind.startswith("limit"):
            return False
        value = folded(text[slice(*detection.span)]).strip()
        return bool(value) and any(
            (detection.kind == entry.kind or detection.kind.startswith(f"{entry.kind}."))
            and today <= entry.until
            and value in folded(entry.text)
            for entry in self.file.allow
        )


def read_policy(data: bytes, *, where: str = "policy") -> Policy:
    """A policy from untrusted bytes. Raises InputError with every problem, its line and field."""
    tree = read_yaml(data)
    if tree.problems:
        raise as_error(tree.problems, tree.lines, where)
    value: Any = tree.value
    if not isinstance(value, dict):
        problem = Problem((), "expected a mapping of fields", "begin with `version: 1`")
        raise as_error([problem], tree.lines, where)
    file, problems = validate(PolicyFile, value, ())
    problems += _contradictions(file)
    if file is None or problems:
        raise as_error(problems, tree.lines, where)
    return _policy(file, data)


def load_policy(path: Path) -> Policy:
    """A policy from a file. Raises InputError."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from error
    return read_policy(data, where=str(path))


@cache
def default_policy() -> Policy:
    """The balanced level and nothing else."""
    return read_policy(b"version: 1\n", where="the default policy")


def _contradictions(file: PolicyFile | None) -> list[Problem]:
    """What the parts allow and the whole does not."""
    problems: list[Problem] = []
    if file is None:
        return problems
    for kind, by_source in file.actions.items():
        for source, steps in by_source:
            if steps is None:
                continue
            for milder, harder in (("flag", "mask"), ("flag", "block"), ("mask", "block")):
                low, high = getattr(steps, milder), getattr(steps, harder)
                if low is not None and high is not None and low > high:
                    what = f"{milder} from {low:g} on is never taken: {harder} begins at {high:g}"
                    problems.append(Problem(("actions", kind, source), what, "swap them"))
    problems += _misplaced(file)
    if file.judge is not None and file.judge.low >= file.judge.high:
        what = f"nothing lies between {file.judge.low:g} and {file.judge.high:g}"
        problems.append(Problem(("judge", "low"), what, "let `low` be less than `high`"))
    if file.output is not None:
        problems += _schema_problems(file.output)
    if file.model is ModelUse.OFF and file.level is Level.PAYMENTS and file.enforce is not False:
        what = "the payments level is not enforced without the model"
        problems.append(Problem(("model",), what, "write `model: optional` or `required`"))
    return problems


def _misplaced(file: PolicyFile) -> Iterator[Problem]:
    """Actions that cannot be taken: a whole answer, or a user, is no place in a text."""
    for kind, by_source in file.actions.items():
        if kind.split(".")[0] in PLACELESS:
            for source, steps in by_source:
                if steps is not None and (steps.mask is not None or steps.tokenise is not None):
                    what = f"{kind} has no place in a text that could be masked"
                    yield Problem(("actions", kind, source), what, "use flag or block")


def _schema_problems(rules: OutputRules) -> Iterator[Problem]:
    at = ("output", "json_schema")
    if rules.json_schema is None:
        if not rules.from_request:
            yield Problem(("output",), "names no schema", "write `json_schema` or `from_request`")
        return
    # Needs a library of the gateway extra; policies without a schema do without.
    from strongroom.guard.schemas import problems_of  # noqa: PLC0415

    for path, what in problems_of(rules.json_schema, strict=True):
        yield Problem((*at, *path), what)


def _policy(file: PolicyFile, data: bytes) -> Policy:
    source, levels = _levels()
    level = levels[file.level]
    actions = dict(level.actions)
    for kind, own in file.actions.items():
        base = actions.get(kind, BySource())
        actions[kind] = base.model_copy(update={s: v for s, v in own if v is not None})
    failure = file.on_failure or level.on_failure
    enforce = level.enforce if file.enforce is None else file.enforce
    digest = sha256(data + b"\0" + source)
    has_tokens = any(
        steps is not None and steps.tokenise is not None
        for by_source in actions.values()
        for _, steps in by_source
    )
    return Policy(file, actions, enforce, Action(failure), digest, has_tokens)


@cache
def _levels() -> tuple[bytes, Mapping[Level, LevelTable]]:
    data = resources.files("strongroom.guard").joinpath("levels.yaml").read_bytes()
    tree = read_yaml(data)
    file, problems = validate(_LevelsFile, tree.value, ())
    if file is None or problems or tree.problems:
        raise as_error([*tree.problems, *problems], tree.lines, "levels.yaml")
    return data, file.levels
