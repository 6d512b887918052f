"""What pickles call: symbols of the standard library and of machine-learning packages."""

import marshal
import pickle as real

from tests.assess.scanner.specimens.assembler import (
    PROTO,
    Op,
    call,
    name,
    pickle,
    push,
    stack_name,
)
from tests.assess.scanner.specimens.pickles import PAPER, SOURCE, SYSTEM, TRUE, latin1
from tests.assess.scanner.specimens.registry import malicious, malicious_bytes

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
            call(name("_codecs", "encode"), Op(latin1(pickle(call(SYSTEM, TRUE)))), "latin1"),
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
