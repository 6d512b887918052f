"""Simulated card payments with three kinds of fraud: seeded, vectorised, a fraction of a second.

After the description of the transaction data simulator in the Fraud Detection Handbook
(Le Borgne, Siblini, Lebichot, Bontempi: "Reproducible Machine Learning for Credit Card Fraud
Detection", chapter 3, https://fraud-detection-handbook.github.io). Written from the description;
where ours differs, `docs/payments.md` says so.

1. Customers live at a point of a 100 × 100 map and have a mean amount, a spread and a daily rate.
2. Terminals stand at a point; a customer uses those within `radius`.
3. Each customer pays a Poisson number of times a day, around noon, at one of those terminals.
4. Fraud 1: the amount exceeds a limit. Fraud 2: a terminal is compromised for some weeks.
   Fraud 3: a customer is compromised for some weeks, and some payments are multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.spatial import cKDTree

from strongroom.domain.errors import InputError
from strongroom.payments.identities import identities

SECONDS_A_DAY: Final = 86_400
MAP_SIDE: Final = 100.0
MAX_PAYMENTS: Final = 50_000_000
"""More than this expected number of payments is refused before memory is."""

CHANNELS: Final = pl.Enum(["chip", "contactless", "online"])
CATEGORIES: Final = pl.Enum(["grocery", "fuel", "restaurant", "retail", "travel", "digital"])
SEXES: Final = pl.Enum(["female", "male"])
AGE_BANDS: Final = pl.Enum(["under_40", "40_and_over"])

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """What is simulated. The defaults of the frauds are those of the description."""

    customers: int = 3_000
    terminals: int = 6_000
    days: int = 90
    seed: int = 0
    start: datetime = datetime(2025, 1, 6, tzinfo=UTC)
    """Midnight of the first day, with its zone; all times are given in UTC."""
    radius: float = 5.0
    """How far a customer goes to a terminal, on a map of 100 × 100."""
    amount_limit: float = 220.0
    """Fraud 1: every amount above this."""
    terminals_a_day: int = 2
    """Fraud 2: so many terminals are compromised each day …"""
    terminal_days: int = 28
    """… and stay so for this many days, in which every payment there is fraud."""
    customers_a_day: int = 3
    """Fraud 3: so many customers are compromised each day …"""
    customer_days: int = 14
    """… for this many days …"""
    customer_share: float = 1 / 3
    """… in which this share of their payments is fraud …"""
    customer_factor: float = 5.0
    """… with the amount multiplied by this."""
    personal_data: bool = False
    """Add card number and e-mail of the customer: made up, but shaped like real ones."""

    def __post_init__(self) -> None:
        counts = {
            "customers": self.customers,
            "terminals": self.terminals,
            "days": self.days,
            "radius": self.radius,
            "terminal_days": self.terminal_days,
            "customer_days": self.customer_days,
        }
        for name, value in counts.items():
            if not value > 0:
                raise InputError(f"{name} is {value}", fix="give a positive number")
        if self.terminals_a_day < 0 or self.customers_a_day < 0 or self.seed < 0:
            raise InputError("a number a day or a seed is negative", fix="give 0 or more")
        if not 0 <= self.customer_share <= 1:
            raise InputError(f"customer_share is {self.customer_share}", fix="give 0 to 1")
        if self.start.tzinfo is None:
            raise InputError("start names no time zone", fix="use datetime(..., tzinfo=UTC)")
        if self.customers * self.days * 2 > MAX_PAYMENTS:
            raise InputError(
                f"about {self.customers * self.days * 2:,} payments asked for",
                fix=f"stay below {MAX_PAYMENTS:,}: fewer customers or days",
            )


@dataclass(frozen=True, slots=True)
class _Payments:
    """One entry a payment, in the order of time."""

    customer: Ints
    terminal: Ints
    second: Ints
    """Since the start."""
    amount: Floats

    @property
    def day(self) -> Ints:
        return self.second // SECONDS_A_DAY


def simulate(settings: SimulatorSettings) -> pl.DataFrame:
    """Payments in the order of time: same settings, same frame.

    Columns: `tx_id` (0, 1, …), `time` (UTC, µs), `customer_id`, `terminal_id`, `amount` (units of
    currency, in cents), `channel`, `merchant_category` (of the terminal), `customer_sex`,
    `customer_age_band` (both drawn independently of all else), `fraud` (0 or 1), `scenario`
    (0: none, 1 to 3), and, if asked for, `card_number` and `email` of the customer.
    """
    behaviour, frauds, colour, people = (
        np.random.default_rng(s) for s in np.random.SeedSequence(settings.seed).spawn(4)
    )
    payments = _payments(settings, behaviour)
    scenario, amount = _frauds(settings, payments, frauds)
    customer, terminal = payments.customer, payments.terminal
    columns: dict[str, pl.Series | npt.NDArray[np.generic]] = {
        "tx_id": np.arange(len(amount), dtype=np.int64),
        "time": _times(settings.start, payments.second),
        "customer_id": customer,
        "terminal_id": terminal,
        "amount": amount,
        "channel": _draw(colour, CHANNELS, [0.45, 0.35, 0.20], len(amount)),
        "merchant_category": _draw(
            colour, CATEGORIES, [0.3, 0.1, 0.2, 0.25, 0.05, 0.1], settings.terminals
        ).gather(terminal),
        "customer_sex": _draw(colour, SEXES, [0.5, 0.5], settings.customers).gather(customer),
        "customer_age_band": _draw(colour, AGE_BANDS, [0.5, 0.5], settings.customers).gather(
            customer
        ),
        "fraud": (scenario > 0).astype(np.int8),
        "scenario": scenario,
    }
    if settings.personal_data:
        known = identities(settings.customers, people)
        columns |= {name: known[name].gather(customer) for name in known.columns}
    return pl.DataFrame(columns)


def _payments(settings: SimulatorSettings, rng: np.random.Generator) -> _Payments:
    """Steps 1 to 3: everybody's honest payments, with the fraudulent ones not yet among them."""
    homes = rng.uniform(0, MAP_SIDE, (settings.customers, 2))
    mean_amount = rng.uniform(5, 100, settings.customers)
    rate = rng.uniform(0, 4, settings.customers)
    places = rng.uniform(0, MAP_SIDE, (settings.terminals, 2))

    counts = rng.poisson(rate[:, None], (settings.customers, settings.days))
    customer = np.repeat(np.arange(settings.customers), counts.sum(axis=1))
    day = np.repeat(np.tile(np.arange(settings.days), settings.customers), counts.ravel())
    clock = rng.normal(SECONDS_A_DAY / 2, 20_000, len(customer)).astype(np.int64)
    inside = (clock > 0) & (clock < SECONDS_A_DAY)
    customer, second = customer[inside], (day * SECONDS_A_DAY + clock)[inside]

    mean = mean_amount[customer]
    amount = rng.normal(mean, mean / 2)
    amount = np.where(amount < 0, rng.uniform(0, 2 * mean), amount)
    terminal = _terminals(homes, places, settings.radius, customer, rng.random(len(customer)))
    order = np.lexsort((customer, second))
    return _Payments(
        customer[order], terminal[order], second[order], np.maximum(amount.round(2), 0.01)[order]
    )


