"""Pickle specimens: one for each way in which a pickle can run something."""

import marshal
import os
import pickle as real
import struct

from tests.assess.scanner.specimens.assembler import (
    PROTO,
    STOP,
    Op,
    call,
    name,
    pickle,
    push,
    stack_name,
    text,
)
from tests.assess.scanner.specimens.registry import malicious, malicious_bytes

TRUE = "true"
SYSTEM = name("os", "system")
SOURCE = "import os; os.system('true')"
PAPER = "arXiv:2508.19774"
RESOLVER = "GHSA-vvpj-8cmc-gx39"


def _latin1(data):
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

# --- gadgets of the standard library: symbol, arguments, the event that shows it worked

_GADGETS = [
    ("builtins.eval", ("1+1",), "compile"),
    ("builtins.exec", (SOURCE,), "compile"),
    ("builtins.compile", (SOURCE, "x", "exec"), "compile"),
    ("builtins.open", ("/nowhere/x", "w"), "open"),
    ("os.popen", (TRUE,), "subprocess.Popen"),
    ("os.execv", ("/bin/true", ["true"]), "os.exec"),
    ("os.spawnv", (1, "/bin/true", ["true"]), "os.fork"),
    ("os.posix_spawn", ("/bin/true", ["true"], {}), "os.posix_spawn"),
    ("os.remove", ("/nowhere/x",), "os.remove"),
    ("posix.system", (TRUE,), "os.system"),
    ("subprocess.Popen", (["true"],), "subprocess.Popen"),
    ("subprocess.check_output", (["true"],), "subprocess.Popen"),
    ("subprocess.getoutput", (TRUE,), "subprocess.Popen"),
    ("pty.spawn", (["true"],), "pty.spawn"),
    ("timeit.timeit", (SOURCE,), "compile"),
    ("timeit.Timer", (SOURCE,), "compile"),
    ("profile.run", (SOURCE,), "exec"),
    ("cProfile.run", (SOURCE,), "exec"),
    ("doctest.debug_script", (SOURCE,), "open"),
    ("runpy.run_path", ("/nowhere/x",), "open"),
    ("runpy.run_module", ("antigravity",), "import"),
    ("code.compile_command", (SOURCE,), "compile"),
    ("codeop.compile_command", (SOURCE,), "compile"),
    ("marshal.loads", (marshal.dumps(1),), "marshal.loads"),
    ("pickle.loads", (real.dumps(1),), "pickle.find_class"),
    ("_pickle.loads", (real.dumps(1),), "pickle.find_class"),
    ("shelve.open", ("/nowhere/x",), "open"),
    ("uuid._get_command_stdout", (TRUE,), "subprocess.Popen"),
    ("imaplib.IMAP4_stream", (TRUE,), "subprocess.Popen"),
    ("ctypes.CDLL", ("libc.so.6",), "ctypes.dlopen"),
    ("ctypes.util._findLib_gcc", ("c",), "tempfile.mkstemp"),
    ("io.FileIO", ("/nowhere/x", "w"), "open"),
    ("_io.FileIO", ("/nowhere/x", "w"), "open"),
    ("io.open_code", ("/nowhere/x",), "open"),
    ("codecs.open", ("/nowhere/x", "w"), "open"),
    ("shutil.rmtree", ("/nowhere/x",), "shutil.rmtree"),
    ("shutil.copyfile", ("/nowhere/x", "/nowhere/y"), "shutil.copyfile"),
    ("tempfile.mkdtemp", (), "tempfile.mkdtemp"),
    ("glob.glob", ("/*",), "glob.glob"),
    ("logging.FileHandler", ("/nowhere/x",), "open"),
    ("sqlite3.connect", ("/nowhere/x",), "sqlite3.connect"),
    ("socket.create_connection", (("127.0.0.1", 9),), "socket.getaddrinfo"),
    ("urllib.request.urlopen", ("http://127.0.0.1:9/",), "urllib.Request"),
    ("smtplib.SMTP", ("127.0.0.1", 9), "smtplib.connect"),
    ("ftplib.FTP", ("127.0.0.1",), "ftplib.connect"),
    ("http.client.HTTPConnection", ("127.0.0.1",), None),
    ("webbrowser.open", ("http://127.0.0.1:9/",), None),
    ("importlib.import_module", ("antigravity",), "import"),
    ("zipimport.zipimporter", ("/nowhere/x.zip",), None),
    ("lib2to3.pgen2.driver.load_grammar", ("/nowhere/Grammar.txt",), None),
    ("distutils.spawn.spawn", (["true"],), None),
    ("distutils.file_util.write_file", ("/nowhere/x", ["x"]), None),
    ("idlelib.run.install_recursionlimit_wrappers", (), None),
    ("idlelib.autocomplete.AutoComplete", (), None),
    ("ensurepip._run_pip", (["list"],), None),
    ("venv.create", ("/nowhere/x",), None),
    ("bdb.Bdb.run", (SOURCE,), None),
    ("pdb.run", (SOURCE,), None),
    ("trace.Trace.run", (SOURCE,), None),
    ("asyncio.unix_events._UnixSubprocessTransport", (), None),
    ("asyncio.run", (None,), None),
    ("multiprocessing.util.spawnv_passfds", (b"/bin/true", ["true"], ()), None),
    ("test.support.script_helper.assert_python_ok", ("-c", "1"), None),
    ("unittest.mock._importer", ("os",), "import"),
    ("inspect._signature_fromstr", (None, None, "(a=1)"), None),
    ("types.CodeType", (0,), None),
    ("typing.get_type_hints", (None,), None),
    ("sys.exit", (0,), None),
    ("signal.raise_signal", (0,), None),
    ("atexit.register", (SYSTEM, TRUE), None),
    ("threading.Thread", (None, SYSTEM), None),
    ("gc.get_objects", (), None),
    ("_posixsubprocess.fork_exec", (), None),
    ("winreg.OpenKey", (), None),
    ("pip._internal.main", (["install"],), None),
    ("setuptools.sandbox.run_setup", ("setup.py", []), None),
]
for _path, _args, _event in _GADGETS:
    _module, _, _symbol = _path.rpartition(".")
    if _module in {"bdb.Bdb", "trace.Trace"}:
        _module, _, _class = _module.partition(".")
        _callee = stack_name(_module, f"{_class}.{_symbol}")
    else:
        _callee = name(_module, _symbol)
    malicious_bytes(f"gadget_{_path}", PAPER, pickle(call(_callee, *_args)), _event)

