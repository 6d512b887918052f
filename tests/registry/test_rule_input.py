"""What a house's own rule is shown."""

from datetime import UTC, datetime

from strongroom.domain.canonical import canonical
from strongroom.domain.decision import Stage
from strongroom.governance.rego import denials
from strongroom.registry.candidate import candidate_from
from strongroom.registry.rule_input import Counting, rule_input
from strongroom.testing.releases import make_release

NOW = datetime(2026, 12, 24, 10, 30, 0, 123456, tzinfo=UTC)
CALENDAR = """package bank.calendar
id := "BANK-05"
title := "No change on the twenty-fourth"
deny contains "the twenty-fourth" if time.date(input.now * 1000000000)[2] == 24
"""


def test_times_are_whole_seconds_that_rego_can_reckon_with(tmp_path):
    loaded = make_release(tmp_path)
    candidate = candidate_from(loaded.system, Stage.PRODUCTION, ())
    facts = rule_input(candidate, Counting({}, ()), (), NOW)
    assert facts["now"] == int(NOW.timestamp())
    assert denials(CALENDAR, facts) == ("the twenty-fourth",)
    assert facts["manifest"]["system"]["jurisdictions"] == ["MY"]
    assert canonical(facts), "it is JSON"
