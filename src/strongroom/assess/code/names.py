"""What names in Python source stand for, as far as the source itself says."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Final

DEEPEST: Final = 20
"""Attributes in a row that are followed."""
_UNKNOWN: Final = "?"


class Names:
    """Imports, and names that were given to functions and texts, wherever in the file they stand.

    One table for the whole file: a name that is bound twice counts with its last binding.
    """

    def __init__(self, nodes: Sequence[ast.AST]) -> None:
        self._full: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        for node in nodes:
            if isinstance(node, ast.Import):
                self._import(node)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    self._full[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        self._tops = frozenset(full.partition(".")[0] for full in self._full.values())
        for node in nodes:
            if isinstance(node, ast.Assign):
                self._assign(node)

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            self._full[alias.asname or top] = alias.name if alias.asname else top

    def _assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if not isinstance(target, ast.Name):
                continue
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                self._texts[target.id] = node.value.value
            full = self.full(node.value)
            if full and full.partition(".")[0] in self._tops:
                self._full[target.id] = full

    def full(self, node: ast.AST) -> str | None:
        """`np.load` as `numpy.load`; calls by what they call; None for anything else."""
        parts: list[str] = []
        for _ in range(DEEPEST):
            if isinstance(node, ast.Attribute):
                parts.append(node.attr)
                node = node.value
            elif isinstance(node, ast.Call):
                if (said := self._reflected(node)) is not None:
                    owner, name = said
                    parts += [name] if name else []
                    if isinstance(owner, str):
                        return ".".join([owner, *reversed(parts)])
                    node = owner
                else:
                    node = node.func
            elif isinstance(node, ast.Name):
                return ".".join([self._full.get(node.id, node.id), *reversed(parts)])
            else:
                break
        return ".".join([_UNKNOWN, *reversed(parts)]) if parts else None

    def _reflected(self, node: ast.Call) -> tuple[ast.AST | str, str] | None:
        """What `getattr(a, "b")`, `__import__("a")` and `import_module("a")` come to."""
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else _id(function)
        if name == "getattr" and len(node.args) >= 2 and (attr := self.text(node.args[1])):
            return node.args[0], attr
        if name in {"__import__", "import_module"} and node.args:
            module = self.text(node.args[0])
            return (module, "") if module else None
        return None

    def text(self, node: ast.AST) -> str | None:
        """A text, if it stands in the source."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        return self._texts.get(node.id) if isinstance(node, ast.Name) else None

    def known(self, node: ast.AST) -> str | None:
        """A value as rules see it, `True` or `yaml.SafeLoader`; None where only running tells."""
        if isinstance(node, ast.Constant):
            return repr(node.value)[:400]
        if (text := self.text(node)) is not None:
            return repr(text)[:400]
        full = self.full(node) if isinstance(node, ast.Attribute | ast.Name) else None
        return full if full and full.partition(".")[0] in self._tops else None

    def command(self, node: ast.AST) -> str:
        """A command line, as far as it stands in the source: texts, f-strings, sums, lists."""
        parts: list[str] = []
        todo: list[ast.AST] = [node]
        while todo and len(parts) < 200:
            item = todo.pop(0)
            if isinstance(item, ast.List | ast.Tuple):
                todo[:0] = [x for e in item.elts for x in (e, ast.Constant(" "))]
            elif isinstance(item, ast.JoinedStr):
                todo[:0] = item.values
            elif isinstance(item, ast.BinOp):
                todo[:0] = [item.left, item.right]
            else:
                parts.append(self.text(item) or "X")
        return "".join(parts)


def _id(node: ast.AST) -> str | None:
    return node.id if isinstance(node, ast.Name) else None
