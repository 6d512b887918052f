"""Pickle specimens: one for each way in which a pickle can run something."""

import os
import pickle as real
import struct

from tests.assess.scanner.specimens.assembler import (
    PROTO,
    STOP,
    call,
    name,
    pickle,
    push,
    stack_name,
    text,
)
from tests.assess.scanner.specimens.registry import malicious_bytes

TRUE = "true"
SYSTEM = name("os", "system")
SOURCE = "import os; os.system('true')"
PAPER = "arXiv:2508.19774"
RESOLVER = "GHSA-vvpj-8cmc-gx39"


def latin1(data):
    """Bytes as protocol 2 writes them: text."""
    raw = data.decode("latin-1").encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


class _Reduces:
    """Pickles to a call."""

    def __init__(self, callee, *args):
        self.call = (callee, args)

    def __reduce__(self):
        return self.call


def _with_real_pickler(protocol):
    return real.dumps({"weights": [1.0, 2.0], "x": _Reduces(os.system, TRUE)}, protocol)


for _protocol in range(6):
    malicious_bytes(
        f"reduce_protocol_{_protocol}", "CWE-502", _with_real_pickler(_protocol), "os.system"
    )

# --- which opcode runs it

malicious_bytes("inst", "CWE-502", b"(S'true'\nios\nsystem\n.", "os.system")
malicious_bytes("inst_cut_in_its_name", "found by our fuzzer", b"(S'true'\nios\nsystem*")
malicious_bytes(
    "after_a_long_line",
    "CWE-502",
    b"(V" + b"x" * 3_000_000 + b"\n0(S'true'\nios\nsystem\n.",
    "os.system",
)
malicious_bytes("obj", "CWE-502", PROTO + b"(" + push(SYSTEM) + text(TRUE) + b"o.", "os.system")
malicious_bytes(
    "obj_then_pop",
    "GHSA-mxhj-88fx-4pcv",
    PROTO + b"(" + push(SYSTEM) + text(TRUE) + b"o0" + push({"weights": [1, 2]}) + STOP,
    "os.system",
)
malicious_bytes(
    "reduce_then_pop_mark",
    "GHSA-mxhj-88fx-4pcv",
    PROTO + b"(" + push(call(SYSTEM, TRUE)) + b"1" + push([1]) + STOP,
    "os.system",
)
malicious_bytes(
    "newobj",
    "CWE-502",
    PROTO + push(name("subprocess", "Popen")) + push(()) + b"\x81" + push({}) + b"b.",
)
malicious_bytes(
    "newobj_ex",
    "CWE-502",
    PROTO + push(name("subprocess", "Popen")) + push(()) + push({}) + b"\x92.",
)
malicious_bytes(
    "reconstructor_of_popen",
    "CWE-502",
    pickle(
        call(
            name("copyreg", "_reconstructor"),
            name("subprocess", "Popen"),
            name("builtins", "object"),
            None,
        )
    ),
)
malicious_bytes(
    "setstate_replaced",
    "CWE-502",
    PROTO
    + push(call(name("argparse", "Namespace")))
    + push({"__setstate__": SYSTEM})
    + b"b"
    + text(TRUE)
    + b"b.",
    "os.system",
)
malicious_bytes(
    "build_on_a_class",
    "CWE-915",
    PROTO + push(name("sklearn.base", "BaseEstimator")) + push((None, {"fit": 1})) + b"b.",
)
malicious_bytes(
    "append_to_a_call",
    "CWE-502",
    PROTO + push(call(name("some_module", "Sink"))) + text(TRUE) + b"a.",
    verdict="review",
)
malicious_bytes(
    "computed_callee",
    "CWE-502",
    pickle(call(call(name("functools", "partial"), SYSTEM, TRUE))),
    "os.system",
)
malicious_bytes(
    "list_of_map",
    "CWE-502",
    pickle(call(name("builtins", "list"), call(name("builtins", "map"), SYSTEM, [TRUE]))),
    "os.system",
)

# --- how its name is written

