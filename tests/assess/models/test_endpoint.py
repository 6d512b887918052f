"""A model behind HTTP: scored in batches, and every way to misbehave is a clear error."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import catboost
import numpy as np
import pytest

from strongroom.assess.models import open_scorer
from strongroom.domain.errors import InputError, LimitError
from strongroom.domain.outcome import Outcome
from strongroom.testing.cases import ask

ROWS = np.random.default_rng(0).random((25, 3))


def good(rows):
    return [min(1.0, abs(row[0] or 0.0)) for row in rows]


class Model(ThreadingHTTPServer):
    """Answers as `behave` says; remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.daemon_threads = True
        self.behave = lambda server, rows: {"predictions": good(rows)}
        self.asked: list[list] = []
        self.headers: list[dict] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/invocations"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["inputs"]
        self.server.asked.append(rows)
        self.server.headers.append(dict(self.headers))
        said = self.server.behave(self.server, rows)
        if said == "drop":
            self.connection.close()
            return
        status, body = said if isinstance(said, tuple) else (200, said)
        self.send_response(status)
        self.end_headers()
        if body == "drip":
            for _ in range(20):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.05)
            return
        self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

    def log_message(self, *_args) -> None:
        """Silence."""


@pytest.fixture(scope="module")
def running() -> Iterator[Model]:
    server = Model()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(running):
    running.behave = lambda server, rows: {"predictions": good(rows)}
    running.asked.clear()
    running.headers.clear()
    return running


def opened(server, folder, *, allowed=None, **how):
    path = folder / "model.json"
    fast = {"requests_per_second": 1000, "timeout_seconds": 5, "retries": 1}
    path.write_text(
        json.dumps({"strongroom_endpoint": 1, "url": server.url} | fast | how), encoding="utf-8"
    )
    return open_scorer(path, n_features=3, endpoint=allowed or server.url)


def test_rows_go_in_batches_and_scores_come_back_in_order(server, tmp_path):
    scorer = opened(server, tmp_path, batch_rows=10)
    assert scorer.score(ROWS) == pytest.approx(ROWS[:, 0])
    assert [len(rows) for rows in server.asked] == [11, 11, 6]


def test_a_missing_value_is_null(server, tmp_path):
    opened(server, tmp_path).score(np.array([[0.5, np.nan, 1.0]]))
    assert server.asked[0][0] == [0.5, None, 1.0]


def test_rows_go_nowhere_that_the_manifest_does_not_name(server, tmp_path):
    with pytest.raises(InputError, match="does not allow"):
        opened(server, tmp_path, allowed="https://elsewhere.example/")
    assert not server.asked


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"url": "http://models.example/x"}, "unencrypted"),
        ({"url": "ftp://models.example/x"}, "neither an https"),
        ({"url": "https://user:word@models.example/x"}, "connection string"),
        ({"token_env": "AWS_SECRET_ACCESS_KEY"}, "token_env"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_descriptions_that_would_leak_are_refused(server, tmp_path, how, said):
    with pytest.raises(InputError, match=said):
        opened(server, tmp_path, allowed=how.get("url"), **how)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"predictions": [0.5]}, "shape"),
        ({"predictions": "many"}, "no list of numbers"),
        ({"scores": [0.5]}, "no list of numbers"),
        ([1, 2], "no list of numbers"),
        (b"<html>", "no list of numbers"),
        (b'{"predictions": ' + b"[" * 5000, "no list of numbers"),
        ((404, {}), "HTTP status 404"),
        ((302, {}), "HTTP status 302"),
        ((503, {}), "503, after 1 retries"),
        ("drop", "after 1 retries"),
    ],
    ids=str,
)
def test_odd_answers_are_told_and_never_taken_for_scores(server, tmp_path, answer, said):
    server.behave = lambda _server, _rows: answer
    with pytest.raises(InputError, match=said):
        opened(server, tmp_path).score(ROWS)


