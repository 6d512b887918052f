"""Reads training code as text: what it downloads, unpickles or switches off. Runs nothing."""

from strongroom.assess.code.python import Unparsed, judge_python
from strongroom.assess.code.rules import CodeRule, Spotted, code_rules
from strongroom.assess.code.shell import judge_shell

__all__ = ["CodeRule", "Spotted", "Unparsed", "code_rules", "judge_python", "judge_shell"]