# --- gadgets of machine-learning packages

_FRAMEWORKS = [
    ("torch.load", ("x.pt",), "GHSA-53q9-r3pm-6pq6"),
    ("torch.hub.load", ("x", "y"), PAPER),
    ("torch.jit.unsupported_tensor_ops.execWrapper", (SOURCE, {}, {}), PAPER),
    ("torch.utils.bottleneck.__main__.run_autograd_prof", (SOURCE, {}), PAPER),
    ("torch.utils.bottleneck.__main__.run_cprofile", (SOURCE, {}), PAPER),
    ("torch.utils.collect_env.run", (TRUE,), PAPER),
    ("torch.utils._config_module.ConfigModule.load_config", (b"",), PAPER),
    ("torch.utils.data.datapipes.utils.decoder.basichandlers", ("pkl", b""), PAPER),
    ("torch._dynamo.guards.GuardBuilder.get", (SOURCE,), PAPER),
    ("torch._inductor.codecache.compile_file", (TRUE,), PAPER),
    ("torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression", (SOURCE,), PAPER),
    ("torch.fx._symbolic_trace.Tracer", (), PAPER),
    ("torch.cuda.nccl.version", (), PAPER),
    ("numpy.load", ("x.npy",), PAPER),
    ("numpy.f2py.crackfortran.getlincoef", (SOURCE, {}), PAPER),
    ("numpy.f2py.crackfortran.param_eval", (SOURCE, {}, {}), PAPER),
    ("numpy.f2py.crackfortran._eval_length", (SOURCE, {}), PAPER),
    ("numpy.f2py.diagnose.run_command", (TRUE,), PAPER),
    ("numpy.testing._private.utils.runstring", (SOURCE, {}), PAPER),
    ("numpy.distutils.exec_command.exec_command", (TRUE,), PAPER),
    ("numpy.ctypeslib.load_library", ("x", "/"), PAPER),
    ("numpy.memmap", ("/etc/passwd",), PAPER),
    ("joblib.load", ("x.joblib",), "CVE-2024-34997"),
    ("joblib.numpy_pickle.NumpyUnpickler", (), PAPER),
    ("joblib.numpy_pickle_compat.NDArrayWrapper", ("../x.npy", None), PAPER),
    ("pandas.read_pickle", ("x.pkl",), PAPER),
    ("pandas.eval", ("@__import__('os')",), PAPER),
    ("pandas.core.computation.eval.eval", ("1",), PAPER),
    ("sklearn.externals.six.moves.exec_", (SOURCE,), PAPER),
    ("sklearn.datasets.fetch_openml", ("x",), PAPER),
    ("scipy.io.loadmat", ("x",), PAPER),
    ("numexpr.evaluate", ("1",), PAPER),
    ("dill._dill._create_code", (0,), PAPER),
    ("dill.loads", (b"",), PAPER),
    ("cloudpickle.loads", (b"",), PAPER),
    ("cloudpickle.cloudpickle._make_function", (0,), PAPER),
    ("jsonpickle.decode", ("{}",), PAPER),
    ("yaml.unsafe_load", ("",), PAPER),
    ("jinja2.Template", ("{{1}}",), PAPER),
    ("tensorflow.io.write_file", ("x", "y"), PAPER),
    ("keras.models.load_model", ("x",), PAPER),
    ("keras.src.utils.file_utils.get_file", ("x",), PAPER),
    ("mlflow.pyfunc.load_model", ("x",), PAPER),
    ("transformers.pipelines.pipeline", ("x",), PAPER),
    ("huggingface_hub.snapshot_download", ("x",), PAPER),
    ("requests.get", ("http://127.0.0.1:9/",), PAPER),
    ("aiohttp.request", ("GET", "http://127.0.0.1:9/"), PAPER),
    ("some_package.helpers.run", ("x",), "CWE-502"),
    ("__main__.payload", ("x",), "CWE-502"),
]
for _path, _args, _advisory in _FRAMEWORKS:
    _module, _, _symbol = _path.rpartition(".")
    if _module.rpartition(".")[2][:1].isupper():
        _module, _, _class = _module.rpartition(".")
        _callee = stack_name(_module, f"{_class}.{_symbol}")
    else:
        _callee = name(_module, _symbol)
    malicious_bytes(f"framework_{_path}", _advisory, pickle(call(_callee, *_args)))


