"""A small system whose model is a net."""

from __future__ import annotations

from strongroom.assess.families.torch import save_net
from strongroom.assess.nets.description import read_description
from strongroom.assess.nets.training import Schooling, train
from strongroom.testing.systems import FEATURES, Workshop

NET = """\
strongroom_net: 1
features: 4
layers:
  - {linear: 16}
  - {activation: relu}
  - {linear: 1}
"""


def put_net(workshop: Workshop, *, epochs: int = 30, told: str = NET) -> None:
    """Replace the workshop's model by a net that is trained on its training data."""
    frame = workshop.frame("train")
    x, y = frame.select(FEATURES).to_numpy().astype(float), frame["fraud"].to_numpy()
    schooling = Schooling(epochs=epochs, batch=64)
    net = train(read_description(told.encode(), "net"), x, y, 7, schooling)
    (workshop.folder / "model.safetensors").write_bytes(save_net(net, told))
    manifest = workshop.manifest
    manifest["model"]["path"] = "model.safetensors"
    workshop.write(manifest)
