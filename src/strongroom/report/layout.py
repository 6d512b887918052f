"""What lies where in an audit bundle, and the limits that a reader holds it to.

bundle.dsse.json             signed list of every file below, with digests
bundle.leaf.json, .tlog-proof   its own line in the ledger, and the proof
statements/<envelope>.dsse.json   evidence, approvals, waivers, decision, seal, promotion, bills
                             of materials, provenance
proofs/<envelope>.leaf.json, .tlog-proof   the line of each in the ledger, and the proof
ledger/verifier-key, ledger/checkpoint
policy.json                  the requirements in force, which the decision names by digest
strongroom.yaml              the manifest that was decided about
bom.cdx.json, bom.spdx.json  the AI bill of materials, as CycloneDX and as SPDX
passport.html, passport.pdf  the same for people
README.txt                   how to check all this
"""

from __future__ import annotations

from typing import Final

INDEX: Final = "bundle.dsse.json"
INDEX_LEAF: Final = "bundle.leaf.json"
INDEX_PROOF: Final = "bundle.tlog-proof"
UNLISTED: Final = frozenset({INDEX, INDEX_LEAF, INDEX_PROOF})
"""Files that the list cannot hold because they hold or prove the list."""
STATEMENTS: Final = "statements"
PROOFS: Final = "proofs"
CHECKPOINT: Final = "ledger/checkpoint"
VERIFIER_KEY: Final = "ledger/verifier-key"
POLICY: Final = "policy.json"
MANIFEST: Final = "strongroom.yaml"
BOM: Final = "bom.cdx.json"
SPDX: Final = "bom.spdx.json"
README: Final = "README.txt"
ENVELOPE_SUFFIX: Final = ".dsse.json"

MAX_FILES: Final = 20_000
MAX_FILE: Final = 256 * 1024 * 1024
"""Bytes of one file in a bundle."""
MAX_SMALL: Final = 24 * 1024 * 1024
"""Bytes of a file that is read into memory."""


def statement_path(envelope: str) -> str:
    """Where the envelope with that digest (hexadecimal) lies."""
    return f"{STATEMENTS}/{envelope}{ENVELOPE_SUFFIX}"


def leaf_path(envelope: str) -> str:
    """Where its line of the ledger lies."""
    return f"{PROOFS}/{envelope}.leaf.json"


def proof_path(envelope: str) -> str:
    """Where the proof of that line lies."""
    return f"{PROOFS}/{envelope}.tlog-proof"
