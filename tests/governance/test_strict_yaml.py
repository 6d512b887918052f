"""YAML of strangers: what is read is what was written, and nothing else happens."""

import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.governance.strict_yaml import MAX_BYTES, MAX_DEPTH, MAX_VALUES, read_yaml


def problem(text: str | bytes) -> str:
    tree = read_yaml(text.encode() if isinstance(text, str) else text)
    return " | ".join(f"{p.line}: {p.what}" for p in tree.problems)


def test_every_field_knows_its_line() -> None:
    tree = read_yaml(b"# first\na:\n  b: 1\n  c:\n    - x\n    - {d: 2,\n       e: 3}\n")
    assert tree.problems == ()
    assert tree.value == {"a": {"b": 1, "c": ["x", {"d": 2, "e": 3}]}}
    assert tree.lines == {
        (): 2,
        ("a",): 2,
        ("a", "b"): 3,
        ("a", "c"): 4,
        ("a", "c", 0): 5,
        ("a", "c", 1): 6,
        ("a", "c", 1, "d"): 6,
        ("a", "c", 1, "e"): 7,
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("true", True),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("-3", -3),
        ("2026-11-22", "2026-11-22"),
        ("12:30:45", "12:30:45"),
        ("~", None),
        ("'1'", "1"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
    ],
)
def test_scalars_are_read_by_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    read = read_yaml(f"a: {text}".encode()).value["a"]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: 2\na: 3\n", "3: stands twice in one mapping, first in line 1"),
        ("a: &x [1]\nb: *x\n", "1: anchors (&name) and aliases (*name) are not read here"),
        ("\na: !!python/object/apply:os.system [id]\n", "2: tags are not read here"),
        ("a: !x y", "1: tags are not read here: !x"),
        ("---\na: 1\n---\nb: 2\n", "3: more than one document"),
        ("a:\n  ? [b]\n  : c\n", "2: a key must be plain text"),
        ("a: .inf", "1: .inf is not a finite number"),
        ("a: 1e999", "1: a number too large to hold"),
        ("a: 9007199254740992", "1: an integer beyond"),
        ("a: 007", "1: 007 is a number with leading zeros"),
        ("a: 'open", "not YAML"),
        ("a: b: c", "1: not YAML: mapping values are not allowed"),
        ('a: "\\U00110000"', "not YAML"),
        (b"a: \xff\n", "1: not UTF-8 at byte 3"),
        (b"a: \x00", "not YAML"),
        ("[" * (MAX_DEPTH + 1), f"1: nested deeper than {MAX_DEPTH}"),
    ],
)
def test_what_is_not_read_is_named_with_its_line(text: str | bytes, reason: str) -> None:
    assert reason in problem(text)


def test_limits_hold_before_anything_is_expanded() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
    )
    assert "anchors" in problem(bomb)
    assert f"more than {MAX_VALUES} values" in problem("[" + "1," * (MAX_VALUES + 1) + "]")
    assert f"{MAX_BYTES} allowed" in problem(b" " * (MAX_BYTES + 1))
    started = time.process_time()
    assert "nested deeper" in problem("[" * 200_000)
    assert time.process_time() - started < 5


@given(st.binary(max_size=400))
def test_any_bytes_give_a_tree_or_problems(data: bytes) -> None:
    tree = read_yaml(data)
    assert (
        tree.problems
        or tree.value is None
        or isinstance(tree.value, str | int | float | list | dict)
    )


@settings(max_examples=300)
@given(st.text(st.sampled_from("ab:-#[]{},&*!|>'\"% \n\t?~1.e"), max_size=60))
def test_text_that_looks_like_yaml_gives_a_tree_or_problems(text: str) -> None:
    read_yaml(text.encode())


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdef é", min_size=1, max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(plain)
def test_what_another_writer_wrote_is_read_back(value: object) -> None:
    written = yaml.safe_dump({"v": value}, allow_unicode=True).encode()
    tree = read_yaml(written)
    if not tree.problems:
        assert tree.value == {"v": value}
    else:
        assert "&id001" in written.decode()
