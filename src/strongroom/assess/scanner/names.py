"""Judges symbols that formats name in text: skops schemas, Keras configurations, MLmodel files."""

from __future__ import annotations

from strongroom.assess.scanner.report import Hazard, Rating
from strongroom.assess.scanner.symbols import book
from strongroom.domain.outcome import Severity

_REFERENCES = ("CWE-502", "CWE-470", "AML.T0011.000")


def judge_name(
    module: str, name: str, rule: str, *, called: bool = True, references: tuple[str, ...] = ()
) -> Hazard | None:
    """A hazard unless the symbol was reviewed. `rule` is the finding's id."""
    known = book()
    if known.allow(module, name):
        return None
    text = f"{module}.{name}"[:300]
    if danger := known.danger(module, name):
        return Hazard(
            rule,
            Rating.BLOCK,
            f"names {text}: {danger.why}",
            danger.severity,
            call=f"{text}(…)",
            attack=danger.attack,
            references=(*danger.references, *references),
        )
    standard = known.is_standard(module)
    return Hazard(
        rule,
        Rating.BLOCK if standard and called else Rating.REVIEW,
        f"names {text}, which " + ("no model needs" if standard else "nobody has reviewed"),
        Severity.HIGH if standard else Severity.MEDIUM,
        call=f"{text}(…)" if called else text,
        attack="unreviewed_call" if called else "unreviewed_import",
        references=(*_REFERENCES, *references),
    )
