"""The catalog that ships: complete, decidable where it binds, and true to its sources."""

import csv
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from strongroom.domain.decision import Stage
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.governance.catalog import Catalog, Limit, load_catalog, read_catalog
from strongroom.governance.manifest import Kind

ROOT = Path(__file__).parents[2]
CATALOG = ROOT / "src/strongroom/governance/catalog"
SHARED = ROOT.parent / "shared/frameworks"
CHECKS = {
    "supply_chain.advisories",
    "supply_chain.artifact_format",
    "supply_chain.dependencies",
    "supply_chain.provenance",
    "data.poisoning",
    "data.schema",
    "data.personal_data",
    "data.leakage",
    "performance.discrimination",
    "performance.calibration",
    "robustness.evasion_attacks",
    "robustness.evasion_budget",
    "robustness.extraction",
    "robustness.poisoning_swallowed",
    "robustness.triggers",
    "privacy.attribute_inference",
    "privacy.membership",
    "privacy.structure",
    "llm.guard_recall",
    "fairness.calibration",
    "fairness.costs",
    "fairness.drift",
    "fairness.explanations",
    "fairness.groups",
    "fairness.intersections",
    "operations.reproducible",
    "operations.rollback_ready",
}
"""The checks of this release."""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def test_it_asks_for_every_check_of_the_release_and_no_other(catalog: Catalog) -> None:
    assert set(catalog.checks) == CHECKS
    assert len(catalog.requirements) >= 40


def test_each_requirement_can_be_shown_or_says_that_it_cannot(catalog: Catalog) -> None:
    for requirement in catalog.requirements:
        shown = bool(requirement.needs or requirement.approvals)
        assert shown + requirement.planned + requirement.owner_bounds == 1, requirement.id
        assert requirement.references, requirement.id
        assert requirement.stages, requirement.id
        assert len(requirement.statement) > 40, requirement.id


def test_what_binds_an_ml_model_can_be_decided_by_this_release(catalog: Catalog) -> None:
    for requirement in catalog.requirements:
        if not requirement.applies.kinds or Kind.ML_MODEL in requirement.applies.kinds:
            assert not requirement.planned, requirement.id


def test_no_stage_of_any_kind_of_system_is_free(catalog: Catalog) -> None:
    for kind in Kind:
        for stage in (Stage.VALIDATION, Stage.PRODUCTION):
            asked = [
                r
                for r in catalog.requirements
                if stage in r.stages and (not r.applies.kinds or kind in r.applies.kinds)
            ]
            assert len(asked) > 2, (kind, stage)


def test_four_eyes_one_before_validation_two_before_production(catalog: Catalog) -> None:
    assert catalog.requirement("SR-GO-01").approvals_for(Stage.VALIDATION) == 1
    assert catalog.requirement("SR-GO-02").approvals_for(Stage.PRODUCTION) == 2
    assert catalog.requirement("SR-GO-02").approvals_for(Stage.VALIDATION) == 0


def test_each_threshold_names_its_source_and_may_be_met(catalog: Catalog) -> None:
    for requirement in catalog.requirements:
        for need in requirement.needs:
            for threshold in need.thresholds:
                assert isinstance(threshold, Limit)
                assert threshold.source.strip()
                assert threshold.judge_all([]) is Outcome.UNKNOWN


def test_each_reference_is_cited_in_the_edition_of_its_framework(catalog: Catalog) -> None:
    cited = defaultdict(set)
    for requirement in catalog.requirements:
        for reference in requirement.references:
            framework = catalog.frameworks[reference.framework]
            assert reference.edition == framework.edition
            cited[framework.key].add(reference.id)
    for key, framework in catalog.frameworks.items():
        assert framework.cited == cited[key], f"run python {__file__} FOLDER"


def test_ids_that_moved_between_editions_are_cited_in_both(catalog: Catalog) -> None:
    for requirement in catalog.requirements:
        frameworks = {reference.framework for reference in requirement.references}
        if "owasp_llm_2026" in frameworks:
            assert "owasp_llm_2025" in frameworks, requirement.id


