"""The reviews say what is so: their claims are held against the installed packages."""

import importlib
import warnings

import pytest
from sklearn.base import BaseEstimator

from strongroom.assess.scanner.symbols import allowed_symbols, book

HOOKS = ("__reduce__", "__reduce_ex__", "__setstate__", "__new__", "__del__")
GROUP = "Estimators whose only hook is BaseEstimator"


def resolve(module, name):
    """The object, or None where this version of the package has none of that name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return None
    return found


def test_estimators_have_no_hook_but_the_one_of_their_base():
    claimed = [s for s, a in book().allowed.items() if a.why.startswith(GROUP)]
    resolved = {s: kind for s in claimed if (kind := resolve(*s)) is not None}
    assert len(resolved) > 200
    for symbol, kind in resolved.items():
        assert issubclass(kind, BaseEstimator), symbol
        own = {
            hook
            for parent in kind.__mro__
            if parent not in (object, BaseEstimator) and parent.__module__.startswith("sklearn")
            for hook in HOOKS
            if hook in vars(parent)
        }
        assert not own, (symbol, own)


def test_every_review_names_who_when_and_why():
    for symbol, review in book().allowed.items():
        assert review.reviewed_by, symbol
        assert review.reviewed_at, symbol
        assert len(review.why) > 15, symbol


def test_no_module_is_allowed_as_a_whole():
    assert all(name and "*" not in name for _, name in allowed_symbols())


@pytest.mark.parametrize(
    "symbol",
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("numpy", "load"),
        ("torch", "load"),
        ("joblib", "load"),
    ],
)
def test_what_runs_code_is_not_on_the_list(symbol):
    assert symbol not in allowed_symbols()
    assert book().danger(*symbol)


def test_nothing_is_both_reviewed_and_dangerous_by_name():
    both = set(book().allowed) & set(book().dangerous)
    guarded = {s for s in both if book().allowed[s].guard}
    assert both == guarded
