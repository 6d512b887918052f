"""Formats that are not pickles and have their own ways to run code or reach out."""

import base64
import json
import marshal
import struct

import onnx
from onnx import TensorProto, helper
from tests.assess.scanner.specimens.containers import zip_of
from tests.assess.scanner.specimens.registry import malicious, malicious_bytes


def keras_zip(layer):
    """A `.keras` archive with one layer."""
    config = {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "s", "layers": [layer]},
        "registered_name": None,
    }
    entries = {
        "config.json": json.dumps(config).encode(),
        "metadata.json": b'{"keras_version": "3.11.0"}',
        "model.weights.h5": b"\x89HDF\r\n\x1a\n" + b"\0" * 100,
    }
    return zip_of(entries)


LAMBDA = {
    "class_name": "Lambda",
    "module": "keras.layers",
    "config": {
        "function": {
            "class_name": "__lambda__",
            "config": {"code": base64.b64encode(marshal.dumps((lambda x: x).__code__)).decode()},
        }
    },
    "registered_name": None,
}


def layer(module, name, config=None):
    """One entry of the configuration."""
    return {"class_name": name, "module": module, "config": config or {}, "registered_name": name}


for _name, _advisory, _layer in (
    ("lambda", "CVE-2024-3660", LAMBDA),
    ("module_os", "CVE-2025-1550", layer("os", "system", {"command": "true"})),
    ("function_of_subprocess", "CVE-2025-1550", layer("subprocess", "function", "run")),
    ("function_get_file", "CVE-2025-8747", layer("keras.utils", "function", "get_file")),
    ("utils_get_file", "CVE-2025-8747", layer("keras.src.utils.file_utils", "get_file")),
    ("unsafe_switch", "CVE-2025-9906", layer("keras.config", "enable_unsafe_deserialization")),
    (
        "torch_wrapper",
        "CVE-2025-49655",
        layer("keras.layers", "TorchModuleWrapper", {"module": "x"}),
    ),
    (
        "string_lookup",
        "CVE-2025-12058",
        layer("keras.layers", "StringLookup", {"vocabulary": "/etc/passwd"}),
    ),
    ("saved_model_layer", "CVE-2025-8747", layer("keras.layers", "TFSMLayer", {"filepath": "/x"})),
):
    malicious_bytes(f"keras_{_name}", _advisory, keras_zip(_layer), filename="model.keras")


@malicious("keras_h5_lambda", "CVE-2025-9905", filename="model.h5")
def _h5():
    config = json.dumps({"class_name": "Sequential", "config": {"layers": [LAMBDA]}}).encode()
    return b"\x89HDF\r\n\x1a\n" + b"\0" * 2000 + config + b"\0" * 300_000


@malicious("keras_h5_lambda_across_pieces", "CVE-2025-9905", filename="model.h5")
def _h5_far():
    config = json.dumps({"class_name": "Sequential", "config": {"layers": [LAMBDA]}}).encode()
    return b"\x89HDF\r\n\x1a\n" + b"\xff" * (256 * 1024 - 30) + config + b"\0" * 300_000


