"""Files that are not what they seem, and configurations that name what runs.

Sources: each specimen's advisory, and the generators in the tests of modelaudit and picklescan.
"""

import io
import json
import struct
import zipfile

import joblib
from tests.assess.scanner.specimens.containers import BENIGN, EVIL, torch_zip, zip_of
from tests.assess.scanner.specimens.formats import field
from tests.assess.scanner.specimens.registry import malicious, malicious_bytes

ESCAPE = "{{ self.__init__.__globals__['os'].system('true') }}"

# --- native code and scripts under a model's name

malicious_bytes(
    "windows_program",
    "CWE-434",
    (b"MZ" + b"\0" * 58 + struct.pack("<I", 64) + b"PE\0\0").ljust(200, b"\0"),
    filename="model.onnx",
)
malicious_bytes("shell_script", "CWE-434", b"#!/bin/sh\ntrue\n", filename="pytorch_model.bin")
malicious_bytes(
    "path_file", "CWE-434", b"import os; os.system('true')\n", filename="distutils-precedence.pth"
)
malicious_bytes("bytecode_as_model", "CWE-434", b"\xa7\r\r\n" + b"\0" * 60, filename="model.pkl")

# --- two things in one file

malicious_bytes(
    "zip_after_an_image",
    "CWE-436",
    b"\x89PNG\r\n\x1a\n" + b"\0" * 50 + zip_of({"archive/data.pkl": EVIL}),
    filename="logo.png",
)
malicious_bytes("zip_after_a_pickle", "CWE-436", BENIGN + torch_zip(EVIL), filename="model.pkl")
malicious_bytes(
    "pickle_in_hdf5_attribute",
    "CWE-502",
    b"\x89HDF\r\n\x1a\n" + b"\0" * 300 + EVIL + b"\0" * 300,
    filename="store.h5",
)
malicious_bytes(
    "old_pickle_in_hdf5_attribute",
    "CWE-502",
    b"\x89HDF\r\n\x1a\n" + b"\0" * 300 + b"(S'true'\nios\nsystem\n." + b"\0" * 300,
    filename="store.h5",
)


@malicious("lzma_zip", "CWE-502", filename="model.zip")
def _lzma_zip():
    return zip_of({"x.pkl": EVIL}, zipfile.ZIP_LZMA)


@malicious("torchscript_saves", "CWE-73", filename="script.pt")
def _torchscript():
    code = b'def forward(self, x):\n  torch.save(x, "/tmp/x")\n  return x\n'
    return zip_of({"m/data.pkl": BENIGN, "m/constants.pkl": BENIGN, "m/code/__torch__/m.py": code})


# --- configurations

for _key in ("custom_chat_template", "chat_template"):
    malicious_bytes(
        f"template_under_{_key}",
        "CVE-2024-34359",
        json.dumps({"tokenizer_class": "X", _key: ESCAPE}).encode(),
        filename="tokenizer_config.json",
    )
malicious_bytes(
    "template_in_yaml",
    "CVE-2024-34359",
    f'name: x\nscript: "{ESCAPE}"\n'.encode(),
    filename="m.yaml",
)
malicious_bytes(
    "template_without_an_ending", "CVE-2024-34359", f"x {ESCAPE}".encode(), filename="chat_template"
)
malicious_bytes(
    "sentence_transformers_module",
    "CWE-470",
    json.dumps([{"idx": 0, "name": "0", "path": "", "type": "os.system"}]).encode(),
    filename="modules.json",
)
malicious_bytes(
    "peft_parent_library",
    "CWE-470",
    json.dumps(
        {"auto_mapping": {"base_model_class": "x", "parent_library": "antigravity"}}
    ).encode(),
    filename="adapter_config.json",
)
malicious_bytes(
    "diffusers_part",
    "CWE-470",
    json.dumps({"_diffusers_version": "0.30", "unet": ["subprocess", "Popen"]}).encode(),
    filename="model_index.json",
)
malicious_bytes(
    "monai_expression",
    "CWE-94",
    json.dumps({"network": "$__import__('os').system('true')"}).encode(),
    filename="inference.json",
)
malicious_bytes(
    "pmml_includes",
    "CWE-611",
    b"<PMML><xi:include href='file:///etc/passwd'/></PMML>",
    filename="model.pmml",
)

# --- graphs and tensors

_NODE = field(1, b"n") + field(2, b"PyFunc")
malicious_bytes(
    "saved_model_without_version",
    "CWE-94",
    field(2, field(2, field(1, _NODE) + field(1, _NODE))),
    filename="saved_model.pb",
)
malicious_bytes("frozen_graph", "CWE-94", field(1, _NODE) * 3, filename="frozen.pb")
malicious_bytes(
    "tflite_python", "CWE-94", b"\x1c\0\0\0TFL3" + b"\0" * 90 + b"FlexPyFunc\0", filename="m.tflite"
)
malicious_bytes(
    "java_gadget",
    "CWE-502",
    b"\xac\xed\x00\x05sr\x00:org.apache.commons.collections.functors.InvokerTransformer",
    filename="model.ser",
)
malicious_bytes(
    "gguf_absurd_length",
    "CVE-2024-21802",
    b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**63),
    filename="m.gguf",
)
malicious_bytes(
    "gguf_many_dimensions",
    "CVE-2024-21836",
    b"GGUF" + struct.pack("<IQQQ", 3, 1, 0, 1) + b"w" + struct.pack("<I", 1000) + b"\1" * 99,
    filename="m.gguf",
)
for _ending, _start in (("rar", b"Rar!\x1a\x07\x01\0"), ("rds", b"X\n\0\0\0\x03")):
    malicious_bytes(
        f"unread_{_ending}", "nullifAI", _start + EVIL, verdict="unknown", filename=f"m.{_ending}"
    )


def lz4_joblib():
    """What joblib writes with compress="lz4"; needs the package lz4."""
    buffer = io.BytesIO()
    joblib.dump({"weights": [1.0]}, buffer, compress=("lz4", 3))
    return buffer.getvalue()
