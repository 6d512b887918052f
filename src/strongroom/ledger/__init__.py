"""A transparency log to the C2SP specifications: tiles, signed checkpoints, proofs."""

from strongroom.ledger.log import Ledger as Ledger
from strongroom.ledger.note import VerifierKey as VerifierKey
from strongroom.ledger.proof import verify_tlog_proof as verify_tlog_proof