def test_not_a_number_and_not_a_probability_are_refused(server, tmp_path):
    server.behave = lambda _s, rows: json.dumps(
        {"predictions": [float("nan")] * len(rows)}
    ).encode()
    with pytest.raises(InputError, match="not a number"):
        opened(server, tmp_path).score(ROWS)
    server.behave = lambda _s, rows: {"predictions": [7.0] * len(rows)}
    with pytest.raises(InputError, match="not a probability"):
        opened(server, tmp_path).score(ROWS)


def test_an_endless_answer_is_cut(server, tmp_path):
    server.behave = lambda _s, _rows: b" " * 1_000_000
    with pytest.raises(LimitError, match="more than"):
        opened(server, tmp_path).score(ROWS)


def test_an_answer_that_drips_does_not_hold_us_for_ever(server, tmp_path):
    server.behave = lambda _s, _rows: (200, "drip")
    with pytest.raises(InputError, match=r"no whole answer in 0\.2 s, after 0 retries"):
        opened(server, tmp_path, timeout_seconds=0.2, retries=0).score(ROWS)


def test_a_short_outage_is_survived(server, tmp_path):
    server.behave = lambda s, rows: "drop" if len(s.asked) == 1 else {"predictions": good(rows)}
    assert opened(server, tmp_path).score(ROWS) == pytest.approx(ROWS[:, 0])


def test_a_model_that_answers_at_random_or_was_changed_is_found_out(server, tmp_path):
    noise = np.random.default_rng(1)
    server.behave = lambda _s, rows: {"predictions": noise.random(len(rows)).tolist()}
    with pytest.raises(InputError, match="random, or changed"):
        opened(server, tmp_path).score(ROWS)
    scorer = opened(server, tmp_path)
    server.behave = lambda _s, rows: {"predictions": good(rows)}
    scorer.score(ROWS)
    server.behave = lambda _s, rows: {"predictions": [x / 2 for x in good(rows)]}
    with pytest.raises(InputError, match="random, or changed"):
        scorer.score(ROWS)


def test_a_token_comes_from_the_environment(server, tmp_path, monkeypatch):
    how = {"token_env": "STRONGROOM_ENDPOINT_TOKEN"}
    with pytest.raises(InputError, match="is not set"):
        opened(server, tmp_path, **how).score(ROWS)
    monkeypatch.setenv("STRONGROOM_ENDPOINT_TOKEN", "word")
    opened(server, tmp_path, **how).score(ROWS)
    assert server.headers[-1]["Authorization"] == "Bearer word"


def test_a_check_runs_on_an_endpoint_named_in_the_manifest(server, workshop):
    manifest = workshop.manifest
    manifest["model"] |= {"path": "endpoint.json", "endpoint": server.url}
    text = json.dumps({"strongroom_endpoint": 1, "url": server.url})
    (workshop.folder / "endpoint.json").write_text(text, encoding="utf-8")
    workshop.write(manifest)
    server.behave = lambda _s, rows: {"predictions": [min(1.0, row[0] / 400) for row in rows]}
    few = {"max_rows": 10, "methods": ["greedy", "label_only"], "queries_per_row": 100}
    heard = ask(workshop, "robustness.evasion_attacks", few)
    assert heard.outcome is Outcome.PASS
    assert heard.metrics["success[payer,greedy]"].n == 10


def test_a_catboost_file_scores_as_its_own_library_does(tmp_path):
    labels = (ROWS[:, 0] > 0.5).astype(int)
    model = catboost.CatBoostClassifier(
        iterations=5, verbose=0, allow_writing_files=False, thread_count=1
    ).fit(ROWS, labels)
    path = tmp_path / "model.bin"
    model.save_model(str(path))
    scorer = open_scorer(path, n_features=3)
    assert scorer.family == "catboost"
    assert scorer.score(ROWS) == pytest.approx(model.predict_proba(ROWS)[:, 1])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="not a CatBoost model"):
        open_scorer(path, n_features=3)
    with pytest.raises(InputError):
        open_scorer(path, n_features=2)