@pytest.mark.parametrize("key", sorted(load_catalog().frameworks))
def test_each_cited_id_exists_in_its_framework(key: str, catalog: Catalog) -> None:
    if not SHARED.exists():
        pytest.skip("needs ../shared/frameworks")
    assert catalog.frameworks[key].cited <= known(SHARED, key)


def test_sources_that_must_be_checked_first_say_so(catalog: Catalog) -> None:
    doubtful = {k for k, f in catalog.frameworks.items() if f.confidence != "primary"}
    assert doubtful == {
        "cbn_cyber_2024",
        "finma_08_2024",
        "mas_airg_2025_draft",
        "mas_trm_2021",
        "nigeria_ndpa_2023",
        "qcb_ai_2024",
    }


IDLE = "{metric: m, source: s, adjustable: true}"
REQUIREMENT = """
family: test
requirements:
  - {id: SR-XX-01, title: t, statement: s, stages: [production], %s}
"""
FRAMEWORKS = b"frameworks: {law: {title: t, edition: '1', confidence: primary, cited: ['1.1']}}"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("planned: false", "must have needs or approvals"),
        ("planned: true, approvals: {production: 1}", "exactly one of these"),
        ("planned: true, references: {other: ['1']}", "unknown framework other"),
        ("planned: true, references: {law: ['9.9']}", "law 9.9, which frameworks.yaml"),
        ("planned: true, colour: red", "colour"),
        ("needs: [{check: nonsense, max_age_days: 1}]", "not a check id"),
        (f"needs: [{{check: a.b@1, max_age_days: 1, thresholds: [{IDLE}]}}]", "bounds nothing"),
        ("planned: true, title: twice", "stands twice"),
    ],
)
def test_a_catalog_that_does_not_hold_together_is_refused(fields: str, reason: str) -> None:
    sources = {"frameworks.yaml": FRAMEWORKS, "x.yaml": (REQUIREMENT % fields).encode()}
    with pytest.raises(InputError) as caught:
        read_catalog(sources)
    assert reason in str(caught.value)


def test_ids_are_given_once_and_the_digest_covers_every_file() -> None:
    text = (REQUIREMENT % "planned: true").encode()
    sources = {"frameworks.yaml": FRAMEWORKS, "x.yaml": text}
    before = read_catalog(sources).digest
    with pytest.raises(InputError, match="defined twice: SR-XX-01"):
        read_catalog({**sources, "y.yaml": text})
    assert read_catalog({**sources, "x.yaml": text + b"# changed\n"}).digest != before
    with pytest.raises(InputError, match=r"no frameworks\.yaml"):
        read_catalog({"x.yaml": text})


def known(folder: Path, key: str) -> set[str]:
    """The ids of one framework: the first column of its TSV."""
    with (folder / f"{key}.tsv").open(encoding="utf-8", newline="") as file:
        return {row[0] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)} - {"id"}


def rewrite_citations(folder: Path) -> None:
    """Bring the `cited` lists of frameworks.yaml up to what the requirements cite."""
    cited: dict[str, set[str]] = defaultdict(set)
    for path in CATALOG.glob("*.yaml"):
        for key, ids in re.findall(r"^      ([\w.]+): \[(.*)\]$", path.read_text(), re.M):
            if (folder / f"{key}.tsv").exists():
                cited[key] |= {name.strip().strip('"') for name in ids.split(",")}
    for key, names in cited.items():
        if missing := names - known(folder, key):
            sys.exit(f"{key} has no {sorted(missing)}")
    key, lines = "", []
    for line in (CATALOG / "frameworks.yaml").read_text().splitlines():
        if match := re.fullmatch(r"  ([\w.]+):", line):
            key = match[1]
        quoted = ", ".join(f'"{name}"' for name in sorted(cited[key]))
        lines.append(f"    cited: [{quoted}]" if line.startswith("    cited:") else line)
    (CATALOG / "frameworks.yaml").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    rewrite_citations(Path(sys.argv[1]))
