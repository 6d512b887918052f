"""Pickles that carry another one as data, for whoever loads it later.

After the generators of modelaudit's tests (generate_nested_pickle_assets.py).
"""

import base64
import gzip
import pickle as real
import zlib

from tests.assess.scanner.specimens.assembler import call, name, pickle
from tests.assess.scanner.specimens.registry import malicious_bytes

SOURCE = "modelaudit: nested pickles"
EVIL = pickle(call(name("os", "system"), "true"))


def text(data):
    """Base 64, as text."""
    return base64.b64encode(data).decode()


_WAYS = {
    "bytes": EVIL,
    "bytes_of_protocol_0": b"cos\nsystem\n(S'true'\ntR.",
    "base64": text(EVIL),
    "base64_of_protocol_0": text(b"cos\nsystem\n(S'true'\ntR."),
    "hex": EVIL.hex(),
    "zlib_in_base64": text(zlib.compress(EVIL)),
    "gzip_in_base64": text(gzip.compress(EVIL)),
    "pickle_in_pickle": real.dumps({"stage": text(EVIL)}),
    "long": text(real.dumps(["x" * 500]) + EVIL),
    "large": real.dumps("x" * 100_000)[:-1] + b"0" + EVIL[2:],
}
for _way, _payload in _WAYS.items():
    for _protocol in (0, 2, 4):
        malicious_bytes(
            f"hidden_{_way}_{_protocol}",
            SOURCE,
            real.dumps({"weights": [1.0, 2.0], "meta": _payload}, _protocol),
        )
malicious_bytes(
    "names_exec_and_breaks_off",
    "picklescan: broken_model.pkl",
    b"cbuiltins\nexec\n(X>\nf = open('my_file.txt', 'a'); f.write('Malicious'); f.close()tRX.",
)
