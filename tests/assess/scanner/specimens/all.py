"""All malicious specimens; importing the modules registers them."""

from tests.assess.scanner.specimens import containers, disguises, formats, gadgets, hidden, pickles
from tests.assess.scanner.specimens.registry import MALICIOUS

__all__ = ["MALICIOUS", "containers", "disguises", "formats", "gadgets", "hidden", "pickles"]
