"""The commands of a party that need no other party, and the privacy ledger of a bank."""

from __future__ import annotations

import os

import numpy as np
import pytest
from typer.testing import CliRunner

from strongroom.assess.dp.ledger import Budget
from strongroom.cli.federate import app
from strongroom.domain.errors import DeniedError, InputError, KeyAccessError
from strongroom.federated import certificates, parties
from strongroom.federated.spending import Spender
from strongroom.federated.tables import read_rows
from strongroom.federated.training import training
from strongroom.federated.worker import Rows, Worker
from strongroom.home.home import Home
from strongroom.payments.federation_demo import toml_of
from strongroom.testing.federations import plan_document, plan_for


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_authority_enrol_and_admit_make_what_tls_takes(tmp_path):
    run("authority", tmp_path / "authority")
    key = run("enrol", tmp_path / "ash").strip()
    run("admit", tmp_path / "authority", "ash", key, "--into", tmp_path / "ash")
    party = parties.open_party(tmp_path / "ash", None)
    assert party.key.public.raw.hex() == key
    assert certificates.tls(party.folder, party.secret, server=True)
    assert (tmp_path / "ash/key.pem").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("key", ["x", "00", "zz" * 32])
def test_a_key_that_is_none_is_not_admitted(tmp_path, key):
    run("authority", tmp_path)
    with pytest.raises(InputError):
        run("admit", tmp_path, "ash", key)


def test_a_second_key_does_not_replace_the_first(tmp_path):
    run("enrol", tmp_path)
    with pytest.raises(KeyAccessError, match="there already"):
        run("enrol", tmp_path)


def test_without_certificates_there_is_no_tls(tmp_path):
    run("enrol", tmp_path)
    party = parties.open_party(tmp_path, None)
    with pytest.raises(KeyAccessError, match="cannot be used"):
        certificates.tls(tmp_path, party.secret, server=False)


def test_plan_prints_the_digest_that_parties_compare(tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text(toml_of(plan_document({"kind": "net"})))
    assert run("plan", file).strip() == str(plan_for({"kind": "net"}).digest)
    assert '"threshold":3' in run("plan", file, "--format", "json")


def test_rows_are_read_by_the_plans_columns(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("fraud,c,extra,b,a\n1,3,x,2,1\n0,6,y,,4\n")
    rows = read_rows(file, plan_for({"kind": "net"}))
    assert rows.y.tolist() == [1, 0]
    assert np.array_equal(rows.x, [[1, 2, 3], [4, np.nan, 6]], equal_nan=True)


@pytest.mark.parametrize("text", ["a,b,c\n1,2,3\n", "a,b,c,fraud\nx,2,3,1\n", "a,b,c,fraud\n", ""])
def test_rows_that_cannot_be_trained_on_are_refused(tmp_path, text):
    file = tmp_path / "rows.csv"
    file.write_text(text)
    with pytest.raises(InputError):
        read_rows(file, plan_for({"kind": "net"}))


def test_each_use_is_in_the_banks_ledger_and_none_is_past_its_budget(tmp_path):
    pytest.importorskip("dp_accounting", reason="needs the private extra")
    privacy = {"noise_multiplier": 2.0, "sampling": 0.1}
    plan = plan_for({"kind": "net"}, privacy=privacy)
    data = tmp_path / "rows"
    data.write_bytes(b"rows")
    rows = Rows(np.zeros((4, 3)), np.array([0.0, 1, 0, 1]))
    task = training(plan).send(None)
    with Home.open(tmp_path / "home", create=True) as home:
        with pytest.raises(DeniedError, match="no privacy budget"):
            Spender(home, "cards", data, None)
        enough = Spender(home, "cards", data, Budget(4.0, 1e-6))
        before = home.ledger.size
        assert len(Worker(plan, "ash", rows, os.urandom, enough).answer(task)) == task.length
        assert home.ledger.size == before + 1
        little = Spender(home, "cards", data, Budget(3.0, 1e-6))
        with pytest.raises(DeniedError, match="epsilon would be"):
            Worker(plan, "ash", rows, os.urandom, little).answer(task)
