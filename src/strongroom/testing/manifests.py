"""A manifest that holds together, for tests to break."""

GOOD = """\
version: 1
system:
  name: card-fraud
  owner: Payments Risk
  purpose: Flags card payments
  kind: ml_model
  criticality: high
  jurisdictions: [MY]
  entity_type: bank
model:
  path: model.onnx
  trained_by: alice
data:
  train: {path: train.parquet, classification: internal}
  test: {path: test.parquet, classification: internal}
  schema:
    target: fraud
    time: at
    entity: card
    id: row
    sensitive: [sex]
    features:
      - {name: amount, type: float, min: 0, max: 5000, step: 0.01, mutable_by: [payer]}
      - {name: fee, type: float, min: 0}
      - {name: total, type: float}
      - {name: hour, type: int, min: 0, max: 23}
      - {name: night, type: bool}
      - {name: channel, type: category, categories: [web, pos, atm]}
    relations: ["total == amount + fee"]
dependencies: requirements.txt
thresholds:
  - {check: performance.discrimination, metric: auc, at_least: 0.9}
"""
"""Line 8 is `jurisdictions`, 23 the feature `amount`."""


def changed(*pairs: tuple[str, str]) -> bytes:
    """GOOD with each first text replaced by the second; refuses a text that is not there."""
    text = GOOD
    for old, new in pairs:
        if old not in text:
            raise ValueError(f"{old!r} is not in the manifest")
        text = text.replace(old, new)
    return text.encode()
