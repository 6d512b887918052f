"""PyTorch nets as safetensors: they score as PyTorch does, and bring no code."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

torch = pytest.importorskip("torch", reason="needs `make torch`")

from strongroom.assess.families.torch import save_net  # noqa: E402
from strongroom.assess.models import open_scorer  # noqa: E402
from strongroom.assess.nets.description import KEY, read_description  # noqa: E402
from strongroom.assess.nets.training import Schooling, train  # noqa: E402
from strongroom.assess.nets.weights import read_weights, write_weights  # noqa: E402
from strongroom.assess.retrain import make, recipe_of  # noqa: E402
from strongroom.assess.scanner import Rating, scan_bytes  # noqa: E402
from strongroom.domain.errors import InputError  # noqa: E402

RNG = np.random.default_rng(0)
X = np.column_stack([RNG.normal(size=(600, 3)), RNG.integers(0, 5, 600)])
Y = (X[:, 0] + X[:, 3] + RNG.normal(size=600) > 2).astype(np.int8)
NET = """\
strongroom_net: 1
features: 4
embeddings:
  - {column: 3, levels: 5, width: 3}
layers:
  - {linear: 16}
  - {norm: batch}
  - {activation: relu}
  - {dropout: 0.1}
  - {norm: layer}
  - {linear: 1}
