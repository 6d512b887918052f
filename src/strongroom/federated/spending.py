"""A bank's uses of its rows under differential privacy, told to its own privacy ledger."""

from __future__ import annotations

from pathlib import Path

from strongroom.assess.dp.ledger import Budget, PrivacyLedger
from strongroom.assess.dp.mechanisms import Use
from strongroom.domain.digests import sha256_of
from strongroom.domain.errors import DeniedError
from strongroom.federated.worker import Loss
from strongroom.home.home import Home
from strongroom.storage.files import told


class Spender:
    """What a `Worker` calls before each use: recorded, or refused past the budget."""

    def __init__(self, home: Home, system: str, data: Path, budget: Budget | None) -> None:
        """`budget` is set, or lowered, first. Raises DeniedError when there is none."""
        self._ledger, self._system = PrivacyLedger(home), system
        with told(data), data.open("rb") as source:
            self._data = sha256_of(iter(lambda: source.read(1 << 20), b""))
        if budget is not None:
            self._ledger.set_budget(self._data, budget, system=system)
        if self._ledger.account(self._data).budget is None:
            raise DeniedError(
                "no privacy budget is set for these rows", where=str(data), fix="--epsilon 3"
            )

    def __call__(self, loss: Loss) -> None:
        """Spend. Raises DeniedError past the budget."""
        use = Use(loss.mechanism, loss.parameters, loss.times)
        self._ledger.spend(self._data, use, system=self._system, purpose=loss.purpose)
