"""Every rule on training code: its own specimens, and what reading must survive."""

import pytest

from strongroom.assess.code import Unparsed, code_rules, judge_python, judge_shell


def spotted(text):
    """Rules that count in a cell: a command line where it begins with `!`, `%` or `export`."""
    if text.startswith(("!", "%", "export ")):
        return {s.rule.id for s in judge_shell(text.lstrip("!%"))}
    return {s.rule.id for s in judge_python(text)}


HITS = [(rule.id, text) for rule in code_rules() for text in rule.hits]
MISSES = [(rule.id, text) for rule in code_rules() for text in rule.misses]


@pytest.mark.parametrize(("rule", "text"), HITS, ids=[f"{r}-{n}" for n, (r, _) in enumerate(HITS)])
def test_a_rule_finds_its_specimen(rule, text):
    assert rule in spotted(text)


@pytest.mark.parametrize(
    ("rule", "text"), MISSES, ids=[f"{r}-{n}" for n, (r, _) in enumerate(MISSES)]
)
def test_a_rule_leaves_its_look_alike_alone(rule, text):
    assert rule not in spotted(text)


@pytest.mark.parametrize(
    "text",
    [
        "from pickle import loads as harmless\nharmless(x)",
        "import pickle\nload = pickle.loads\nload(x)",
        "import pickle\ngetattr(pickle, 'loads')(x)",
        "__import__('pickle').loads(x)",
        "import importlib\nimportlib.import_module('pickle').loads(x)",
        "def f():\n    import pickle as p\n    return p.loads(b'')",
        "NAME = 'pickle'\n__import__(NAME).loads(x)",
    ],
)
def test_a_loader_under_another_name_is_still_found(text):
    assert "code.unsafe_load" in spotted(text)


@pytest.mark.parametrize(
    "text", ["print 'python 2'", "(" * 5000, "x = " + "-" * 200_000 + "1", "a\0b", "x" * 1_100_000]
)
def test_what_is_no_python_is_said_to_be_none(text):
    with pytest.raises(Unparsed):
        judge_python(text)


def test_findings_name_their_line():
    found = judge_python("import pickle\n\n\npickle.load(f)\n")
    assert [(s.line, s.text) for s in found] == [(4, "pickle.load(f)")]


def test_a_command_is_read_across_continued_lines():
    assert "code.shell_pipe" in {s.rule.id for s in judge_shell("curl -s x \\\n  | bash\n")}
    assert not list(judge_shell("# curl x | bash\n"))
