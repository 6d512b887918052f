"""A bank's own rules, in Rego, beside the catalog: each file is one more requirement of the gate.

A rule can only deny. It is a package that says who it is and what speaks against the version:

    package bank.evasion

    id := "BANK-01"
    title := "Payers cannot evade the model"
    stages := ["production"]           # every stage, when it is left out

    deny contains message if {
        some figure in input.evidence["robustness.evasion_budget"].metrics
        figure.high > 0.2
        message := sprintf("%s may be as high as %v", [figure.name, figure.high])
    }

`input` is written by `registry.rule_input`. A rule that cannot be evaluated is *unknown*, and so
denies. Rego evaluates without files, network, clock or randomness, so that an auditor who decides
again comes to the same end: built-in functions that would break that are refused.
Language: Open Policy Agent's Rego v1, as rego-cpp (Microsoft, MIT) implements it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from strongroom.domain.decision import Stage
from strongroom.domain.errors import InputError, LimitError, MissingExtra
from strongroom.governance.applicability import Applied
from strongroom.governance.requirement import Requirement
from strongroom.storage.files import told

FOLDER: Final = "rules"
"""Below a home: the rules in force there."""
MAX_SOURCE: Final = 64 * 1024
"""Bytes of one rule."""
MAX_RULES: Final = 200
_PACKAGE: Final = re.compile(r"^\s*package\s+([a-zA-Z_]\w*(?:\.[a-zA-Z_]\w*)*)\s*$", re.MULTILINE)
_ID: Final = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)+")
_UNREPEATABLE: Final = re.compile(
    r"\b(http\.send|net\.lookup_ip_addr|opa\.runtime|rand\.intn|time\.now_ns|uuid\.rfc4122)\b"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, read but not yet asked."""

    id: str
    """As reasons and waivers name it: `BANK-01`. `SR-` belongs to the catalog."""
    title: str
    stages: tuple[Stage, ...]
    source: str
    """The whole module; decisions keep it, so that they can be made again."""


def load_rules(folder: Path) -> tuple[Rule, ...]:
    """Every `*.rego` of a folder, by id; none when there is no folder.

    Raises InputError for a rule that does not compile or an id that two rules have.
    """
    if not folder.is_dir():
        return ()
    paths = sorted(folder.glob("*.rego"))
    if len(paths) > MAX_RULES:
        raise LimitError(f"more than {MAX_RULES} rules", where=str(folder))
    rules: dict[str, Rule] = {}
    for path in paths:
        rule = read_rule_file(path)
        if rule.id in rules:
            raise InputError(f"two rules have the id {rule.id}", where=str(path), fix="rename one")
        rules[rule.id] = rule
    return tuple(rules[key] for key in sorted(rules))


def read_rule_file(path: Path) -> Rule:
    """One rule from its file. Raises InputError, LimitError, StoreError."""
    with told(path), path.open("rb") as file:
        data = file.read(MAX_SOURCE + 1)
    if len(data) > MAX_SOURCE:
        raise LimitError(f"a rule of more than {MAX_SOURCE} bytes", where=str(path))
    try:
        return read_rule(data.decode(), where=str(path))
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8", where=str(path)) from error


def read_rule(source: str, *, where: str = "rule") -> Rule:
    """Compile a module and ask it who it is. Raises InputError, MissingExtra."""
    said = _query(source, {}, where)
    name = said.get("id")
    if not isinstance(name, str) or not _ID.fullmatch(name) or name.startswith("SR-"):
        raise InputError(
            "a rule without an id of its own", where=where, fix='say id := "BANK-01" (not SR-…)'
        )
    title = said.get("title")
    if not isinstance(title, str) or not title.strip():
        raise InputError("a rule without a title", where=where, fix='say title := "…"')
    if not isinstance(said.get("deny"), list):
        raise InputError("a rule that denies nothing", where=where, fix="say deny contains … if …")
    try:
        stages = tuple(Stage(stage) for stage in said.get("stages", list(Stage)))
    except (TypeError, ValueError) as error:
        known = ", ".join(Stage)
        raise InputError(f"stages: {error}", where=where, fix=f"a list of {known}") from error
    return Rule(name, title.strip(), stages, source)


def denials(source: str, facts: Mapping[str, Any], *, where: str = "rule") -> tuple[str, ...]:
    """What the rule says against these facts, sorted; nothing if it lets them pass.

    Raises InputError when it could not be evaluated, MissingExtra without the `policy` extra.
    """
    said = _query(source, facts, where).get("deny")
    if not isinstance(said, list):
        raise InputError("the rule came to no result", where=where)
    return tuple(sorted(text if isinstance(text, str) else json.dumps(text) for text in said))


def as_required(rules: Iterable[Rule], stage: Stage) -> tuple[Applied, ...]:
    """The rules that speak about a stage, as requirements of the gate."""
    return tuple(
        Applied(
            Requirement(rule.id, rule.title, rule.title, ()),
            "a rule of this house",
            (),
            0,
            rule=rule.source,
        )
        for rule in rules
        if stage in rule.stages
    )


def _query(source: str, facts: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The whole package's document under these facts."""
    try:
        import regopy  # noqa: PLC0415  the core installs without it
    except ModuleNotFoundError as error:
        raise MissingExtra("policy", f"the Rego rule {where}") from error
    package = _PACKAGE.search(source)
    if package is None:
        raise InputError("no `package` line", where=where, fix="begin with: package bank.NAME")
    if taboo := _UNREPEATABLE.search(source):
        raise InputError(
            f"{taboo[0]} would not give an auditor the same answer", where=where, fix="use `input`"
        )
    interpreter = regopy.Interpreter()
    interpreter.strict_built_in_errors = True
    try:
        interpreter.add_module(where, source)
        interpreter.set_input(dict(facts))
        document = json.loads(str(interpreter.query(f"data.{package[1]}")))["expressions"][0]
    except regopy.RegoError as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"cannot be evaluated: {reason}", where=where) from error
    except (json.JSONDecodeError, KeyError, IndexError) as error:
        raise InputError(
            "cannot be evaluated: a built-in function refused its argument, or two rules disagree",
            where=where,
        ) from error
    if not isinstance(document, dict):
        raise InputError("the package came to no document", where=where)
    return document