malicious_bytes("python2_name", "CWE-502", b"\x80\x02c__builtin__\neval\n(S'1+1'\ntR.", "compile")
malicious_bytes(
    "python2_module", "CWE-502", b"\x80\x02ccommands\ngetoutput\n(S'true'\ntR.", "subprocess.Popen"
)
malicious_bytes(
    "stack_global", "CWE-502", pickle(call(stack_name("os", "system"), TRUE)), "os.system"
)
malicious_bytes(
    "stack_global_escaped_string",
    "CWE-502",
    b"\x80\x04S'\\x6f\\x73'\nS'sys\\x74em'\n\x93" + push((TRUE,)) + b"R.",
    "os.system",
)
malicious_bytes(
    "stack_global_unicode_escape",
    "CWE-502",
    b"\x80\x04V\\u006fs\nVs\\u0079stem\n\x93" + push((TRUE,)) + b"R.",
    "os.system",
)
malicious_bytes(
    "stack_global_from_memo",
    "CWE-502",
    PROTO
    + text("os")
    + b"q\x05"
    + text("system")
    + b"r\x00\x01\x00\x000"
    + b"0"
    + b"h\x05j\x00\x01\x00\x00\x93"
    + push((TRUE,))
    + b"R.",
    "os.system",
)
malicious_bytes(
    "memo_overwritten",
    "CWE-502",
    PROTO
    + text("collections")
    + b"q\x00"
    + b"0"
    + text("os")
    + b"q\x000h\x00"
    + text("system")
    + b"\x93"
    + push((TRUE,))
    + b"R.",
    "os.system",
)
malicious_bytes(
    "memoize_counts_sparse_entries",
    "CWE-502",
    PROTO
    + text("os")
    + b"r\x64\x00\x00\x000"
    + text("system")
    + b"\x940j\x64\x00\x00\x00h\x01\x93"
    + push((TRUE,))
    + b"R.",
    "os.system",
)
malicious_bytes(
    "duplicated_name",
    "CWE-502",
    PROTO + push(SYSTEM) + b"2" + push((TRUE,)) + b"R.",
    "os.system",
)
malicious_bytes(
    "dotted_name_through_a_reviewed_module",
    "GHSA-5j3x-jp52-966f",
    pickle(call(stack_name("joblib.numpy_pickle", "os.system"), TRUE)),
    "os.system",
)
malicious_bytes(
    "dotted_name_through_the_standard_library",
    "GHSA-5j3x-jp52-966f",
    pickle(call(stack_name("random", "_os.system"), TRUE)),
    "os.system",
)
malicious_bytes(
    "computed_operand",
    "CWE-502",
    pickle(call(stack_name(call(name("builtins", "str"), "os"), "system"), TRUE)),
    "os.system",
)
malicious_bytes(
    "extension_registry",
    "CWE-502",
    PROTO
    + push(call(name("copyreg", "add_extension"), "os", "system", 7))
    + b"0\x82\x07"
    + push((TRUE,))
    + b"R.",
    "os.system",
)
malicious_bytes("unknown_extension", "CWE-502", PROTO + b"\x82\x63" + push((TRUE,)) + b"R.")
malicious_bytes("windows_name", "CWE-502", pickle(call(name("nt", "system"), TRUE)))

# --- what resolves it

for _resolver in ("pkgutil.resolve_name", "pydoc.locate"):
    _module, _symbol = _resolver.split(".")
    _target = "os:system" if _module == "pkgutil" else "os.system"
    malicious_bytes(
        f"resolver_{_symbol}",
        RESOLVER,
        pickle(call(call(name(_module, _symbol), _target), TRUE)),
        "os.system",
    )