"""


@pytest.fixture(scope="module")
def net():
    return train(read_description(NET.encode(), "net"), X, Y, 1, Schooling(epochs=5, batch=64))


@pytest.fixture(scope="module")
def saved(net):
    return save_net(net, NET)


def opened(folder, data):
    (folder / "model.safetensors").write_bytes(data)
    return open_scorer(folder / "model.safetensors", n_features=4)


def changed(saved, *, metadata=None, **tensors):
    weights = read_weights(saved, "saved")
    return write_weights({**weights.tensors, **tensors}, metadata or weights.metadata)


def test_a_net_that_was_saved_scores_as_pytorch_does(tmp_path, net, saved):
    scorer = opened(tmp_path, saved)
    with torch.no_grad():
        told = torch.sigmoid(net(torch.tensor(X, dtype=torch.float32))).numpy()
    assert scorer.family == "torch"
    assert scorer.score(X) == pytest.approx(told, abs=1e-6)
    assert roc_auc_score(Y, scorer.score(X)) > 0.8


def test_the_safetensors_library_reads_and_writes_the_same_format(net, saved):
    library = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    state = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    ours = library.load(saved)
    assert ours.keys() == state.keys()
    assert all(torch.equal(ours[name], tensor) for name, tensor in state.items())
    theirs = read_weights(library.save(net.state_dict(), {KEY: NET}), "theirs")
    assert theirs.metadata == {KEY: NET}
    assert set(theirs.tensors) == set(net.state_dict())


def test_a_missing_number_is_read_as_the_mean(tmp_path, net, saved):
    missing, filled = X[:20].copy(), X[:20].copy()
    missing[:, 1], filled[:, 1] = np.nan, float(net.mean[1])
    scorer = opened(tmp_path, saved)
    assert scorer.score(missing) == pytest.approx(scorer.score(filled), abs=1e-6)


@pytest.mark.parametrize("value", [5, -1, 0.5, np.nan])
def test_a_level_that_is_none_is_refused_unless_a_level_stands_for_it(tmp_path, saved, value):
    rows = X[:3].copy()
    rows[0, 3] = value
    with pytest.raises(InputError, match="no level"):
        opened(tmp_path, saved).score(rows)
    told = NET.replace("width: 3", "width: 3, missing: 0")
    lenient, known = opened(tmp_path, changed(saved, metadata={KEY: told})), rows.copy()
    known[0, 3] = 0
    assert lenient.score(rows) == pytest.approx(lenient.score(known))


def test_slopes_are_those_of_small_steps_and_of_levels(tmp_path, saved):
    scorer = opened(tmp_path, saved)
    here = X[:30]
    slopes = scorer.slope(here)

    def log_odds(rows):
        scores = scorer.score(rows)
        return np.log(scores / (1 - scores))

    for column in range(3):
        step = here.copy()
        step[:, column] += 1e-2
        change = log_odds(step) - log_odds(here)
        told = slopes.of_moves(column, here[:, column], step[:, [column]])[:, 0]
        # A kink of ReLU may lie within the step of a few rows.
        assert np.mean(np.abs(change - told) < 2e-3) > 0.9
    own = slopes.of_moves(3, here[:, 3], here[:, [3]])
    assert own == pytest.approx(np.zeros((30, 1)), abs=1e-5)
    assert np.isnan(slopes.of_moves(3, here[:, 3], np.full((30, 1), np.nan))).all()


def test_a_recipe_makes_another_net_of_the_same_description(tmp_path, saved):
    recipe = recipe_of(opened(tmp_path, saved))
    assert "stand in" in recipe.note
    one, two, other = (make(recipe, X, Y, seed) for seed in (1, 1, 2))
    assert np.array_equal(one.score(X), two.score(X))
    assert not np.array_equal(one.score(X), other.score(X))


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (NET.replace("features: 4", "features: 3"), "another column below"),
        (NET.replace("  - {linear: 1}\n", ""), "last layer"),
        (NET.replace("activation: relu", "activation: os.system"), "Input should be"),
        (NET.replace("{dropout: 0.1}", "{dropout: 0.1, linear: 3}"), "is one of"),
        (NET.replace("strongroom_net: 1", "strongroom_net: 2"), "Input should be 1"),
        (NET + "hook: !!python/name:os.system\n", "description"),
        (NET.replace("linear: 16", "linear: 10000000000"), "less than or equal"),
        (NET.replace("linear: 16", "linear: 17"), "the description makes it"),
        ("{", "not YAML"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(tmp_path, saved, told, why):
    with pytest.raises(InputError, match=why):
        opened(tmp_path, changed(saved, metadata={KEY: told}))


def test_weights_that_do_not_fit_are_refused(tmp_path, saved):
    with pytest.raises(InputError, match="no weights"):
        opened(tmp_path, changed(saved, mean=np.full(3, np.nan, np.float32)))
    with pytest.raises(InputError, match="no weights"):
        opened(tmp_path, changed(saved, scale=np.zeros(3, np.float32)))
    with pytest.raises(InputError, match="not part"):
        opened(tmp_path, changed(saved, extra=np.zeros(3, np.float32)))
    with pytest.raises(InputError, match="without a net's description"):
        opened(tmp_path, changed(saved, metadata={"format": "pt"}))


def test_a_damaged_file_is_refused_wherever_the_damage_is(tmp_path, saved):
    length = int.from_bytes(saved[:8], "little")
    header = json.loads(saved[8 : 8 + length])
    header["mean"]["data_offsets"] = [0, 4]
    text = json.dumps(header).encode()
    body = saved[8 + length :]
    for bad in (
        saved[:-1],
        saved + b"\0",
        saved[: length // 2],
        saved[:8],
        len(text).to_bytes(8, "little") + text + body,
        (2**39).to_bytes(8, "little") + saved[8:],
        (4).to_bytes(8, "little") + b"{]}}" + body,
    ):
        with pytest.raises(InputError):
            opened(tmp_path, bad)


def test_modules_with_code_are_never_opened(tmp_path, net):
    torch.save(net, tmp_path / "pickled.pt")
    with pytest.raises(InputError):
        open_scorer(tmp_path / "pickled.pt", n_features=4)


@pytest.mark.parametrize("length", [384, 640, 896, 1152, 1408])
def test_a_header_whose_length_begins_like_a_pickle_is_still_safetensors(length):
    text = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(length)
    report = scan_bytes(length.to_bytes(8, "little") + text + bytes(4), "m.safetensors")
    assert (report.format, report.verdict) == ("safetensors", Rating.CLEAN)


def test_without_torch_a_net_names_the_extra(tmp_path, saved):
    (tmp_path / "m.safetensors").write_bytes(saved)
    # A process of its own, in which torch cannot be imported: this one has it already.
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "from strongroom.assess.models import open_scorer\n"
        "from strongroom.domain.errors import MissingExtra\n"
        "try: open_scorer(Path(sys.argv[1]), n_features=4)\n"
        "except MissingExtra as error: print(error.fix)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m.safetensors")],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "strongroom[torch]" in said.stdout