@malicious("marshalled_function", "CWE-94", "marshal.loads")
def _marshalled():
    code = marshal.dumps(compile(SOURCE, "x", "exec"))
    function = call(
        name("types", "FunctionType"),
        call(name("marshal", "loads"), code),
        call(name("builtins", "globals")),
    )
    return pickle(call(function))


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


@malicious("template_in_scipy_state", "CWE-94", "os.system")
def _scipy_template():
    """Setting the state of a distribution runs a template that the state itself brings."""
    state = {"_parse_arg_template": "\n" + SOURCE, "name": "x"}
    return (
        PROTO
        + push(name("scipy.stats._continuous_distns", "uniform_gen"))
        + b")\x81"
        + push(state)
        + b"b."
    )


malicious_bytes(
    "nested_in_torch_storage_protocol_2",
    "CWE-502",
    pickle(
        call(
            name("torch.storage", "_load_from_bytes"),
            call(name("_codecs", "encode"), Op(_latin1(pickle(call(SYSTEM, TRUE)))), "latin1"),
        )
    ),
)
malicious_bytes(
    "constructor_of_numpy_generator",
    "CWE-502",
    pickle(call(name("numpy.random._pickle", "__generator_ctor"), TRUE, name("cmd", "Cmd"))),
)


# --- reviewed helpers, handed to somebody else to call

LOADER = name("torch.storage", "_load_from_bytes")
NESTED = pickle(call(SYSTEM, TRUE))
for _attribute, _opcode in (("__setstate__", b"b"), ("append", b"a"), ("add", None)):
    malicious_bytes(
        f"reviewed_loader_as_{_attribute}",
        "found by our review",
        PROTO
        + push(call(name("argparse", "Namespace")))
        + push({_attribute: LOADER})
        + b"b"
        + (push(NESTED) + _opcode if _opcode else b"(" + push(NESTED) + b"\x90")
        + b".",
    )
malicious_bytes(
    "reviewed_loader_as_constructor",
    "found by our review",
    pickle(call(name("numpy.random._pickle", "__generator_ctor"), NESTED, LOADER)),
)
malicious_bytes(
    "reviewed_loader_in_a_partial",
    "found by our review",
    pickle(
        call(
            name("scipy.stats._distn_infrastructure", "rv_frozen"),
            Op(
                push(call(name("argparse", "Namespace")))
                + push({"_updated_ctor_param": call(name("functools", "partial"), LOADER, NESTED)})
                + b"b"
            ),
        )
    ),
)
malicious_bytes(
    "computed_attribute_name",
    "found by our review",
    PROTO
    + push(call(name("argparse", "Namespace")))
    + b"}("
    + push(call(name("builtins", "str"), "__setstate__"))
    + push(name("builtins", "list"))
    + b"ub"
    + push(NESTED)
    + b"b.",
)
