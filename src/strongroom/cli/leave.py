"""What every verb that acts does first: ask leave of the access policy, if one is in force."""

from __future__ import annotations

from strongroom.cli.options import key_passphrase
from strongroom.domain.decision import Stage
from strongroom.governance.access.leave import leave
from strongroom.governance.access.policy import HOME, Action, Request
from strongroom.governance.loader import Loaded
from strongroom.home.home import Home


def ask_leave(
    home: Home,
    actor: str,
    action: Action,
    about: Loaded | str = HOME,
    stage: Stage | None = None,
) -> None:
    """Return if the act may happen. Raises DeniedError, which is logged."""
    if isinstance(about, str):
        request = Request(actor, action, about, stage)
    else:
        request = Request(actor, action, about.system.system.name, stage, _facts(about))
    leave(home, request, key_passphrase())


def _facts(loaded: Loaded) -> dict[str, str]:
    system = loaded.system.system
    facts = {"criticality": system.criticality.value, "kind": system.kind.value}
    model = loaded.system.model
    if model and model.trained_by:
        facts["trained_by"] = model.trained_by
    return facts
