"""Every way of hiding a text that the normaliser undoes, as functions from text to text."""

from __future__ import annotations

import base64
import codecs
import gzip
import html
import json
import urllib.parse
from collections.abc import Callable

from strongroom.guard.decoders.morse import _CODE
from strongroom.guard.folding import flipped, scripts, shapes

MORSE = {letter: sign for sign, letter in _CODE.items()}


def _shift(text: str, by: int) -> str:
    return "".join(
        chr((ord(c) - base + by) % 26 + base)
        if c.isascii() and c.isalpha() and (base := 97 if c.islower() else 65)
        else c
        for c in text
    )


def _letters(table: dict[str, str]) -> dict[int, str]:
    first: dict[str, str] = {}
    for char, letter in table.items():
        if char.islower() or not char.isalpha():
            first.setdefault(letter, char)
    return str.maketrans(first)


def _styled(text: str, first: int) -> str:
    """Small letters in the style whose `a` is `first`."""
    return "".join(chr(first + ord(c) - 97) if "a" <= c <= "z" else c for c in text)


def _zero_width_bits(text: str) -> str:
    bits = "".join(f"{byte:08b}" for byte in text.encode())
    return "Hello " + bits.replace("0", "\u200b").replace("1", "\u200c") + " there"


def _selectors(text: str) -> str:
    return "\N{SMILING FACE WITH SUNGLASSES}" + "".join(
        chr(0xFE00 + byte) if byte < 16 else chr(0xE0100 + byte - 16) for byte in text.encode()
    )


def _rows(text: str) -> str:
    """An MT field, cut at 35 characters."""
    return ":20:REF\n:70:" + "\n".join(text[i : i + 35] for i in range(0, len(text), 35))


ENCODINGS: dict[str, Callable[[str], str]] = {
    "base64": lambda t: base64.b64encode(t.encode()).decode(),
    "base64_lines": lambda t: base64.encodebytes(t.encode() * 2).decode(),
    "base64_url": lambda t: base64.urlsafe_b64encode(t.encode()).decode().rstrip("="),
    "base64_gzip": lambda t: base64.b64encode(gzip.compress(t.encode(), mtime=0)).decode(),
    "base64_utf16": lambda t: base64.b64encode(t.encode("utf-16-le")).decode(),
    "base32": lambda t: base64.b32encode(t.encode()).decode(),
    "ascii85": lambda t: base64.a85encode(t.encode()).decode(),
    "adobe85": lambda t: base64.a85encode(t.encode(), adobe=True).decode(),
    "base85": lambda t: base64.b85encode(t.encode()).decode(),
    "hex": lambda t: t.encode().hex(),
    "hex_bytes": lambda t: t.encode().hex(" "),
    "hex_0x": lambda t: " ".join(f"0x{b:02x}" for b in t.encode()),
    "hex_escapes": lambda t: "".join(f"\\x{b:02x}" for b in t.encode()),
    "unicode_escapes": lambda t: "".join(f"\\u{ord(c):04x}" for c in t),
    "octal_escapes": lambda t: "".join(f"\\{ord(c):03o}" for c in t),
    "json_string": lambda t: json.dumps({"note": t.replace(" ", "\n")}),
    "url": urllib.parse.quote,
    "url_all": lambda t: "".join(f"%{b:02X}" for b in t.encode()),
    "url_twice": lambda t: urllib.parse.quote(urllib.parse.quote(t)),
    "url_plus": lambda t: "q=" + urllib.parse.quote_plus(t + "!"),
    "quoted_printable": lambda t: "".join(f"={b:02X}" for b in t.encode()),
    "entities": lambda t: "".join(f"&#{ord(c)};" for c in t),
    "entities_hex": lambda t: "".join(f"&#x{ord(c):x};" for c in t),
    "entities_twice": lambda t: html.escape("".join(f"&#{ord(c)};" for c in t)),
    "character_codes": lambda t: " ".join(str(ord(c)) for c in t),
    "bits": lambda t: " ".join(f"{b:08b}" for b in t.encode()),
    "rot13": lambda t: codecs.encode(t, "rot13"),
    "caesar": lambda t: _shift(t, 7),
    "atbash": lambda t: "".join(
        chr(219 - ord(c)) if c.islower() else chr(155 - ord(c)) if c.isupper() else c for c in t
    ),
    "reversed": lambda t: t[::-1],
    "reversed_words": lambda t: " ".join(w[::-1] for w in t.split()),
    "upside_down": lambda t: t.lower()[::-1].translate(
        str.maketrans({v: k for k, v in flipped().items()})
    ),
    "leet": lambda t: t.translate(str.maketrans("aeiostAEIOST", "431057431057")),
    "leet_light": lambda t: t.translate(str.maketrans("eo", "30")),
    "spaced": lambda t: " ".join(t.replace(" ", "")),
    "spaced_words": lambda t: "   ".join(" ".join(w) for w in t.split()),
    "dashed": lambda t: " ".join("-".join(w) for w in t.split()),
    "dotted": lambda t: " ".join(".".join(w) for w in t.split()),
    "morse": lambda t: " / ".join(
        " ".join(MORSE[c] for c in w if c in MORSE) for w in t.lower().split()
    ),
    "full_width": lambda t: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in t),
    "mathematical": lambda t: _styled(t, 0x1D41A),
    "circled": lambda t: _styled(t, 0x24D0),
    "small_capitals": lambda t: t.translate(_letters(shapes())),
    "homoglyphs": lambda t: t.translate(_letters(scripts())),
    "zero_width": "\u200b".join,
    "soft_hyphens": "\u00ad".join,
    "word_joiners": "\u2060".join,
    "bidi": "\u202e".join,
    "tags": lambda t: "Hello" + "".join(chr(0xE0000 + ord(c)) for c in t if c.isascii()),
    "variation_selectors": _selectors,
    "zero_width_bits": _zero_width_bits,
    "zalgo": lambda t: "".join(c + "\u0336\u0321\u0322\u0323" for c in t),
    "accents": lambda t: t.translate(str.maketrans("aeiou", "áéíóú")),
    "data_uri": lambda t: f"data:text/plain;base64,{base64.b64encode(t.encode()).decode()}",
    "data_uri_url": lambda t: f"see data:text/html,{urllib.parse.quote(t)} here",
    "html_comment": lambda t: f"<p>Invoice</p><!-- {t} -->",
    "html_invisible": lambda t: f'<p>Hi <span style="display: none">{t}</span></p>',
    "html_white": lambda t: f'<font color="white">{t}</font>',
    "html_split": lambda t: "".join(f"<b>{c}</b>" for c in t),
    "html_alt": lambda t: f'<img src="x.png" alt="{t}">',
    "markdown_comment": lambda t: f"# Invoice\n[//]: # ({t})\n",
    "iso20022": lambda t: f"<RmtInf><Ustrd>{html.escape(t)}</Ustrd></RmtInf>",
    "mt_field": _rows,
}  # fmt: skip
"""By name."""
