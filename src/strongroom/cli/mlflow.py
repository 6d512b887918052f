"""`strongroom mlflow`: bring a version of MLflow's model registry through the gate."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from mlflow import MlflowClient

from strongroom.assess.assessing import assess
from strongroom.assess.home_store import HomeStore
from strongroom.assess.runner import Plan
from strongroom.cli.assess_progress import Bars
from strongroom.cli.leave import ask_leave
from strongroom.cli.options import (
    HERE,
    HOME,
    ActorOption,
    FolderArgument,
    HomeOption,
    manifest_in,
)
from strongroom.cli.output import Format, FormatOption, people, write_json
from strongroom.domain.canonical import plain
from strongroom.domain.decision import Stage
from strongroom.governance.access.policy import Action
from strongroom.governance.catalog import load_catalog
from strongroom.governance.loader import load_manifest
from strongroom.home.home import Home
from strongroom.integrations.mlflow_promote import Steps, check_out
from strongroom.integrations.mlflow_promote import promote as promote_version
from strongroom.registry.deciding import put_before_gate

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def mlflow() -> None:
    """Bring a version of MLflow's model registry through the gate."""


VersionArgument = Annotated[
    str, typer.Argument(help="Of the registered model that is named as the system is.")
]
TrackingOption = Annotated[
    str | None,
    typer.Option("--tracking", envvar="MLFLOW_TRACKING_URI", metavar="URI", help="The server."),
]


@app.command()
def init(home: HomeOption = HOME) -> None:
    """Make the home if there is none, and say how to start a tracking server on it.

    Exit 0 the home is there, 2 it cannot be opened.
    """
    place = home.absolute()
    Home.open(place, create=True).close()
    people.print("[green]ready[/]; start the tracking server, where this home is, with")
    people.print(
        f"  STRONGROOM_HOME={place} mlflow server --no-serve-artifacts \\\n"
        "    --backend-store-uri sqlite:///mlflow.db \\\n"
        "    --registry-store-uri gated+sqlite:///mlflow.db \\\n"
        f"    --default-artifact-root sealed://{place}/mlflow",
        markup=False,
        soft_wrap=True,
    )


@app.command(name="open")
def open_version(
    version: VersionArgument,
    folder: FolderArgument = HERE,
    tracking: TrackingOption = None,
    actor: ActorOption = "",
    home: HomeOption = HOME,
) -> None:
    """Open a version's sealed artifacts where the manifest has its model: to look at, to approve.

    Exit 0 opened, 2 tampered with, missing, or not ours to open. Remove it when you are done.
    """
    loaded = load_manifest(manifest_in(folder))
    with Home.open(home.absolute()) as opened:
        ask_leave(opened, actor, Action.OPEN, loaded)
        source = MlflowClient(tracking_uri=tracking).get_model_version_download_uri(
            loaded.system.system.name, version
        )
        target = check_out(opened, loaded, source)
    people.print(f"plaintext in {target}: remove it when you are done", markup=False)


@app.command()
def promote(
    version: VersionArgument,
    to: Annotated[Stage, typer.Option("--to", help="The stage to enter.")],
    folder: FolderArgument = HERE,
    tracking: TrackingOption = None,
    actor: ActorOption = "",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of everything random.")] = 0,
    home: HomeOption = HOME,
    form: FormatOption = Format.TEXT,
) -> None:
    """Open the version's sealed artifacts, assess, decide, promote, and set MLflow's alias.

    Exit 0 promoted, 1 denied, 2 could not tell.
    """
    loaded, catalog = load_manifest(manifest_in(folder)), load_catalog()
    cores = len(os.sched_getaffinity(0))
    with Home.open(home.absolute()) as opened, Bars() as bars:
        ask_leave(opened, actor, Action.PROMOTE, loaded, to)
        client = MlflowClient(tracking_uri=tracking)
        steps = Steps(
            assess=lambda system: assess(
                system,
                catalog,
                Plan(seed=seed, jobs=cores, cores=cores),
                store=HomeStore(opened),
                now=opened.clock,
                watch=bars,
            ),
            decide=lambda system, stage: put_before_gate(
                opened, system, stage, catalog, opened.clock()
            ),
        )
        move = promote_version(client, opened, loaded, version, to, steps)
    if form is Format.JSON:
        write_json(plain(move))
    else:
        people.print(f"[green]promoted[/] {move.system} {move.version.short} → {move.stage}")
