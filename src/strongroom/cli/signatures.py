"""The part of `strongroom verify` that judges models by their OMS signatures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from strongroom.domain.canonical import parse_time
from strongroom.domain.errors import InputError, IntegrityError, TrustError
from strongroom.keys.oms_certificates import load_certificates
from strongroom.keys.oms_keys import parse_model_key
from strongroom.keys.oms_models import Verdict, signature_path, verify_model
from strongroom.keys.oms_trust import ModelTrust, TrustAuthorities, TrustHolders, TrustKeys
from strongroom.keys.trust import TrustPolicy
from strongroom.ledger.history import Problem
from strongroom.report.verify import Verification

MAX_KEY = 64 * 1024
SHOWN = 5
"""Uncovered files named one by one."""


@dataclass(frozen=True, slots=True)
class SignatureOptions:
    """What the command line says about a model's signature."""

    signature: Path | None
    keys: tuple[Path, ...]
    authorities: tuple[Path, ...]
    at: str | None

    def about(self, model: Path) -> bool:
        """Whether a model is to be judged: an option says so, or its signature lies there."""
        asked = self.signature or self.keys or self.authorities
        return bool(asked) or signature_path(model).is_file()

    def judge(self, model: Path, policy: TrustPolicy | None) -> Verification:
        """Verify the model. Raises InputError for what cannot be read or was not said."""
        signature = self.signature or signature_path(model)
        at = datetime.now(UTC) if self.at is None else parse_time(self.at)
        try:
            return _told(verify_model(model, signature, self._trust(model, policy), at))
        except (IntegrityError, TrustError) as error:
            advice = f" ({error.fix})" if error.fix else ""
            return Verification(1, (Problem(signature.name, f"{error.what}{advice}"),))

    def _trust(self, model: Path, policy: TrustPolicy | None) -> ModelTrust:
        given = (bool(self.keys), bool(self.authorities), policy is not None)
        if sum(given) != 1:
            raise InputError(
                "whose signature shall count?",
                fix="give one of --key FILE, --ca FILE, --trust FILE",
            )
        for file in (*self.keys, *self.authorities):
            if file.resolve().is_relative_to(model.resolve()):
                raise InputError(
                    "what is to be trusted lies in what it shall judge",
                    where=str(file),
                    fix="take it from somebody you trust, apart from the model",
                )
        if self.keys:
            return TrustKeys(tuple(parse_model_key(_read(k), where=str(k)) for k in self.keys))
        if policy is not None:
            return TrustHolders(policy)
        return TrustAuthorities(tuple(c for f in self.authorities for c in load_certificates(f)))


def _told(verdict: Verdict) -> Verification:
    story = [f"{visible(verdict.name)} was signed by {visible(verdict.signer)}."]
    if verdict.uncovered:
        named = ", ".join(visible(path) for path in verdict.uncovered[:SHOWN])
        more = len(verdict.uncovered) - SHOWN
        rest = f" and {more} more" if more > 0 else ""
        story.append(f"Not covered by the signature, as the signer chose: {named}{rest}.")
    problems = tuple(Problem(visible(p.path), visible(p.reason)) for p in verdict.problems)
    return Verification(verdict.files, problems, tuple(story))


def visible(text: str) -> str:
    """Names that others chose, with what does not print written out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_KEY)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
