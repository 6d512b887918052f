"""A key service that is down, slow, or says no; and OpenBao's policies as the docs give them."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.domain.errors import InputError, KeyAccessError
from strongroom.keys.kms import Kms, kms_from_uri

pytest.importorskip("hvac", reason="needs the vault extra")

DATA_KEY = b"\x17" * 32
HERE = b"fraud 1"
TOKEN = "s.a-token-that-nobody-may-see"
PAGE = Path(__file__).parents[2] / "docs" / "key-services.md"


@contextlib.contextmanager
def listener() -> Iterator[tuple[int, list[socket.socket]]]:
    """A port that takes connections and never answers; and who came."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        came: list[socket.socket] = []

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    came.append(server.accept()[0])

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1], came
        server.shutdown(socket.SHUT_RDWR)
        for one in came:
            one.close()


def places(port: int) -> dict[str, str]:
    return {
        "openbao": f"openbao:http://127.0.0.1:{port}/transit",
        "azure": f"azure-kv:https://127.0.0.1:{port}",
        "aws": f"aws-kms:eu-central-1?endpoint=http://127.0.0.1:{port}",
    }


def found(uri: str, timeout: float) -> Kms:
    if uri.startswith("aws"):
        pytest.importorskip("boto3", reason="needs the aws extra")
    if uri.startswith("azure"):
        pytest.importorskip("azure.keyvault.keys", reason="needs the azure extra")
        pytest.importorskip("azure.identity", reason="needs the azure extra")
    environment = {
        "VAULT_TOKEN": TOKEN,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": TOKEN,
    }
    return kms_from_uri(uri, environment=environment, timeout=timeout)


@pytest.mark.parametrize("kind", ["aws", "azure", "openbao"])
def test_a_service_that_is_down_is_said_to_be_down_without_a_secret(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    kms = found(places(port)[kind], 1.0)
    with pytest.raises(KeyAccessError, match=r"does not answer.*nothing was lost") as said:
        kms.wrap(DATA_KEY, HERE, name="fraud")
    assert said.value.where == kms.uri
    assert TOKEN not in str(said.value)


@pytest.mark.parametrize("kind", ["aws", "azure", "openbao"])
def test_a_service_that_never_answers_is_given_up_after_a_few_calls(kind: str) -> None:
    with listener() as (port, came):
        kms = found(places(port)[kind], 0.2)
        with pytest.raises(KeyAccessError, match="does not answer"):
            kms.wrap(DATA_KEY, HERE, name="fraud")
        assert 1 <= len(came) <= 4


def test_an_expired_or_unknown_token_says_so_and_is_not_repeated(bao) -> None:
    kms = kms_from_uri(bao.new_transit(), environment={"VAULT_TOKEN": TOKEN})
    with pytest.raises(KeyAccessError, match=r"permission denied.*token has expired") as said:
        kms.wrap(DATA_KEY, HERE)
    assert TOKEN not in str(said.value)


def test_no_token_at_all_says_which_variable_to_set(bao) -> None:
    with pytest.raises(InputError, match="VAULT_TOKEN"):
        kms_from_uri(bao.new_transit(), environment={}).wrap(DATA_KEY, HERE)


@pytest.mark.parametrize(
    "uri",
    [
        "openbao:",
        "openbao:host/transit",
        "vault:ftp://host/transit",
        "vault:https://t@host/transit",
    ],
)
def test_an_address_that_is_none_or_carries_a_secret_is_refused(uri: str) -> None:
    with pytest.raises(InputError, match="not the address of a transit engine"):
        kms_from_uri(uri, environment={})


def test_a_role_logs_in_and_logs_in_again_when_its_token_has_run_out(bao) -> None:
    uri = bao.new_transit()
    mount = uri.rsplit("/", 1)[1]
    bao.client.sys.enable_auth_method("approle", path="approle")
    policy = f'path "{mount}/*" {{ capabilities = ["create", "read", "update"] }}'
    bao.client.sys.create_or_update_policy("all", policy)
    roles = bao.client.auth.approle
    roles.create_or_update_approle("seal", token_policies=["all"], token_ttl="1h")
    environment = {
        "BAO_ROLE_ID": roles.read_role_id("seal")["data"]["role_id"],
        "BAO_SECRET_ID": roles.generate_secret_id("seal")["data"]["secret_id"],
    }
    kms = kms_from_uri(uri, environment=environment)
    wrapped = kms.wrap(DATA_KEY, HERE)
    for accessor in bao.client.list("auth/token/accessors")["data"]["keys"]:
        about = bao.client.auth.token.lookup_accessor(accessor)["data"]
        if about["path"] == "auth/approle/login":
            bao.client.auth.token.revoke_accessor(accessor)
    assert kms.unwrap(wrapped, HERE) == DATA_KEY


@pytest.fixture(scope="module")
def roles(bao) -> dict[str, Kms]:
    """A service for each role that the docs tell of, by the policy that they give."""
    uri = bao.new_transit()
    mount = uri.rsplit("/", 1)[1]
    blocks = re.findall(r"```hcl\n# (\w+)\n(.+?)```", PAGE.read_text("utf-8"), re.DOTALL)
    made = {}
    for name, policy in blocks:
        token = bao.token_for(f"{mount}-{name}", policy.replace('"transit/', f'"{mount}/'))
        made[name] = kms_from_uri(uri, environment={"VAULT_TOKEN": token})
    assert set(made) == {"sealer", "opener", "rotator", "shredder"}
    return made


MAY = {
    "sealer": {"wrap"},
    "opener": {"unwrap"},
    "rotator": {"wrap", "unwrap", "rotate", "retire"},
    "shredder": {"unwrap", "destroy"},
}


@pytest.mark.parametrize("role", sorted(MAY))
def test_each_role_can_do_its_part_and_nothing_else(roles: dict[str, Kms], role: str) -> None:
    wrapped = roles["sealer"].wrap(DATA_KEY, HERE, name=f"of-{role}")
    acts = {
        "wrap": lambda kms: kms.wrap(DATA_KEY, HERE, name=f"of-{role}"),
        "unwrap": lambda kms: kms.unwrap(wrapped, HERE),
        "rotate": lambda kms: kms.rotate(f"of-{role}"),
        "retire": lambda kms: kms.retire(wrapped),
        "destroy": lambda kms: kms.destroy(f"of-{role}"),
    }
    for name, act in acts.items():
        if name in MAY[role]:
            act(roles[role])
        else:
            with pytest.raises(KeyAccessError, match="permission denied"):
                act(roles[role])
