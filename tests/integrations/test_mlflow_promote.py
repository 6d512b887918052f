"""What `strongroom mlflow` does with a version, without MLflow: its registry is a table here."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.domain.decision import DECISION_TYPE, Decision, Stage
from strongroom.domain.errors import DeniedError, InputError
from strongroom.governance.catalog import load_catalog
from strongroom.governance.loader import Loaded, load_manifest
from strongroom.home.home import Home
from strongroom.integrations.artifacts import Artifacts
from strongroom.integrations.mlflow_promote import Steps, check_out, promote
from strongroom.integrations.standing import require_standing
from strongroom.registry.deciding import Decided, put_before_gate
from strongroom.registry.registry import Registry
from strongroom.report.bills import BILL_TYPES, signed_bill
from strongroom.testing.releases import decide, make_release

ROOT = "mlflow/models/m-1/artifacts"


class Table:
    """A model registry in memory."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.aliases: dict[str, str] = {}

    def get_model_version_download_uri(self, name: str, version: str) -> str:
        return self.source

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        self.aliases[alias] = version


@pytest.fixture
def table(home: Home, tmp_path: Path) -> Table:
    (tmp_path / "model.lgb").write_bytes(b"tree\n")
    Artifacts(home, ROOT).add({"MLmodel": tmp_path / "model.lgb", "data/m": tmp_path / "model.lgb"})
    return Table(f"sealed://{home.folder}/{ROOT}")


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    """The system `fraud` with no model in its place yet."""
    made = make_release(tmp_path / "system")
    for file in (made.folder / "model").iterdir():
        file.unlink()
    (made.folder / "model").rmdir()
    return load_manifest(made.folder / "strongroom.yaml")


def test_a_version_is_opened_to_look_at_it(home: Home, table: Table, loaded: Loaded) -> None:
    target = check_out(home, loaded, table.source)
    assert (target / "data" / "m").read_bytes() == b"tree\n"
    assert target.stat().st_mode & 0o777 == 0o700
    assert check_out(home, loaded, table.source) == target, "the same files may be there already"
    (target / "MLmodel").write_text("x")
    with pytest.raises(InputError, match="the model's place is taken"):
        check_out(home, loaded, table.source)


def test_what_the_gate_denies_moves_nothing_and_leaves_no_plaintext(
    home: Home, table: Table, loaded: Loaded
) -> None:
    catalog, seen = load_catalog(), []
    steps = Steps(
        assess=lambda system: seen.append((system.folder / "model" / "MLmodel").is_file()),
        decide=lambda system, to: put_before_gate(home, system, to, catalog, home.clock()),
    )
    with pytest.raises(DeniedError, match=r"the gate denied it: SR-.*no evidence"):
        promote(table, home, loaded, "1", Stage.DEVELOPMENT, steps)
    assert seen == [True], "the checks saw the model"
    assert not (loaded.folder / "model").exists()
    assert table.aliases == {}
    assert Registry(home).current("fraud", Stage.DEVELOPMENT) is None
    tree = Artifacts(home, ROOT).now().tree()
    with pytest.raises(DeniedError, match="the gate denied it: SR-"):
        require_standing(home, "fraud", Stage.DEVELOPMENT, tree)
    with pytest.raises(DeniedError, match="the gate has not decided about these digests"):
        require_standing(home, "fraud", Stage.PRODUCTION, tree)


def test_what_the_gate_allows_stands_there_and_the_alias_follows(
    home: Home, table: Table, loaded: Loaded
) -> None:
    def allowed(system: Loaded, to: Stage) -> Decided:
        record = decide(home, system, to)
        return Decided(Decision.from_statement(record.statement), record.digest, ())

    steps = Steps(assess=lambda _: None, decide=allowed)
    for stage in Stage:
        assert promote(table, home, loaded, "1", stage, steps).stage is stage
    assert table.aliases == {"challenger": "1", "champion": "1"}
    about = frozenset(next(iter(home.records(DECISION_TYPE))).statement.subjects)
    assert all(signed_bill(home, "fraud", about, kind) for kind in BILL_TYPES)
    assert not (loaded.folder / "model").exists()
    require_standing(home, "fraud", Stage.PRODUCTION, Artifacts(home, ROOT).now().tree())
    with pytest.raises(DeniedError, match="does not change"):
        Artifacts(home, ROOT).remove("data")


def test_artifacts_of_another_home_are_not_taken(
    tmp_path: Path, table: Table, loaded: Loaded
) -> None:
    with (
        Home.open(tmp_path / "other", create=True) as other,
        pytest.raises(InputError, match="sealed in another home"),
    ):
        check_out(other, loaded, table.source)
