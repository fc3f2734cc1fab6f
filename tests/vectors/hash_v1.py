#!/usr/bin/env python3
"""Hashes and tokens of version 1, a second time: docs/formats/cell.md, written without the Rust code.

    python3 tests/vectors/hash_v1.py --check    compares with hash-v1.json (frozen; exit 1 on a difference)
    python3 tests/vectors/hash_v1.py            prints the vectors

Codec and keys are those of cell_v1.py. hash-v1.json is never regenerated to make a test pass: tokens that apps
have kept do not change with it.
"""

import json
import pathlib
import sys

from cell_v1 import CODEC, HASH

TEXT = 3  # a hash is declared text


def text(declared, value, canonical=None):
    code = 11 if declared.startswith("char") else 3
    return declared, value, code, (value if canonical is None else canonical).encode()


def date(value, days):
    return "date", value, 5, days.to_bytes(4, "big", signed=True)


def integer(declared, value):
    return declared, str(value), 2, value.to_bytes(8, "big", signed=True)


LISTS = [
    ("one text", [text("varchar(11)", "900-11-0001")]),
    ("a number and a day of birth", [text("varchar(11)", "900-11-0001"), date("1984-07-30", -5633)]),
    ("the other way round", [date("1984-07-30", -5633), text("varchar(11)", "900-11-0001")]),
    ("the boundary is not lost", [text("text", "ab"), text("text", "c")]),
    ("the boundary is elsewhere", [text("text", "a"), text("text", "bc")]),
    ("nothing is something", [text("text", ""), text("text", "abc")]),
    ("the family is not lost: integer", [integer("int8", 0x3132333435363738)]),
    ("the family is not lost: text", [text("text", "12345678")]),
    ("integers of all widths are one family", [integer("int2", -42), integer("int8", -42)]),
    ("blanks at the end are no part of char(n)", [text("char(5)", "ab   ", "ab")]),
    ("unicode", [text("text", "Zoë Ñandú 李")]),
    ("true", [("bool", "true", 1, b"\x01")]),
]


def composite(parts):
    out = len(parts).to_bytes(2, "big")
    for _, _, code, canonical in parts:
        out += bytes([code]) + len(canonical).to_bytes(8, "big") + canonical
    return out


def hashes():
    for name, parts in LISTS:
        plaintext = composite(parts)
        cell = CODEC.seal(HASH, TEXT, False, plaintext)
        yield {
            "name": name,
            "parts": [{"type": declared, "value": value} for declared, value, _, _ in parts],
            "plaintext": plaintext.hex(),
            "cell": cell.hex(),
            "token": f"h1:{CODEC.epoch:04x}{cell[42:].hex()}",
        }


def no_tokens():
    token = next(iter(hashes()))["token"]
    return [
        {"name": name, "token": text}
        for name, text in [
            ("nothing", ""),
            ("the mark alone", "h1:"),
            ("one digit less", token[:-1]),
            ("one byte less", token[:-2]),
            ("one byte more", token + "00"),
            ("large digits", token.upper()),
            ("large digits behind the mark", "h1:" + token[3:].upper()),
            ("a blank before", " " + token),
            ("a blank behind", token + " "),
            ("an epoch without a key", "h1:0002" + token[7:]),
            ("epoch zero", "h1:0000" + token[7:]),
            ("another mark", "h2:" + token[3:]),
            ("not hexadecimal", token[:-1] + "g"),
            ("not ASCII", token[:-1] + "é"),
        ]
    ]


def main():
    vectors = {
        "format": "hippocrypt hash vectors",
        "version": 1,
        "hashes": list(hashes()),
        "no_tokens": no_tokens(),
    }
    text = json.dumps(vectors, indent=1, ensure_ascii=False) + "\n"
    if sys.argv[1:] == ["--check"]:
        frozen = pathlib.Path(__file__).with_name("hash-v1.json").read_text(encoding="utf-8")
        sys.exit(0 if text == frozen else "hash-v1.json differs from what this script makes")
    print(text, end="")


if __name__ == "__main__":
    main()
