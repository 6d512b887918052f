"""Secrets in texts: every rule's specimens, look-alikes, and nothing ever said whole."""

import base64
import hashlib
import random

import pytest

from strongroom.assess.secrets import find_secrets, redacted
from strongroom.domain.secrets import secret_table


def joined(entry, text):
    """A specimen of the rules' file as it would stand in a file."""
    return text.replace(entry.get("joint", "~"), "")


RULES = secret_table()["secret"]
HITS = [(e["kind"], joined(e, t)) for e in RULES for t in e["hits"]]
MISSES = [(e["kind"], t) for e in RULES for t in e["misses"]]
GITHUB = "ghp" + "_16C7e42F292c6912E7710c838347Ae178B4a"


def kinds(text):
    return {s.kind for s in find_secrets(text)}


@pytest.mark.parametrize(("kind", "text"), HITS, ids=[f"{k}-{n}" for n, (k, _) in enumerate(HITS)])
def test_a_secret_is_found(kind, text):
    assert find_secrets(f"x = 1\n{text}\ny = 2\n")


@pytest.mark.parametrize(
    ("kind", "text"), MISSES, ids=[f"{k}-{n}" for n, (k, _) in enumerate(MISSES)]
)
def test_a_look_alike_is_left_alone(kind, text):
    assert kind not in kinds(f"x = 1\n{text}\ny = 2\n")


@pytest.mark.parametrize(("kind", "text"), HITS, ids=[f"{k}-{n}" for n, (k, _) in enumerate(HITS)])
def test_no_secret_is_said_whole(kind, text):
    for secret in find_secrets(text):
        value = text[secret.start : secret.end]
        assert value not in redacted(text)
        assert value not in secret.shown
        assert value[5:] not in repr(secret)


def test_the_place_is_that_of_the_value():
    text = f"é = 1\ntoken = '{GITHUB}'\n"
    (secret,) = find_secrets(text)
    assert text[secret.start : secret.end] == GITHUB
    assert secret.sure


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(
            f"    --hash=sha256:{hashlib.sha256(bytes([n])).hexdigest()} \\" for n in range(99)
        ),
        "\n".join(hashlib.sha1(bytes([n])).hexdigest() + f" file{n}.py" for n in range(99)),
        '"image/png": "' + base64.b64encode(random.Random(3).randbytes(60_000)).decode() + '"',
        "\n".join(base64.b64encode(random.Random(n).randbytes(57)).decode() for n in range(2_000)),
        '{"pad_token": "<|endoftext|>", "bos_token_id": 50256, "tokens_per_sample": 1024}',
        "integrity sha512-" + base64.b64encode(hashlib.sha512(b"").digest()).decode(),
        "password = os.environ['DB_PASSWORD_1']\ntoken = get_secret('prod/token-1')",
        "API_KEY=<your-api-key-1>\nSECRET_KEY=changeme123\nDB_PASSWORD=${DB_PASSWORD}",
        "uuid = '123e4567-e89b-12d3-a456-426614174000'",
    ],
    ids=[
        "lock",
        "objects",
        "image",
        "weights",
        "tokenizer",
        "npm",
        "environment",
        "example",
        "uuid",
    ],
)
def test_digests_images_and_placeholders_are_no_secrets(text):
    assert find_secrets(text) == ()


@pytest.mark.parametrize("text", ["", "\n" * 100_000, "key" * 200_000, "-----BEGIN " * 50_000])
def test_a_text_made_to_be_slow_is_read_to_the_end(text):
    assert find_secrets(text) == ()