_OS = call(name("importlib", "import_module"), "os")
malicious_bytes(
    "resolver_import_module_getattr",
    RESOLVER,
    pickle(call(call(name("builtins", "getattr"), _OS, "system"), TRUE)),
    "os.system",
)
malicious_bytes(
    "resolver_attrgetter",
    RESOLVER,
    pickle(call(call(call(name("operator", "attrgetter"), "system"), _OS), TRUE)),
    "os.system",
)
malicious_bytes(
    "resolver_underscored_methodcaller",
    "GHSA-955r-x9j8-7rhh",
    pickle(call(call(name("_operator", "methodcaller"), "system", TRUE), _OS)),
    "os.system",
)
malicious_bytes(
    "resolver_dunder_import",
    RESOLVER,
    pickle(
        call(
            call(name("builtins", "getattr"), call(name("builtins", "__import__"), "os"), "system"),
            TRUE,
        )
    ),
    "os.system",
)
malicious_bytes(
    "resolver_numpy_ufunc",
    "CWE-470",
    pickle(call(call(name("numpy.core", "_ufunc_reconstruct"), "os", "system"), TRUE)),
    "os.system",
)
malicious_bytes(
    "resolver_logging_config",
    "GHSA-955r-x9j8-7rhh",
    pickle(
        call(
            name("logging.config", "dictConfig"),
            {
                "version": 1,
                "handlers": {"h": {"()": "os.system", "command": TRUE}},
                "root": {"handlers": ["h"]},
            },
        )
    ),
    "os.system",
)
malicious_bytes(
    "getattr_of_a_reviewed_class",
    "CWE-470",
    pickle(
        call(
            call(
                name("builtins", "getattr"), name("collections", "OrderedDict"), "__init_subclass__"
            ),
        )
    ),
)

# --- around the payload

_CALL = push(call(SYSTEM, TRUE))
malicious_bytes("broken_tail", "nullifAI", PROTO + _CALL + b"\xff\xff\xff", "os.system")
malicious_bytes("truncated_after_call", "nullifAI", PROTO + _CALL, "os.system")
malicious_bytes(
    "truncated_operand_after_call", PAPER, PROTO + _CALL + b"X\xff\xff\xff\x7fabc", "os.system"
)
malicious_bytes("stack_underflow_after_call", PAPER, PROTO + _CALL + b"000000.", "os.system")
malicious_bytes(
    "protocol_0_broken_tail", "nullifAI", b"cos\nsystem\n(S'true'\ntR\xff\xff", "os.system"
)
malicious_bytes(
    "false_frame", PAPER, b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00N" + _CALL + STOP
)
malicious_bytes("second_stream", "CWE-502", real.dumps([1, 2]) + pickle(call(SYSTEM, TRUE)))
malicious_bytes(
    "second_stream_protocol_0", "CWE-502", real.dumps([1, 2]) + b"cos\nsystem\n(S'true'\ntR."
)
malicious_bytes(
    "nested_in_torch_storage",
    "CWE-502",
    pickle(call(name("torch.storage", "_load_from_bytes"), pickle(call(SYSTEM, TRUE)))),
)
malicious_bytes(
    "factory_of_defaultdict",
    "CWE-502",
    pickle(call(name("collections", "defaultdict"), SYSTEM)),
    None,
)
malicious_bytes(
    "codec_that_unpacks",
    "CWE-502",
    pickle(call(name("_codecs", "encode"), "x", "bz2_codec")),
)
malicious_bytes(
    "class_made_by_type",
    "CWE-502",
    pickle(call(name("builtins", "type"), "X", (), {})),
)
malicious_bytes(
    "persistent_id",
    "CWE-502",
    PROTO + text("x") + b"Q.",
    verdict="review",
)
malicious_bytes(
    "memory_by_number",
    "CWE-400",
    pickle(call(name("builtins", "bytearray"), 2**31 - 1)),
)
malicious_bytes(
    "a_class_that_nobody_reviewed",
    "CWE-502",
    PROTO + push(name("some_package.models", "Model")) + b")\x81}b.",
    verdict="review",
)
malicious_bytes("many_marks", "CWE-400", PROTO + b"(" * 1_200_000, verdict="unknown")
malicious_bytes(
    "huge_announcement", "CWE-400", PROTO + b"\x8e" + struct.pack("<Q", 2**62), verdict="unknown"
)
