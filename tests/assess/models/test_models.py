"""Model files of every kind score as their own library scores; hostile ones are never opened."""

import functools
import io
import os
import pickle
import zipfile
from pathlib import Path

import joblib
import lightgbm
import numpy as np
import pytest
import skops.io
import xgboost
from skl2onnx import to_onnx
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from strongroom.assess.models import open_scorer
from strongroom.assess.retrain import make, recipe_of
from strongroom.assess.unpickle import restricted_load
from strongroom.domain.errors import InputError, LimitError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 4))
Y = (X[:, 0] + RNG.normal(size=600) > 0).astype(int)


@functools.cache
def lgbm():
    return lightgbm.LGBMClassifier(n_estimators=5, num_leaves=7, verbose=-1).fit(X, Y)


@functools.cache
def xgb():
    return xgboost.XGBClassifier(n_estimators=4, max_depth=3).fit(X, Y)


ESTIMATORS = {
    "logistic": lambda: LogisticRegression().fit(X, Y),
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y),
    "forest": lambda: RandomForestClassifier(5, random_state=0).fit(X, Y),
    "histogram": lambda: HistGradientBoostingClassifier(max_iter=5).fit(X, Y),
    "calibrated": lambda: CalibratedClassifierCV(LogisticRegression(), cv=3).fit(X, Y),
    "lightgbm": lgbm,
    "xgboost": xgb,
}


@functools.cache
def estimator(name):
    return ESTIMATORS[name]()