def _terminals(homes: Floats, places: Floats, radius: float, customer: Ints, luck: Floats) -> Ints:
    """One of the terminals within reach for each payment; the nearest where none is."""
    tree = cKDTree(places)
    near = tree.query_ball_point(homes, radius, return_sorted=True)
    _, nearest = tree.query(homes)
    lists = [found or [int(one)] for found, one in zip(near, nearest, strict=True)]
    sizes = np.array([len(found) for found in lists], dtype=np.int64)
    starts = np.cumsum(sizes) - sizes
    flat = np.concatenate([np.asarray(found, dtype=np.int64) for found in lists])
    chosen: Ints = flat[starts[customer] + (luck * sizes[customer]).astype(np.int64)]
    return chosen


def _frauds(
    settings: SimulatorSettings, payments: _Payments, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int8], Floats]:
    """Step 4: the scenario of each payment, and the amounts with the third scenario's raised."""
    terminals = _compromised(
        settings.terminals, settings.days, settings.terminals_a_day, settings.terminal_days, rng
    )
    customers = _compromised(
        settings.customers, settings.days, settings.customers_a_day, settings.customer_days, rng
    )
    raised = customers[payments.customer, payments.day]
    raised &= rng.random(len(raised)) < settings.customer_share
    scenario = np.zeros(len(raised), dtype=np.int8)
    scenario[payments.amount > settings.amount_limit] = 1
    scenario[terminals[payments.terminal, payments.day]] = 2
    scenario[raised] = 3
    factor = np.where(raised, settings.customer_factor, 1.0)
    return scenario, (payments.amount * factor).round(2)


def _compromised(
    members: int, days: int, a_day: int, lasting: int, rng: np.random.Generator
) -> Bools:
    """Members × days: which are compromised when, if `a_day` are each day for `lasting` days."""
    table = np.zeros((members, days), dtype=np.bool_)
    for day in range(days):
        taken = rng.choice(members, min(a_day, members), replace=False)
        table[taken, day : day + lasting] = True
    return table


def _times(start: datetime, second: Ints) -> pl.Series:
    begin = int(start.timestamp()) * 1_000_000
    return pl.Series(begin + second * 1_000_000).cast(pl.Datetime("us", "UTC"))


def _draw(rng: np.random.Generator, kind: pl.Enum, shares: list[float], n: int) -> pl.Series:
    drawn = rng.choice(len(shares), n, p=shares).astype(np.uint32)
    return kind.categories.gather(drawn).cast(kind)
