"""Ordinary model files, as their libraries write them."""

import inspect
import io
import pickle as real
import struct
import warnings
import zipfile
from collections.abc import Iterator

import joblib
import lightgbm
import numpy as np
import scipy.sparse
import scipy.stats
import skops.io
import xgboost
from skl2onnx import to_onnx
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold
from sklearn.neighbors import BallTree, KDTree
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils import all_estimators
from tests.assess.scanner.specimens.containers import torch_zip

ROWS = 60
_RNG = np.random.default_rng(0)
X = np.abs(_RNG.normal(size=(ROWS, 4)))
Y = (X[:, 0] + X[:, 1] > 1.5).astype(int)
WORDS = ["fraud paid twice", "paid once"] * (ROWS // 2)
_SMALL = {"n_estimators": 3, "max_iter": 20, "random_state": 0, "n_init": 1, "max_samples": 20}
_COMPOSED = {
    "estimator": LogisticRegression(),
    "base_estimator": LogisticRegression(),
    "steps": [("scale", StandardScaler()), ("model", LogisticRegression())],
    "transformer_list": [("scale", StandardScaler())],
    "transformers": [("scale", StandardScaler(), [0, 1])],
    "param_grid": {"C": [0.1, 1.0]},
    "param_distributions": {"C": [0.1, 1.0, 10.0]},
    "dictionary": np.eye(4),
}


def estimators() -> Iterator[tuple[str, object]]:
    """Every public estimator of scikit-learn, fitted where plain data fits it."""
    for name, kind in all_estimators():
        yield name, fitted(name, kind)


def fitted(name, kind):
    """One estimator, made with whatever it cannot do without, and fitted if that works."""
    parameters = inspect.signature(kind).parameters
    given = {k: v for k, v in _SMALL.items() if k in parameters and name != "RandomizedSearchCV"}
    given |= {k: v for k, v in _COMPOSED.items() if k in parameters and _wanted(parameters[k])}
    if "estimators" in parameters:
        voter = Ridge() if "Regressor" in name else LogisticRegression()
        given["estimators"] = [("a", voter)]
    if name == "RandomizedSearchCV":
        given["n_iter"] = 2
    estimator = kind(**given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for data in ((X, Y), (X, X[:, :2]), (X[:, :1], Y), (X,), (WORDS,), (Y,)):
            try:
                return estimator.fit(*data)
            except (ValueError, TypeError, AttributeError, KeyError, IndexError):
                continue
    return estimator


def _wanted(parameter):
    return parameter.default is inspect.Parameter.empty


def compositions() -> Iterator[tuple[str, object]]:
    """Models as people put them together."""
    table = ColumnTransformer([("n", StandardScaler(), [0, 1]), ("c", OneHotEncoder(), [2])])
    coarse = np.column_stack([X[:, :2], np.round(X[:, 2])])
    yield "columns", Pipeline([("t", table), ("m", LogisticRegression())]).fit(coarse, Y)
    yield "ufunc", make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()).fit(X, Y)
    search = GridSearchCV(
        LogisticRegression(), {"C": [0.1, 1]}, scoring=make_scorer(f1_score), cv=StratifiedKFold(3)
    )
    yield "search", search.fit(X, Y)
    ranges = {"C": scipy.stats.loguniform(0.1, 10), "max_iter": scipy.stats.randint(50, 90)}
    yield "random", RandomizedSearchCV(LogisticRegression(), ranges, n_iter=2, cv=2).fit(X, Y)
    yield "kernel", GaussianProcessClassifier(RBF() + WhiteKernel(1.0, "fixed")).fit(X, Y)
    yield "trees", [KDTree(X), BallTree(X)]
    yield "sparse", scipy.sparse.csr_matrix(X)
    yield "lightgbm", lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(X, Y)
    yield "xgboost", xgboost.XGBClassifier(n_estimators=3).fit(X, Y)
    yield "dictionary", {"model": LogisticRegression().fit(X, Y), "columns": ["a", "b"], "at": 0.5}


def saved(model) -> Iterator[tuple[str, bytes]]:
    """One model in the ways in which people save it."""
    for protocol in (2, 5):
        yield f"pickle{protocol}", real.dumps(model, protocol)
    for compress in (0, ("zlib", 1)):
        buffer = io.BytesIO()
        joblib.dump(model, buffer, compress=compress)
        yield f"joblib-{compress}", buffer.getvalue()


def other_files(folder) -> Iterator[tuple[str, bytes]]:
    """Formats that hold no code."""
    forest = RandomForestClassifier(4, random_state=0).fit(X, Y)
    yield "model.skops", skops.io.dumps(forest)
    yield (
        "pipeline.skops",
        skops.io.dumps(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)),
    )
    yield "model.onnx", to_onnx(forest, X[:1].astype(np.float32)).SerializeToString()
    booster = lightgbm.train({"verbose": -1}, lightgbm.Dataset(X, Y), 3)
    yield "lightgbm.txt", booster.model_to_string().encode()
    gradient = xgboost.train({}, xgboost.DMatrix(X, Y), 3)
    for ending in ("json", "ubj"):
        yield f"xgboost.{ending}", bytes(gradient.save_raw(ending))
    for name, save in (("a.npz", np.savez), ("c.npz", np.savez_compressed)):
        buffer = io.BytesIO()
        save(buffer, a=X, b=np.array(["x", None], dtype=object))
        yield name, buffer.getvalue()
    yield "README.md", b"# Model\n\ncos and sin\nare used (see below).\n"
    yield "data.csv", b"amount,fraud\n1.5,0\n"
    yield "empty", b""
    yield "hydra.yaml", b"model:\n  _target_: acme.models.Encoder\n  size: 3\n"
    yield "config.json", b'{"model_type": "bert", "hidden_size": 32}'
    yield "MLmodel", b"flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n"
    template = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] }}{% endfor %}"
    yield "tokenizer_config.json", f'{{"chat_template": "{template}"}}'.encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.txt", booster.model_to_string())
    yield "model.zip", buffer.getvalue()
    yield "state_dict.pt", wide(torch_zip(real.dumps({"layer": [0.5]}, 2)))


def wide(archive):
    """The archive with the wide end records that PyTorch always writes."""
    end = archive.rindex(b"PK\x05\x06")
    _, _, _, _, count, size, start, _ = struct.unpack("<4s4H2LH", archive[end : end + 22])
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    return archive[:end] + record + locator + archive[end:]
