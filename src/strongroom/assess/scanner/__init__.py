"""Reads model files as data and says what loading them would do. Loads and runs nothing.

report = scan_file(Path("model.pkl"))
report.verdict      # clean, review, unknown or block
report.findings     # hazards with offset, pseudo-code, attack class and references
"""

from strongroom.assess.scanner.report import FileReport, Hazard, Rating
from strongroom.assess.scanner.scan import scan_bytes, scan_file
from strongroom.assess.scanner.stream import Limits
from strongroom.assess.scanner.symbols import allowed_symbols

__all__ = ["FileReport", "Hazard", "Limits", "Rating", "allowed_symbols", "scan_bytes", "scan_file"]