WRITERS = {
    "skops": skops.io.dump,
    "joblib": joblib.dump,
    "zlib": lambda model, path: joblib.dump(model, path, compress=("zlib", 3)),
    "gzip": lambda model, path: joblib.dump(model, path, compress=("gzip", 3)),
    "bz2": lambda model, path: joblib.dump(model, path, compress=("bz2", 3)),
    "xz": lambda model, path: joblib.dump(model, path, compress=("xz", 3)),
    "pickle2": lambda model, path: path.write_bytes(pickle.dumps(model, 2)),
    "pickle5": lambda model, path: path.write_bytes(pickle.dumps(model, 5)),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_in_every_container_score_as_they_did(tmp_path, name, writer):
    model, path = estimator(name), tmp_path / "model.bin"
    WRITERS[writer](model, path)
    scorer = open_scorer(path, n_features=4)
    assert scorer.score(X) == pytest.approx(model.predict_proba(X)[:, 1])


def saved_lightgbm(path: Path) -> np.ndarray:
    model = lgbm()
    model.booster_.save_model(path)
    return model.predict_proba(X)[:, 1]


def saved_xgboost(path: Path) -> np.ndarray:
    model = xgb()
    model.save_model(path)
    return model.predict_proba(X)[:, 1]


def saved_onnx(path: Path, *, zipmap: bool) -> np.ndarray:
    model = LogisticRegression().fit(X, Y)
    graph = to_onnx(model, X[:1].astype(np.float32), options={"zipmap": zipmap})
    path.write_bytes(graph.SerializeToString())
    return model.predict_proba(X)[:, 1]


@pytest.mark.parametrize(
    ("name", "save", "family"),
    [
        ("model.txt", saved_lightgbm, "lightgbm"),
        ("model.json", saved_xgboost, "xgboost"),
        ("model.ubj", saved_xgboost, "xgboost"),
        ("maps.onnx", lambda p: saved_onnx(p, zipmap=True), "onnx"),
        ("plain.onnx", lambda p: saved_onnx(p, zipmap=False), "onnx"),
    ],
)
def test_formats_of_data_score_as_their_library_does(tmp_path, name, save, family):
    expected = save(tmp_path / name)
    scorer = open_scorer(tmp_path / name, n_features=4)
    assert scorer.family == family
    assert scorer.score(X) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_model_made_again_from_its_recipe_ranks_alike(tmp_path, name):
    WRITERS["joblib"](estimator(name), tmp_path / "m")
    scorer = open_scorer(tmp_path / "m", n_features=4)
    again = make(recipe_of(scorer), X, Y, seed=1)
    assert again.family == scorer.family
    assert np.corrcoef(again.score(X), scorer.score(X))[0, 1] > 0.85


def test_a_recipe_takes_from_a_file_no_names_of_files_or_machines(tmp_path):
    """A LightGBM file may carry any parameter, and LightGBM would heed it."""
    saved_lightgbm(tmp_path / "m")
    text = (tmp_path / "m").read_text()
    hostile = "[machines: 192.0.2.1:9]\n[num_machines: 2]\n[forcedsplits_filename: /etc/passwd]\n"
    (tmp_path / "m").write_text(text.replace("\nparameters:\n", f"\nparameters:\n{hostile}"))
    recipe = recipe_of(open_scorer(tmp_path / "m", n_features=4))
    assert not {"machines", "num_machines", "forcedsplits_filename"} & set(recipe.params)
    assert recipe.params["num_leaves"] == 7


def test_onnx_is_made_again_by_a_stated_stand_in(tmp_path):
    saved_onnx(tmp_path / "m.onnx", zipmap=False)
    recipe = recipe_of(open_scorer(tmp_path / "m.onnx", n_features=4))
    assert recipe.family == "lightgbm"
    assert "stand in" in recipe.note


def test_a_folder_with_one_model_is_that_model(tmp_path):
    (tmp_path / "m").mkdir()
    expected = saved_lightgbm(tmp_path / "m" / "model.txt")
    (tmp_path / "m" / "readme.md").write_text("a model")
    assert open_scorer(tmp_path / "m", n_features=4).score(X) == pytest.approx(expected)
    saved_lightgbm(tmp_path / "m" / "other.txt")
    with pytest.raises(InputError, match="2 model files"):
        open_scorer(tmp_path / "m", n_features=4)


def test_a_model_of_other_width_is_refused(tmp_path):
    saved_lightgbm(tmp_path / "m")
    with pytest.raises(InputError, match="reads 4 features, the manifest declares 5"):
        open_scorer(tmp_path / "m", n_features=5)


def test_a_model_that_gives_no_probability_is_refused(tmp_path):
    data = lightgbm.Dataset(X, label=X[:, 0] * 10)
    params = {"objective": "regression", "verbosity": -1}
    lightgbm.train(params, data, 5).save_model(tmp_path / "m")
    with pytest.raises(InputError, match="not a probability"):
        open_scorer(tmp_path / "m", n_features=4).score(X)


def test_a_model_of_other_classes_is_refused(tmp_path):
    joblib.dump(LogisticRegression().fit(X, Y + 1), tmp_path / "m")
    with pytest.raises(InputError, match="not 0 and 1"):
        open_scorer(tmp_path / "m", n_features=4)


def test_an_unfitted_model_is_refused(tmp_path):
    joblib.dump(LogisticRegression(), tmp_path / "m")
    with pytest.raises(InputError, match="not a fitted classifier"):
        open_scorer(tmp_path / "m", n_features=4)


def test_rows_of_the_wrong_shape_are_refused_and_no_rows_give_no_scores(tmp_path):
    saved_lightgbm(tmp_path / "m")
    scorer = open_scorer(tmp_path / "m", n_features=4)
    assert scorer.score(X[:0]).shape == (0,)
    with pytest.raises(InputError, match="shape"):
        scorer.score(X[0])


# --- hostile files


class Touch:
    """Pickles to a call that leaves a trace."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (os.system, (f"touch {self.path}",))


@pytest.mark.parametrize("writer", [w for w in WRITERS if w != "skops"])
def test_a_pickle_with_code_is_not_opened_and_its_code_does_not_run(tmp_path, writer):
    trace = tmp_path / "trace"
    WRITERS[writer]([LogisticRegression().fit(X, Y), Touch(trace)], tmp_path / "m")
    with pytest.raises(InputError, match=r"scanner says|not a model"):
        open_scorer(tmp_path / "m", n_features=4)
    assert not trace.exists()


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(b"cos\nsystem\n(S'true'\ntR.", id="protocol 0"),
        pytest.param(b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", id="protocol 4"),
        pytest.param(b"\x80\x04\x8c\x05numpy\x8c\x09f2py.os.system"[:-8] + b"\x93.", id="dotted"),
        pytest.param(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.", id="eval"),
        pytest.param(b"\x80\x04\x8c\x08operator\x8c\x0aattrgetter\x93.", id="attrgetter"),
        pytest.param(b"\x80\x02}(X\x01\x00\x00\x00aK\x01u", id="no stop"),
        pytest.param(b"", id="empty"),
    ],
)
def test_the_unpickler_itself_refuses_what_is_not_listed(hostile):
    """Also without the scanner before it."""
    with pytest.raises(InputError):
        restricted_load(hostile, where="m")


def test_a_class_cannot_be_changed_by_a_pickle():
    # GLOBAL LogisticRegression, then BUILD with slot state {'predict_proba': 1} on the class
    stream = (
        b"\x80\x02csklearn.linear_model._logistic\nLogisticRegression\n"
        b"N}X\x0d\x00\x00\x00predict_probaK\x01s\x86b."
    )
    with pytest.raises(InputError, match="changes a class"):
        restricted_load(stream, where="m")
    assert callable(LogisticRegression.predict_proba)


def test_a_compressed_bomb_is_refused_before_it_fills_memory(tmp_path):
    joblib.dump(np.zeros(20_000_000), tmp_path / "m", compress=("zlib", 1))
    with pytest.raises(InputError):
        open_scorer(tmp_path / "m", n_features=4)


def test_a_zip_bomb_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "m", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", "{}")
        with archive.open("0.npy", "w", force_zip64=True) as member:
            for _ in range(64):
                member.write(bytes(1 << 20))
    with pytest.raises((InputError, LimitError)):
        open_scorer(tmp_path / "m", n_features=4)


def test_a_skops_file_that_names_a_function_is_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            "schema.json",
            '{"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", '
            '"__id__": 1, "content": {"module_path": "os", "function": "system"}, '
            '"protocol": 2, "_skops_version": "0.16.0"}',
        )
    (tmp_path / "m").write_bytes(buffer.getvalue())
    with pytest.raises(InputError):
        open_scorer(tmp_path / "m", n_features=4)


@pytest.mark.parametrize("keep", [1, 10, 200, 0.5, 0.9])
@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("m.txt", saved_lightgbm),
        ("m.ubj", saved_xgboost),
        ("m.onnx", lambda p: saved_onnx(p, zipmap=False)),
        ("m.skops", lambda p: skops.io.dump(lgbm(), p)),
        ("m.joblib", lambda p: joblib.dump(lgbm(), p)),
    ],
)
def test_a_truncated_model_is_refused(tmp_path, name, save, keep):
    path = tmp_path / name
    save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if keep >= 1 else int(len(whole) * keep)])
    with pytest.raises(InputError):
        open_scorer(path, n_features=4)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda t: t.replace("Tree=1\n", "Tree=1\n\n"), id="a line too many"),
        pytest.param(lambda t: t.replace("leaf_value=", "leaf_value=1", 1), id="a digit too many"),
        pytest.param(lambda t: t.replace("tree_sizes=", "tree_sizes=9"), id="another size"),
        pytest.param(
            lambda t: t.replace("tree_sizes=", "tree_sizes=" + "9" * 5000), id="a long one"
        ),
        pytest.param(lambda t: t[: t.index("end of parameters")], id="no end of parameters"),
    ],
)
def test_a_lightgbm_file_that_would_kill_the_process_is_refused(tmp_path, damage):
    saved_lightgbm(tmp_path / "m")
    (tmp_path / "m").write_text(damage((tmp_path / "m").read_text()))
    with pytest.raises(InputError, match="damaged"):
        open_scorer(tmp_path / "m", n_features=4)


@pytest.mark.parametrize(
    "junk", [b"", b"\0" * 100, b"{}", b'{"learner": 1}', b"PK\x03\x04", b"\x08\x07\x12", b"<html>"]
)
def test_what_is_no_model_is_refused(tmp_path, junk):
    (tmp_path / "m").write_bytes(junk)
    with pytest.raises(InputError):
        open_scorer(tmp_path / "m", n_features=4)


def test_a_missing_or_unreadable_model_is_refused(tmp_path):
    with pytest.raises(InputError):
        open_scorer(tmp_path / "none", n_features=4)
