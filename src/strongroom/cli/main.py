"""`strongroom VERB`: finds the verb's module, runs it, turns errors into messages and exit codes.

Exit 0 clean, 1 denied or found, 2 could not tell.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from strongroom import __version__
from strongroom.cli.output import complain
from strongroom.domain.errors import DeniedError, MissingExtra, StrongroomError

VERBS: Final = {
    "demo": "The whole hall on a payment-fraud model, in about a minute.",
    "init": "Look at a folder and write a manifest that already runs.",
    "controls": "Show which requirements apply to a system, and why.",
    "scan": "Scan model files for code and other hazards, without loading them.",
    "record": "Run a training command, and sign what went in and what came out.",
    "advisories": "Make, carry and show a signed mirror of known weaknesses of packages.",
    "assess": "Run the checks that the manifest requires and write signed evidence.",
    "approve": "Sign an approval of one stage for exactly these digests.",
    "waive": "Sign a waiver of one requirement, with owner, reason and end.",
    "rules": "Rules of your own for the gate, in Rego.",
    "gate": "Decide whether a system may enter a stage.",
    "promote": "Seal the version and move it into a stage, if the gate allows it.",
    "rollback": "Put the version before back into a stage.",
    "versions": "List sealed versions and where they stand.",
    "shred": "Destroy the key that opens a version, with proof.",
    "open": "Verify a sealed version, then decrypt it.",
    "deliver": "Open a sealed version into a folder, for a server that starts.",
    "data": "Seal data sets into files that DVC can carry, and open them.",
    "mlflow": "Bring a version of MLflow's model registry through the gate.",
    "sign": "Sign a model's files, so that any OMS verifier can check them.",
    "verify": "Check an audit bundle or a signed model, offline, trusting only what you name.",
    "bom": "Write the AI bill of materials, as CycloneDX or SPDX.",
    "diff": "Say what changed between two versions, in words.",
    "report": "Write the audit bundle or the engineer's passport.",
    "federate": "Train a fraud model with other banks, each row at home.",
    "homomorphic": "Score rows that the scorer never sees, on ciphertext.",
    "guard": "Judge what goes into a language model and comes out: allow, flag, mask, block.",
    "tidy": "List or delete objects that nothing refers to: killed runs leave them.",
    "ledger": "Inspect and verify the transparency log.",
    "access": "Who may do what here: roles and rules in Cedar.",
    "privacy": "What may be learnt about people in a data set: budgets, uses, private training.",
    "keys": "Make, list, rotate and revoke keys, and say who may sign what.",
}
"""Each verb is `strongroom.cli.VERB` with a Typer application `app`."""


EXTRA_OF: Final = {
    **dict.fromkeys(
        ("joblib", "lightgbm", "numpy", "onnxruntime", "polars", "scipy", "sklearn", "skops"), "ml"
    ),
    **dict.fromkeys(("threadpoolctl", "xgboost"), "ml"),
    **dict.fromkeys(
        ("aiohttp", "mcp", "opentelemetry", "prometheus_client", "redis", "uvicorn"), "gateway"
    ),
    **dict.fromkeys(("jinja2", "markupsafe", "matplotlib", "typst"), "report"),
    **dict.fromkeys(("cyclonedx", "spdx_python_model"), "bom"),
    "tenseal": "private",
    "cedarpy": "policy",
    "regopy": "policy",
    **dict.fromkeys(("cleanlab", "detect_secrets", "packaging", "pip_audit", "requests"), "supply"),
    **dict.fromkeys(("diffprivlib", "dp_accounting"), "private"),
    **dict.fromkeys(("opacus", "torch"), "torch"),
    "psycopg": "postgres",
    "hvac": "vault",
    "boto3": "aws",
    "mlflow": "mlflow",
    "obstore": "cloud",
    "pkcs11": "pkcs11",
}
"""Which extra brings a package that may be missing."""


class Verbs(TyperGroup):
    """Loads the module of the one verb that was asked for."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Replace the verb's placeholder by the real command, then resolve as ever."""
        if args and args[0] in VERBS:
            module = _load(args[0])
            self.commands[args[0]] = get_command(module.app)
            self.commands[args[0]].name = args[0]
        return super().resolve_command(ctx, args)


def _load(verb: str) -> ModuleType:
    """The verb's module; a package that an extra would bring is named by its extra."""
    try:
        return import_module(f"strongroom.cli.{verb}")
    except ModuleNotFoundError as error:
        extra = EXTRA_OF.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        raise MissingExtra(extra, f"strongroom {verb}") from error


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"strongroom {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take an AI system to production with proof, and let anybody check every claim offline."""


def command() -> Verbs:
    """The command tree, each verb a placeholder until it is asked for."""
    root = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    root.callback(cls=Verbs)(_root)
    group = get_command(root)
    if not isinstance(group, Verbs):
        raise TypeError("typer ignored the group class")
    for verb, text in VERBS.items():
        group.commands[verb] = TyperCommand(verb, help=text)
    return group


def run() -> None:
    """Entry point of the `strongroom` command."""
    try:
        command()(prog_name="strongroom")
    except StrongroomError as error:
        complain(error)
        sys.exit(1 if isinstance(error, DeniedError) else 2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
