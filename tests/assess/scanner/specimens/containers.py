"""Archives, compression and polyglots around a malicious pickle."""

import bz2
import gzip
import io
import lzma
import os
import pickle as real
import struct
import tarfile
import zipfile
import zlib

import joblib
import numpy as np
from backports import zstd
from tests.assess.scanner.specimens.assembler import PROTO, call, name, pickle, push
from tests.assess.scanner.specimens.registry import malicious, malicious_bytes

EVIL = pickle(call(name("os", "system"), "true"))
BENIGN = real.dumps({"weights": [1.0, 2.0]})


def zip_of(entries, compression=zipfile.ZIP_STORED):
    """A sound archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for entry, data in entries.items():
            archive.writestr(zipfile.ZipInfo(entry), data, compression)
    return buffer.getvalue()


def torch_zip(data_pkl):
    """The layout that torch.save writes."""
    return zip_of(
        {
            "archive/data.pkl": data_pkl,
            "archive/byteorder": b"little",
            "archive/data/0": struct.pack("<4f", 1, 2, 3, 4),
            "archive/version": b"3\n",
            "archive/.data/serialization_id": b"0123456789",
        }
    )


for _name, _pack in (
    ("gzip", gzip.compress),
    ("zlib", zlib.compress),
    ("bzip2", bz2.compress),
    ("xz", lzma.compress),
    ("lzma", lambda data: lzma.compress(data, lzma.FORMAT_ALONE)),
):
    malicious_bytes(f"{_name}_pickle", "CWE-502", _pack(EVIL), filename="model.joblib")
malicious_bytes("gzip_twice", "CWE-502", gzip.compress(gzip.compress(EVIL)))
malicious_bytes("gzip_second_member", "CWE-502", gzip.compress(EVIL[:9]) + gzip.compress(EVIL[9:]))
malicious_bytes("gzip_cut", "nullifAI", gzip.compress(EVIL + BENIGN * 100)[:-30])
malicious_bytes("renamed_to_txt", "CVE-2025-10155", EVIL, filename="README.txt")
malicious_bytes("renamed_to_safetensors", "CVE-2025-10155", EVIL, filename="model.safetensors")
malicious_bytes("torch_zip", "CWE-502", torch_zip(EVIL), filename="model.pt")
malicious_bytes("torch_zip_renamed", "CVE-2025-1889", torch_zip(EVIL), filename="config.json")
malicious_bytes(
    "pickle_under_another_name_in_torch_zip",
    "CVE-2025-1889",
    zip_of({"archive/data.pkl": BENIGN, "archive/weights.dat": EVIL}),
    filename="model.pt",
)
malicious_bytes("zip_in_zip_in_zip", "CWE-502", zip_of({"a": zip_of({"b": zip_of({"c": EVIL})})}))
malicious_bytes("deflated_zip", "CWE-502", zip_of({"x.pkl": EVIL}, zipfile.ZIP_DEFLATED))
malicious_bytes("bzip2_zip", "CWE-502", zip_of({"x.pkl": EVIL}, zipfile.ZIP_BZIP2))
malicious_bytes("zip_before_junk", "CWE-436", torch_zip(EVIL) + b"\0" * 100)


@malicious("tar_gz", "CWE-502", filename="model.tar.gz")
def _tar_gz():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("inner/model.bin")
        info.size = len(EVIL)
        archive.addfile(info, io.BytesIO(EVIL))
    return buffer.getvalue()


@malicious("tar_path_escape", "CVE-2007-4559", filename="model.tar")
def _tar_escape():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("../../etc/cron.d/x")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    return buffer.getvalue()


@malicious("tar_link_escape", "CVE-2007-4559", filename="model.tar")
def _tar_link():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("weights")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    return buffer.getvalue()


@malicious("zip_path_escape", "CWE-22", filename="model.zip")
def _zip_escape():
    return zip_of({"../../x.txt": b"x"})


@malicious("zip_two_names", "CVE-2025-1944", filename="model.pt")
def _two_names():
    """The directory says data.pkl, the header before the data says datap.kl."""
    raw = bytearray(torch_zip(EVIL))
    at = raw.index(b"archive/data.pkl")
    raw[at : at + 16] = b"archive/datap.kl"
    return bytes(raw)


@malicious("zip_two_names_benign", "CVE-2025-1944", filename="model.pt")
def _two_names_benign():
    raw = bytearray(torch_zip(BENIGN))
    at = raw.index(b"archive/data.pkl")
    raw[at : at + 16] = b"archive/datap.kl"
    return bytes(raw)


@malicious("zip_flag_bits", "CVE-2025-1945", filename="model.pt")
def _flag_bits():
    """Marked as encrypted in the header before the data only: zipfile refuses, torch goes on."""
    raw = bytearray(torch_zip(EVIL))
    raw[6] |= 1
    return bytes(raw)


@malicious("zip_flag_bits_in_directory", "CVE-2025-1945", filename="model.pt")
def _flag_bits_directory():
    raw = bytearray(torch_zip(EVIL))
    at = 0
    while (at := raw.find(b"PK\x01\x02", at)) >= 0:
        raw[at + 8] |= 1
        at += 4
    at = 0
    while (at := raw.find(b"PK\x03\x04", at)) >= 0:
        raw[at + 6] |= 1
        at += 4
    return bytes(raw)


@malicious("zip_bad_checksum", "CVE-2025-10156", filename="model.pt")
def _bad_checksum():
    raw = bytearray(torch_zip(EVIL))
    for magic, offset in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        at = raw.index(magic)
        raw[at + offset] ^= 0xFF
    return bytes(raw)


@malicious("zip_hidden_entry", "CWE-436", filename="model.zip")
def _hidden():
    """An entry that the directory does not list."""
    whole = zip_of({"a.txt": b"hello", "evil.pkl": EVIL, "b.txt": b"hello"})
    end = whole.rindex(b"PK\x05\x06")
    first = whole.index(b"PK\x01\x02")
    second = whole.index(b"PK\x01\x02", first + 4)
    third = whole.index(b"PK\x01\x02", second + 4)
    directory = whole[first:second] + whole[third:end]
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2, 2, len(directory), first, 0)
    return whole[:first] + directory + tail


@malicious("zip_duplicate_entry", "CWE-436", filename="model.pt")
def _duplicate():
    whole = zip_of({"archive/data.pkl": BENIGN, "archive/data.pkk": EVIL})
    return whole.replace(b"data.pkk", b"data.pkl")


@malicious("pickle_before_zip", "CWE-436", filename="model.zip")
def _prefix():
    return EVIL + zip_of({"a.txt": b"hello"})


@malicious("zip_bomb", "CWE-409", filename="model.zip")
def _bomb():
    return zip_of({"zeros.pkl": real.dumps(b"\0" * (80 << 20))}, zipfile.ZIP_DEFLATED)


@malicious("nested_too_deeply", "CWE-674", filename="model.zip")
def _deep():
    data = b"x"
    for _ in range(20):
        data = zip_of({"x": data})
    return data


@malicious("object_npy", "CWE-502", filename="model.npy")
def _object_npy():
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + EVIL


@malicious("object_npz", "CWE-502", filename="model.npz")
def _object_npz():
    return zip_of({"a.npy": _object_npy()})


@malicious("structured_npy_with_objects", "CWE-502", filename="model.npy")
def _structured_npy():
    header = (
        b"{'descr': [('a', '<f8'), ('b', '|O', (2,))], 'fortran_order': False, 'shape': (1,), }"
    )
    header += b" " * (118 - len(header) - 1) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + EVIL


@malicious("safetensors_with_pickle_appended", "CWE-506", filename="model.safetensors")
def _safetensors():
    header = b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    return struct.pack("<Q", len(header)) + header + b"\0" * 8 + EVIL


@malicious("safetensors_huge_header", "CWE-1284", filename="model.safetensors")
def _safetensors_header():
    return struct.pack("<Q", 200_000_000) + b'{"w":{}}'


@malicious("joblib_payload_after_array", "CWE-502", filename="model.joblib")
def _joblib_after():
    """Loads as a joblib file; a plain unpickler stops at the array."""

    class Evil:
        def __reduce__(self):
            return os.system, ("true",)

    buffer = io.BytesIO()
    joblib.dump([np.arange(100.0), Evil()], buffer)
    return buffer.getvalue()


@malicious("joblib_array_bytes_are_opcodes", "CWE-502", "os.system", filename="model.joblib")
def _joblib_old_layout():
    """Old layout without padding: joblib reads numbers where plain pickle reads a call."""
    wrapper = name("joblib.numpy_pickle", "NumpyArrayWrapper")
    payload = b"cos\nsystem\n(S'true'\ntR."
    payload += b" " * (-len(payload) % 8)
    state = {
        "subclass": name("numpy", "ndarray"),
        "shape": (len(payload) // 8,),
        "order": "C",
        "dtype": call(name("numpy", "dtype"), "f8", False, True),
        "allow_mmap": True,
    }
    return PROTO + push(wrapper) + b")\x81" + push(state) + b"b" + payload + b"."


@malicious("torch_legacy", "CWE-502", filename="pytorch_model.bin")
def _torch_legacy():
    magic = real.dumps(0x1950A86A20F9469CFC6C, 2)
    return (
        magic
        + real.dumps(1001, 2)
        + real.dumps({"little_endian": True}, 2)
        + EVIL
        + real.dumps([], 2)
    )


def seven_zip(entry, data, method=b"\x00", properties=b"", pack=bytes):
    """A 7z archive of one file, its directory uncompressed."""
    packed = pack(data)
    coder = bytes([len(method) | (0x20 if properties else 0)]) + method
    if properties:
        coder += bytes([len(properties)]) + properties
    name = entry.encode("utf-16-le") + b"\0\0"
    header = b"\x01\x04"
    header += b"\x06\x00\x01\x09" + _seven_number(len(packed)) + b"\x00"
    header += b"\x07\x0b\x01\x00\x01" + coder + b"\x0c" + _seven_number(len(data)) + b"\x00"
    header += b"\x00\x05\x01\x11" + _seven_number(len(name) + 1) + b"\x00" + name + b"\x00\x00"
    start = struct.pack("<QQL", len(packed), len(header), zlib.crc32(header))
    return (
        b"7z\xbc\xaf\x27\x1c\x00\x04"
        + struct.pack("<L", zlib.crc32(start))
        + start
        + packed
        + header
    )


def _seven_number(value):
    return bytes([0xC0]) + struct.pack("<H", value)[:2] if value >= 0x80 else bytes([value])


def _lzma2(data):
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]
    return lzma.compress(data, lzma.FORMAT_RAW, filters=filters)


malicious_bytes("seven_zip_stored", "nullifAI", seven_zip("data.pkl", EVIL), filename="model.7z")
malicious_bytes(
    "seven_zip_lzma2",
    "nullifAI",
    seven_zip("model/data.pkl", EVIL + BENIGN * 9, b"\x21", b"\x08", _lzma2),
    filename="pytorch_model.bin",
)
malicious_bytes("seven_zip_path_escape", "CWE-22", seven_zip("../../x", b"x"), filename="model.7z")
malicious_bytes(
    "seven_zip_encrypted",
    "CWE-311",
    seven_zip("data.pkl", EVIL, b"\x06\xf1\x07\x01", b"\x00"),
    verdict="unknown",
    filename="model.7z",
)
malicious_bytes("zstd_pickle", "CWE-502", zstd.compress(EVIL), filename="model.pkl.zst")
