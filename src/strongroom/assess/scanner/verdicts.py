"""The hazards that a pickle's judge can pronounce, each with its message, class and references."""

from __future__ import annotations

import re
from typing import Final

from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.symbols import Danger
from strongroom.assess.scanner.values import Global
from strongroom.domain.outcome import Severity

CALL: Final = 400
"""Characters of pseudo-code."""
DESERIALIZATION: Final = ("CWE-502", "AML.T0011.000")
_HELPER: Final = re.compile(
    r"_+(pyx_)?(re)?(un)?(pickle|build|construct|create|make|new|restore|deserial)"
    r"(?!.*(func|code|lambda|modul|type|class|cell|exec|eval|import|proc|file|path|url))",
    re.I,
)
"""Names of private functions that rebuild an object, by custom of many packages."""


def patches(target: Global, state: str, offset: int) -> Hazard:
    """State is set on a class, function or module."""
    return Hazard(
        "pickle.patches_symbol",
        Rating.BLOCK,
        f"sets attributes of {target.dotted} itself: changes code already loaded",
        Severity.CRITICAL,
        offset,
        call=f"{target.dotted}.__dict__.update({state})"[:CALL],
        attack="monkey_patch",
        references=DESERIALIZATION,
    )


def replaces(target: str, name: str, offset: int) -> Hazard:
    """State replaces a method that unpicklers call."""
    return Hazard(
        "pickle.replaces_method",
        Rating.BLOCK,
        f"sets {name} on an object, so that loading calls what the file puts there",
        Severity.CRITICAL,
        offset,
        call=f"{target}.{name} = …"[:CALL],
        attack="monkey_patch",
        references=DESERIALIZATION,
    )


def keeps(offset: int) -> Hazard:
    """A guarded symbol is a value, not a callee."""
    return Hazard(
        "pickle.helper_as_value",
        Rating.BLOCK,
        "keeps a helper that is only harmless when it is called directly, for others to call",
        Severity.HIGH,
        offset,
        attack="abused_helper",
        references=DESERIALIZATION,
    )


def persistent(pid: str, offset: int) -> Hazard:
    """The loading program is asked for something, in a format that has no such thing."""
    return Hazard(
        "pickle.persistent_id",
        Rating.REVIEW,
        "asks the loading program for an object by a persistent id",
        Severity.MEDIUM,
        offset,
        call=f"persistent_load({pid})"[:CALL],
        attack="persistent_id",
        references=("CWE-502",),
    )


def numbered(code: int, offset: int) -> Hazard:
    """A symbol of the extension registry."""
    return Hazard(
        "pickle.extension_registry",
        Rating.BLOCK,
        f"names a symbol only by number {code} of the process's copyreg registry, "
        "so that the file does not show what it is",
        Severity.HIGH,
        offset,
        call=f"copyreg._inverted_registry[{code}]",
        attack="hidden_symbol",
        references=DESERIALIZATION,
    )


def unreviewed(symbol: Global) -> Hazard:
    """A symbol is imported, and that is all that is known of it."""
    return Hazard(
        "pickle.unreviewed_symbol",
        Rating.REVIEW,
        f"imports {symbol.dotted}, which nobody has reviewed",
        Severity.MEDIUM,
        symbol.offset,
        call=symbol.dotted[:CALL],
        attack="unreviewed_import",
        references=DESERIALIZATION,
    )


def unseen(callee: Global, text: str, offset: int) -> Hazard:
    """A reviewed loader loads what is not in the file, or too long."""
    return Hazard(
        "pickle.nested_unseen",
        Rating.REVIEW,
        f"{callee.dotted} loads a pickle that cannot be seen here",
        Severity.HIGH,
        offset,
        call=text[:CALL],
        attack="nested_pickle",
        references=DESERIALIZATION,
    )


def dangerous(symbol: Global, danger: Danger, text: str, verb: str) -> Hazard:
    """A symbol that is known for what it does."""
    return Hazard(
        "pickle.dangerous_call" if verb == "calls" else "pickle.dangerous_symbol",
        Rating.BLOCK,
        f"loading {verb} {symbol.dotted}: {danger.why}",
        danger.severity,
        symbol.offset,
        call=text[:CALL],
        attack=danger.attack,
        references=danger.references,
    )


def unknown_call(callee: Global, text: str, offset: int, *, standard: bool) -> Hazard:
    """A call of what nobody reviewed: how bad depends on where it comes from."""
    last = callee.name.rpartition(".")[2]
    like_a_class = last.lstrip("_")[:1].isupper() and not _traverses(callee.name)
    helper = bool(_HELPER.match(last)) and last.startswith("_") and "." not in callee.name
    lenient = not standard and (like_a_class or helper)
    if standard:
        why = "comes with Python and no model needs it"
    elif lenient:
        why = "nobody has reviewed it"
    else:
        why = "is a function that nobody has reviewed, run while the file loads"
    return Hazard(
        "pickle.unreviewed_call",
        Rating.REVIEW if lenient else Rating.BLOCK,
        f"loading calls {callee.dotted}, which {why}"
        if not lenient
        else f"loading makes a {callee.dotted}; {why}",
        Severity.MEDIUM if lenient else Severity.HIGH,
        offset,
        call=text,
        attack="unreviewed_call",
        references=DESERIALIZATION,
    )


def _traverses(name: str) -> bool:
    """Whether a dotted name goes through something that looks like a module, not a class."""
    return any(not part.lstrip("_")[:1].isupper() for part in name.split(".")[:-1])


def abused(
    callee: Global, trouble: str, rating: Rating, attack: str, text: str, offset: int
) -> Hazard:
    """A reviewed symbol is used as it should not be."""
    return Hazard(
        "pickle.guarded_call",
        rating,
        f"{callee.dotted} is reviewed for ordinary use only; here {trouble}",
        Severity.HIGH,
        offset,
        call=text[:CALL],
        attack=attack,
        references=DESERIALIZATION,
    )


def computed(text: str, offset: int) -> Hazard:
    """Something that only running would tell is called or imported."""
    return Hazard(
        "pickle.computed_operand",
        Rating.BLOCK,
        "calls or imports something whose name is only made while the file loads",
        Severity.CRITICAL,
        offset,
        call=text[:CALL],
        attack="computed_operand",
        references=DESERIALIZATION,
    )