def onnx_model(node=None, external=None):
    """A model with one node, or with one external tensor."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([node or helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    if external:
        tensor = graph.initializer.add()
        tensor.name, tensor.data_type = "w", TensorProto.FLOAT
        tensor.dims.append(1)
        tensor.data_location = TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", external
    return helper.make_model(graph).SerializeToString()


def _subgraph_with(external):
    inner = onnx.ModelProto.FromString(onnx_model(external=external)).graph
    node = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    return onnx_model(node)


for _name, _location, _advisory in (
    ("parent", "../../etc/passwd", "CVE-2022-25882"),
    ("absolute", "/etc/passwd", "CVE-2024-27318"),
    ("nested", "a/../../b", "CVE-2024-27318"),
    ("windows", "..\\..\\x", "CVE-2024-5187"),
):
    malicious_bytes(
        f"onnx_external_{_name}", _advisory, onnx_model(external=_location), filename="m.onnx"
    )
malicious_bytes(
    "onnx_external_in_subgraph", "CVE-2022-25882", _subgraph_with("../x"), filename="m.onnx"
)
malicious_bytes(
    "onnx_python_operator",
    "CWE-94",
    onnx_model(helper.make_node("PyOp", ["x"], ["y"], domain="ai.onnx.contrib")),
    filename="m.onnx",
)
malicious_bytes(
    "onnx_custom_operator",
    "CWE-114",
    onnx_model(helper.make_node("Foo", ["x"], ["y"], domain="com.vendor")),
    verdict="review",
    filename="m.onnx",
)


def skops_of(node):
    """An archive with one node."""
    return zip_of(
        {"schema.json": json.dumps({**node, "protocol": 2, "_skops_version": "0.11"}).encode()}
    )


_INNER = {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "content": {}}
for _name, _advisory, _node in (
    (
        "operator_node",
        "CVE-2025-54412",
        {
            "__class__": "call",
            "__module__": "os.system",
            "__loader__": "OperatorFuncNode",
            "attrs": _INNER,
        },
    ),
    (
        "method_node",
        "CVE-2025-54413",
        {
            "__class__": "int",
            "__module__": "builtins",
            "__loader__": "MethodNode",
            "content": {
                "func": "__init_subclass__",
                "obj": {**_INNER, "__class__": "Popen", "__module__": "subprocess"},
            },
        },
    ),
    (
        "function_node",
        "CVE-2025-54886",
        {"__class__": "load", "__module__": "joblib", "__loader__": "FunctionNode"},
    ),
    (
        "object_node",
        "CWE-502",
        {"__class__": "Popen", "__module__": "subprocess", "__loader__": "ObjectNode"},
    ),
    ("type_node", "CWE-502", {"__class__": "system", "__module__": "os", "__loader__": "TypeNode"}),
):
    malicious_bytes(f"skops_{_name}", _advisory, skops_of(_node), filename="model.skops")


def gguf_with(template):
    """Metadata with one chat template."""

    def text(value):
        raw = value.encode()
        return struct.pack("<Q", len(raw)) + raw

    pair = text("tokenizer.chat_template") + struct.pack("<I", 8) + text(template)
    name = text("general.name") + struct.pack("<I", 8) + text("tiny")
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + name + pair


ESCAPES = {
    "class": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "lipsum": "{% set x = lipsum.__globals__['os'].popen('true') %}{{ x }}",
    "cycler": "{{ cycler.__init__.__globals__.os.popen('true').read() }}",
    "joined": "{{ x|attr('_'*2 ~ 'class' ~ '_'*2) }}",
    "hex": "{{ x|attr('\\x5f\\x5fclass\\x5f\\x5f') }}",
    "bracket": "{{ x['__class__'] }}",
    "for_loop": "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
}
for _name, _template in ESCAPES.items():
    malicious_bytes(
        f"gguf_template_{_name}", "CVE-2024-34359", gguf_with(_template), filename="m.gguf"
    )
    malicious_bytes(
        f"tokenizer_template_{_name}",
        "CVE-2024-34359",
        json.dumps({"chat_template": _template, "model_max_length": 512}).encode(),
        filename="tokenizer_config.json",
    )
malicious_bytes(
    "jinja_file", "CVE-2024-34359", ESCAPES["lipsum"].encode(), filename="chat_template.jinja"
)

MLMODEL = """artifact_path: model
flavors:
  python_function:
    loader_module: {loader}
    python_version: 3.11.0
{more}
mlflow_version: 3.17.2
"""
malicious_bytes(
    "mlmodel_loader_os",
    "CWE-470",
    MLMODEL.format(loader="os", more="").encode(),
    filename="MLmodel",
)
malicious_bytes(
    "mlmodel_loader_of_ones_own",
    "CWE-470",
    MLMODEL.format(loader="my_loader", more="    code: code").encode(),
    verdict="review",
    filename="MLmodel",
)
malicious_bytes(
    "mlmodel_trusts_itself",
    "GHSA-w582-9x45-8mpx",
    MLMODEL.format(
        loader="mlflow.sklearn",
        more="  sklearn:\n    skops_trusted_types: [os.system, builtins.eval]",
    ).encode(),
    filename="MLmodel",
)
malicious_bytes(
    "config_from_another_repository",
    "CWE-829",
    json.dumps(
        {"model_type": "x", "auto_map": {"AutoModel": "evil/repo--modeling.Model"}}
    ).encode(),
    filename="config.json",
)
malicious_bytes(
    "config_trusts_itself",
    "CWE-829",
    json.dumps({"model_type": "x", "trust_remote_code": True}).encode(),
    filename="config.json",
)
malicious_bytes(
    "config_with_its_own_code",
    "CWE-829",
    json.dumps({"model_type": "x", "auto_map": {"AutoModel": "modeling.Model"}}).encode(),
    verdict="review",
    filename="config.json",
)
malicious_bytes(
    "pmml_entity",
    "CWE-611",
    b'<?xml version="1.0"?>\n<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<PMML>&x;</PMML>',
    filename="model.pmml",
)
malicious_bytes(
    "modelfile_outside",
    "CVE-2024-37032",
    b"FROM ../../../root/.ssh/id_ed25519\nTEMPLATE x\n",
    filename="Modelfile",
)


def field(number, data):
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def saved_model(operator, *, in_function=False):
    """SavedModel with one operator, in the graph or in a function of its library."""
    node = field(1, b"n") + field(2, operator)
    graph = field(2, field(1, field(3, node))) if in_function else field(1, node)
    return b"\x08\x01" + field(2, field(2, graph) + field(1, b"\x0a\x00" * 8))


for _operator in ("PyFunc", "ReadFile", "WriteFile", "EagerPyFunc"):
    malicious_bytes(
        f"saved_model_{_operator}",
        "CWE-94",
        saved_model(_operator.encode()),
        filename="saved_model.pb",
    )
malicious_bytes(
    "saved_model_in_function",
    "CWE-94",
    saved_model(b"WriteFile", in_function=True),
    filename="saved_model.pb",
)
malicious_bytes("elf", "CWE-114", b"\x7fELF" + b"\0" * 60, filename="model.bin")
malicious_bytes(
    "library", "CWE-114", b"\x7fELF" + b"\0" * 60, verdict="review", filename="libops.so"
)
malicious_bytes(
    "yaml_python_tag",
    "CVE-2020-14343",
    b"model: x\nhook: !!python/object/apply:os.system [true]\n",
    filename="model.yaml",
)
malicious_bytes(
    "hydra_target",
    "CVE-2025-23304",
    b"model:\n  encoder:\n    _target_: os.system\n    command: true\n",
    filename="model_config.yaml",
)
malicious_bytes(
    "hydra_target_in_json",
    "CVE-2025-23304",
    json.dumps({"encoder": {"_target_": "builtins.exec", "_args_": ["1"]}}).encode(),
    filename="config.json",
)
malicious_bytes(
    "keras_metadata_of_a_saved_model",
    "CVE-2024-3660",
    b'\n\xc8\x01\x08\x00\x12\x04root"\x0e_tf_keras_layer'
    + json.dumps({"class_name": "Sequential", "config": {"layers": [LAMBDA]}}).encode(),
    filename="keras_metadata.pb",
)
malicious_bytes(
    "bytecode",
    "CWE-94",
    b"\xa7\r\r\n" + b"\0" * 12 + marshal.dumps(1),
    verdict="review",
    filename="m.pyc",
)
