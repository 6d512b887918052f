"""fickling: pickles by scan_file, archives by scan_zip_archive; anything above likely safe."""

import sys
import zipfile

from _lines import answer

sys.path.pop(0)
from fickling.loader import scan_file, scan_zip_archive


def judge(path):
    if zipfile.is_zipfile(path):
        return any(not result.is_safe for result in scan_zip_archive(path, graceful=True).values())
    return not scan_file(path, graceful=True).is_safe


answer(judge)
