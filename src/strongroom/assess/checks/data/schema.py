"""Training and test data are what the manifest declares.

**What it looks at**: every declared column of `data.train` and `data.test`.

**Each of these is a violation** (finding `data.schema.RULE`):

| rule | what is wrong |
|---|---|
| `missing_column`, `wrong_type` | a declared column is not there, or holds something else |
| `missing_value`, `infinite` | no value (null or NaN) where the column may not miss one; ±∞ |
| `below_min`, `above_max`, `off_step`, `not_whole`, `not_bool` | outside what is declared |
| `unknown_category` | a value that is none of the declared categories |
| `relation` | a row in which a declared relation between columns does not hold |
| `target_missing`, `target_not_binary`, `one_class` | labels that nothing can be learnt from |
| `id_twice` | a declared row id that stands twice |
| `no_rows` | an empty table |
| `only_in_one` | a column that one table has and the other has not |
| `undeclared_column` | with `strict: true`: a column that the manifest does not name |

**What it reports**: `violations`, how many rules are broken, over both tables; it is counted, so
its interval is a point. Values are never printed, only rows and bounds.

**Settings**: `may_miss`, the columns that may have no value (the model must know what to do with
them); `strict`, whether undeclared columns are violations (else they are only mentioned, since the
model does not read them).

**What to do**: mend the data, or declare what is true of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.assess.case import Case
from strongroom.assess.check import Said, Settings, check
from strongroom.assess.checks.data._rules import Breach, breaches, declared_columns
from strongroom.domain.evidence import Finding, Metric
from strongroom.domain.outcome import Outcome, Severity

NAME = "data.schema"
TABLES = ("data.train", "data.test")


class Strictness(Settings):
    """Settings of `data.schema`."""

    may_miss: tuple[str, ...] = ()
    """Columns that may have no value."""
    strict: bool = False
    """Undeclared columns are violations."""


@check(
    NAME,
    version=1,
    title="Data is what the manifest declares",
    needs=TABLES,
    settings=Strictness,
)
def schema(case: Case, settings: Strictness) -> Iterator[Said]:
    """Hold both tables against the schema."""
    broken = 0
    for done, table in enumerate(TABLES):
        for breach in breaches(case.frame(table), case.schema, frozenset(settings.may_miss)):
            broken += 1
            yield _finding(table, breach)
        case.progress(done + 1, len(TABLES))
    for breach in _columns(case, settings):
        broken += 1
        yield _finding("data", breach)
    rows = sum(case.frame(table).height for table in TABLES)
    yield Metric.exact("violations", broken, rows, "rules")
    if not broken:
        others = _undeclared(case)
        aside = f"; {len(others)} undeclared columns that no model reads" if others else ""
        yield Finding(
            f"{NAME}.as_declared",
            Outcome.PASS,
            f"{rows} rows in {len(TABLES)} tables are as declared{aside}",
            Severity.INFO,
        )


def _columns(case: Case, settings: Strictness) -> Iterator[Breach]:
    train, test = (set(case.frame(table).columns) for table in TABLES)
    declared = set(declared_columns(case.schema))
    for name in sorted((train ^ test) - declared):
        side = TABLES[0] if name in train else TABLES[1]
        yield Breach("only_in_one", name, 1, f"column {name} stands in {side} only")
    if settings.strict:
        for name in _undeclared(case):
            yield Breach("undeclared_column", name, 1, f"column {name} is not declared")


def _undeclared(case: Case) -> tuple[str, ...]:
    there = {name for table in TABLES for name in case.frame(table).columns}
    return tuple(sorted(there - set(declared_columns(case.schema))))


def _finding(table: str, breach: Breach) -> Finding:
    return Finding(
        f"{NAME}.{breach.rule}",
        Outcome.FAIL,
        f"{table}: {breach.where}: {breach.message}",
        Severity.HIGH,
        where=f"{table}: {breach.where}",
        fix="mend the data, or declare what is true of it",
        facts={"rows": breach.rows},
    )
