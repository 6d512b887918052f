"""Secrets found and false alarms, beside detect-secrets as it comes; `run()` gives Markdown.

The corpus is made here, from a seed: credentials in the public forms of their vendors, and values
under telling names, each in the kinds of file where people leave them; and innocent files that look
alike. We wrote both the corpus and the rules, so our own recall says less than the difference to
the peer, and the false alarms. The keys are random and open nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import string
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings

from strongroom.assess.secrets import find_secrets

SEED = 20261122
EACH = 12
"""Files of each kind of secret."""
ALNUM = string.ascii_letters + string.digits
Rng = random.Random


def _some(rng: Rng, n: int, alphabet: str = ALNUM) -> str:
    return "".join(rng.choices(alphabet, k=n))


def _jwt(rng: Rng) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    body = {"sub": _some(rng, 8), "exp": rng.randrange(10**9)}
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(body)}.{_some(rng, 43)}"


def _pem(rng: Rng) -> str:
    body = base64.b64encode(rng.randbytes(600)).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----"


FORMS: dict[str, Callable[[Rng], str]] = {
    "AWS access key": lambda r: "AKIA" + _some(r, 16, string.ascii_uppercase + "234567"),
    "GitHub token": lambda r: "ghp_" + _some(r, 36),
    "GitHub fine-grained": lambda r: f"github_pat_{_some(r, 22)}_{_some(r, 59)}",
    "GitLab token": lambda r: "glpat-" + _some(r, 20),
    "Slack bot token": lambda r: (
        f"xoxb-{r.randrange(10**11, 10**12)}-{r.randrange(10**12, 10**13)}-" + _some(r, 24)
    ),
    "Stripe live key": lambda r: "sk_live_" + _some(r, 24),
    "OpenAI project key": lambda r: f"sk-proj-{_some(r, 74)}T3BlbkFJ{_some(r, 73)}",
    "Anthropic key": lambda r: f"sk-ant-api03-{_some(r, 93)}AA",
    "Google API key": lambda r: "AIza" + _some(r, 35),
    "Hugging Face token": lambda r: "hf_" + _some(r, 34, string.ascii_letters),
    "npm token": lambda r: "npm_" + _some(r, 36),
    "PyPI token": lambda r: "pypi-AgEIcHlwaS5vcmc" + _some(r, 150),
    "SendGrid key": lambda r: f"SG.{_some(r, 22)}.{_some(r, 43)}",
    "Vault token": lambda r: "hvs." + _some(r, 95),
    "JWT": _jwt,
    "private key": _pem,
    "database address": lambda r: f"postgresql://risk:{_some(r, 16)}@db.bank.example:5432/cards",
}
NAMES = ("password", "db_password", "client_secret", "api_key", "auth_token", "HSM_PIN_SECRET")


def _python(value: str, name: str) -> tuple[str, str]:
    return "train.py", f"import os\n\n{name} = '''{value}'''\n\ndef main():\n    return 1\n"


def _env(value: str, name: str) -> tuple[str, str]:
    quoted = json.dumps(value) if "\n" in value else value
    return ".env", f"MODE=prod\n{name.upper()}={quoted}\n"


def _yaml(value: str, name: str) -> tuple[str, str]:
    return "config.yaml", f"service:\n  port: 8080\n  {name}: {json.dumps(value)}\n"


def _notebook(value: str, name: str) -> tuple[str, str]:
    cell = {"cell_type": "code", "source": [f"{name} = {value!r}\n"], "outputs": []}
    return "explore.ipynb", json.dumps({"cells": [cell], "nbformat": 4})


def _csv(value: str, name: str) -> tuple[str, str]:
    note = value.replace("\n", "\\n")
    return "tickets.csv", f'id,note\n1,thanks\n2,"please use {name} {note} until Friday"\n'


FILES = (_python, _env, _yaml, _notebook, _csv)


def planted(rng: Rng) -> Iterator[tuple[str, str, str]]:
    """Kind, name of the file, text."""
    for kind, make in FORMS.items():
        for n in range(EACH):
            name, text = FILES[n % len(FILES)](make(rng), rng.choice(NAMES))
            yield kind, name, text
    for n in range(EACH * 3):
        value = _some(rng, rng.randrange(12, 24), ALNUM + "!#%+-_")
        name, text = FILES[n % 4](value, rng.choice(NAMES))  # in prose nothing tells it from a word
        yield "value under a telling name", name, text


def innocent(rng: Rng) -> Iterator[tuple[str, str, str]]:
    """Kind, name of the file, text: nothing in it is a secret."""
    for n in range(EACH * 3):
        digest = hashlib.sha256(bytes([n])).hexdigest()
        image = base64.b64encode(rng.randbytes(900)).decode()
        yield (
            "lock with hashes",
            "requirements.lock",
            f"numpy==2.4.6 \\\n    --hash=sha256:{digest}\n",
        )
        yield (
            "npm lock",
            "package-lock.json",
            json.dumps({"integrity": "sha512-" + base64.b64encode(rng.randbytes(64)).decode()}),
        )
        yield (
            "image in a notebook",
            "plot.ipynb",
            json.dumps({"cells": [{"outputs": [{"data": {"image/png": image}}]}]}),
        )
        name = rng.choice(NAMES)
        for value in ("changeme", "${TOKEN}", "<your-key-here>", "os.environ['KEY']", "********"):
            yield "placeholder", "config.yaml", f"service:\n  {name}: {value}\n"
        yield (
            "identifiers",
            "trace.json",
            json.dumps(
                {
                    "commit": hashlib.sha1(bytes([n])).hexdigest(),
                    "id": str(uuid.UUID(int=rng.getrandbits(128))),
                }
            ),
        )
        tree = " ".join(f"{rng.gauss(0, 1):.17g}" for _ in range(60))
        yield "tree model", "model.txt", f"tree\nversion=v4\nleaf_value={tree}\n"
        vocabulary = {
            _some(rng, rng.randrange(3, 12), string.ascii_lowercase): i for i in range(80)
        }
        yield "vocabulary", "tokenizer.json", json.dumps({"model": {"vocab": vocabulary}})
        yield (
            "code about secrets",
            "auth.py",
            (
                "def check(password, token):\n    secret = load_secret(name='db_password')\n"
                "    return verify(password, secret) and token_is_valid(token)\n"
            ),
        )
        key = base64.b64encode(rng.randbytes(91)).decode()
        yield (
            "public key",
            "trust.pem",
            f"-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n",
        )


def _ours(path: Path) -> bool:
    return bool(find_secrets(path.read_text("utf-8")))


def _peer(path: Path) -> bool:
    with default_settings():
        return any(True for _ in scan_file(str(path)))


def _count(
    cases: list[tuple[str, str, str]], judge: Callable[[Path], bool], folder: Path
) -> tuple[dict[str, list[bool]], float]:
    """Whether each was flagged, by kind; and CPU seconds."""
    found: dict[str, list[bool]] = {}
    spent = 0.0
    for number, (kind, name, text) in enumerate(cases):
        path = folder / str(number) / name
        path.parent.mkdir()
        path.write_text(text, "utf-8")
        began = time.process_time()
        found.setdefault(kind, []).append(judge(path))
        spent += time.process_time() - began
    return found, spent


def run() -> str:
    """The section of docs/benchmarks.md."""
    rng = random.Random(SEED)
    hits, misses = list(planted(rng)), list(innocent(rng))
    rows = {}
    for name, judge in (("strongroom", _ours), ("detect-secrets 1.5", _peer)):
        with tempfile.TemporaryDirectory() as folder:
            for part in ("hits", "misses"):
                (Path(folder) / part).mkdir()
            rows[name] = (
                _count(hits, judge, Path(folder) / "hits"),
                _count(misses, judge, Path(folder) / "misses"),
            )
    lines = [
        "## Secrets",
        "",
        f"{len(hits)} files with one secret each and {len(misses)} without, made by",
        "`bench/leaked.py` from a seed; both sides read the same files. We wrote both, and",
        "mended two rules after a first run (90.8 %): read the difference and the false alarms.",
        "",
        "| | found | false alarms | CPU ms a file |",
        "|---|---|---|---|",
    ]
    for name, ((hit, first), (miss, second)) in rows.items():
        found = sum(sum(flags) for flags in hit.values())
        wrong = sum(sum(flags) for flags in miss.values())
        cost = 1000 * (first + second) / (len(hits) + len(misses))
        lines.append(
            f"| {name} | {found} ({100 * found / len(hits):.1f} %) | "
            f"{wrong} ({100 * wrong / len(misses):.1f} %) | {cost:.2f} |"
        )
    lines += ["", "| kind | strongroom | detect-secrets |", "|---|---|---|"]
    for part, share in ((0, "found"), (1, "false alarms")):
        for kind, flags in rows["strongroom"][part][0].items():
            peer = rows["detect-secrets 1.5"][part][0][kind]
            lines.append(
                f"| {share}: {kind} | {sum(flags)} of {len(flags)} | {sum(peer)} of {len(peer)} |"
            )
    return "\n".join(lines) + "\n"
