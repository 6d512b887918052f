"""Python source, read as a tree.

1. parse, without running anything;
2. learn what names stand for;
3. ask every rule about every call, reference and assignment.

What only running would tell (a name put together from pieces, code that writes code) is not seen.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from strongroom.assess.code.names import Names
from strongroom.assess.code.rules import CodeRule, Spotted, code_rules
from strongroom.assess.code.shell import SHOWN, judge_command

MAX_SOURCE: Final = 2**20
"""Characters of one source: a tree takes a hundred times that."""
ARGUMENTS: Final = 2_000
"""Nodes of a call's arguments that are looked at."""
_SHELLS: Final = frozenset(
    {
        "os.system",
        "os.popen",
        "subprocess.run",
        "subprocess.call",
        "subprocess.check_call",
        "subprocess.check_output",
        "subprocess.Popen",
        "subprocess.getoutput",
        "commands.getoutput",
        "get_ipython.system",
        "IPython.get_ipython.system",
    }
)
_LOCAL: Final = frozenset({"csv", "json", "parquet", "text", "arrow", "pandas", "imagefolder"})
"""Builders of `datasets` that read local files."""
_BODY: Final = frozenset({"content", "iter_content", "iter_bytes", "iter_raw", "raw", "read"})


class Unparsed(Exception):
    """The source is no Python that we can read."""


@dataclass(frozen=True, slots=True)
class _Source:
    text: str
    lines: list[str]
    names: Names
    writes: bool
    """Whether it writes the body of an answer to a file."""

    def at(self, node: ast.AST) -> str:
        number: int = getattr(node, "lineno", 1)
        return self.lines[number - 1].strip()[:SHOWN] if number <= len(self.lines) else ""


def judge_python(text: str) -> list[Spotted]:
    """Everything that a rule counts, in order of lines. Raises Unparsed."""
    nodes = list(ast.walk(_parse(text)))
    source = _Source(text, text.split("\n"), Names(nodes), _writes(nodes))
    found = [spotted for node in nodes for spotted in _judge(node, source)]
    return sorted(found, key=lambda s: s.line)


def _parse(text: str) -> ast.Module:
    if len(text) > MAX_SOURCE:
        raise Unparsed(f"longer than {MAX_SOURCE} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in the source; not ours to say
            return ast.parse(text)
    except SyntaxError as error:
        raise Unparsed(f"{error.msg} (line {error.lineno})") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unparsed(str(error) or "nested too deeply") from error


def _judge(node: ast.AST, source: _Source) -> Iterator[Spotted]:
    if isinstance(node, ast.Call):
        full = source.names.full(node.func) or ""
        for rule in code_rules():
            if _call_counts(rule, node, full, source):
                yield Spotted(rule, node.lineno, source.at(node))
        if full in _SHELLS and node.args:
            yield from judge_command(source.names.command(node.args[0]), node.lineno)
    elif isinstance(node, ast.Attribute | ast.Name):
        full = source.names.full(node) or ""
        for rule in code_rules():
            if full in rule.names:
                yield Spotted(rule, node.lineno, source.at(node))
    elif isinstance(node, ast.Assign):
        yield from _assignments(node, source)
    elif isinstance(node, ast.Dict):
        yield from _entries(node, source)


def _call_counts(rule: CodeRule, node: ast.Call, full: str, source: _Source) -> bool:
    last = full.rpartition(".")[2]
    if rule.environment and _sets_environment(rule, node, full, source):
        return True
    if full not in rule.calls and last not in rule.methods and "*" not in rule.methods:
        return False
    if full in rule.not_calls or any(word in source.text for word in rule.unless_text):
        return False
    if (rule.writes and not source.writes) or (rule.skip_paths and _is_local(node, source)):
        return False
    if rule.skip_literal and (not node.args or isinstance(node.args[0], ast.Constant)):
        return False
    if rule.argument_calls and not _argument_calls(rule, node, source):
        return False
    if rule.with_ and not _has(rule, rule.with_, node, source, believed=False):
        return False
    return not _has(rule, rule.without, node, source, believed=True)


def _has(
    rule: CodeRule, patterns: object, node: ast.Call, source: _Source, *, believed: bool
) -> bool:
    """Whether one of these arguments is there and matches; `believed` if only running tells."""
    wanted = rule.without if patterns is rule.without else rule.with_
    given: dict[str, ast.AST] = {k.arg: k.value for k in node.keywords if k.arg}
    for name, place in rule.positions.items():
        if place < len(node.args):
            given.setdefault(name, node.args[place])
    for name, pattern in wanted.items():
        if name in given:
            value = source.names.known(given[name])
            if believed if value is None else pattern.fullmatch(value):
                return True
    return False


def _is_local(node: ast.Call, source: _Source) -> bool:
    text = source.names.text(node.args[0]) if node.args else None
    if text is None:
        return False
    return text.startswith((".", "/", "~")) or "\\" in text or text in _LOCAL


def _argument_calls(rule: CodeRule, node: ast.Call, source: _Source) -> bool:
    for argument in node.args[:1]:
        for count, inner in enumerate(ast.walk(argument)):
            if count > ARGUMENTS:
                break
            if isinstance(inner, ast.Call) and source.names.full(inner.func) in rule.argument_calls:
                return True
    return False


def _sets_environment(rule: CodeRule, node: ast.Call, full: str, source: _Source) -> bool:
    if full not in {"os.putenv", "os.environ.setdefault"} or len(node.args) < 2:
        return False
    return _disables(rule, node.args[0], node.args[1], source)


def _disables(rule: CodeRule, key: ast.AST, value: ast.AST, source: _Source) -> bool:
    known = source.names.known(value)
    if source.names.text(key) not in rule.environment or known is None or rule.value is None:
        return False
    return bool(rule.value.fullmatch(known))


def _assignments(node: ast.Assign, source: _Source) -> Iterator[Spotted]:
    """Variables of the environment, and attributes that are arguments elsewhere."""
    for target in node.targets:
        for rule in code_rules():
            if isinstance(target, ast.Subscript):
                counts = source.names.full(target.value) == "os.environ" and _disables(
                    rule, target.slice, node.value, source
                )
            elif isinstance(target, ast.Attribute) and "*" in rule.methods:
                pattern = rule.with_.get(target.attr)
                value = source.names.known(node.value)
                counts = bool(pattern and value and pattern.fullmatch(value))
            else:
                counts = False
            if counts:
                yield Spotted(rule, node.lineno, source.at(node))


def _entries(node: ast.Dict, source: _Source) -> Iterator[Spotted]:
    """`{"trust_remote_code": True}`, which becomes an argument somewhere else."""
    for key, value in zip(node.keys, node.values, strict=True):
        name = source.names.text(key) if key is not None else None
        if name is None:
            continue
        for rule in code_rules():
            pattern = rule.with_.get(name)
            known = source.names.known(value)
            if pattern and known and pattern.fullmatch(known) and "*" in rule.methods:
                yield Spotted(rule, value.lineno, source.at(value))


def _writes(nodes: list[ast.AST]) -> bool:
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    writes = attributes & {"write", "write_bytes", "copyfileobj"} or "copyfileobj" in names
    return bool(writes and attributes & _BODY)
