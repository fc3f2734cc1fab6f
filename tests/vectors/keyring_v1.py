#!/usr/bin/env python3
"""Keyrings of version 1, a second time: docs/formats/keyring.md in Python, written without the Rust code.

    python3 tests/vectors/keyring_v1.py --check    compares with keyring-v1.json (exit 1 on a difference)
    python3 tests/vectors/keyring_v1.py            prints the keyring; its master key is 32 bytes of 0x5f

Needs the `cryptography` package. keyring-v1.json is never regenerated to make a test pass.
"""

import base64
import json
import pathlib
import sys
import uuid

from cell_v1 import DATA_KEY, DATABASE, EPOCH, GROUP, expand, hmac256, xaes_key
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SALT = b"hippocrypt/keyring/v1"
MASTER = b"\x5f" * 32
KEYRING_ID = bytes.fromhex("0b7e6b528d4e4f0a9d433c1a5e1f2a77")
CREATED = "2026-11-21T21:27:00Z"
SUBJECT_KEY = bytes(range(64, 96))
GROUPS = [("public.patients.name", 0x00C0FFEE), ("public.patients.ssn", GROUP)]


def u64(n):
    return n.to_bytes(8, "big")


def text(value):
    return u64(len(value.encode())) + value.encode()


def derived(key, purpose):
    return expand(hmac256(SALT, key), purpose, 32)


def wrapped(key, context, nonce):
    gcm = AESGCM(xaes_key(derived(MASTER, b"wrap"), nonce[:12]))
    return nonce + gcm.encrypt(nonce[12:], key, context)


def main():
    epoch = EPOCH.to_bytes(2, "big")
    data = wrapped(DATA_KEY, SALT + b"/data key\0" + KEYRING_ID + epoch, b"ABCDEFGHIJKLMNOPQRSTUVWX")
    subject = wrapped(SUBJECT_KEY, SALT + b"/audit subject key\0" + KEYRING_ID, b"abcdefghijklmnopqrstuvwx")

    def key(value, sealed):
        return text(CREATED) + derived(value, b"data key commitment") + sealed

    canonical = SALT + b"/document\0" + KEYRING_ID + u64(3)
    canonical += u64(1) + epoch + key(DATA_KEY, data)
    canonical += key(SUBJECT_KEY, subject)
    canonical += u64(1) + text("clinic") + DATABASE + u64(len(GROUPS))
    for name, number in GROUPS:
        canonical += text(name) + number.to_bytes(4, "big") + epoch

    def entry(value, sealed):
        return {
            "created": CREATED,
            "commitment": derived(value, b"data key commitment").hex(),
            "wrapped": base64.b64encode(sealed).decode(),
        }

    document = {
        "format": "hippocrypt keyring",
        "version": 1,
        "id": str(uuid.UUID(bytes=KEYRING_ID)),
        "revision": 3,
        "epochs": [{"epoch": EPOCH} | entry(DATA_KEY, data)],
        "audit_subject_key": entry(SUBJECT_KEY, subject),
        "databases": [
            {
                "name": "clinic",
                "uuid": str(uuid.UUID(bytes=DATABASE)),
                "groups": [{"name": n, "id": f"{i:08x}", "epoch": EPOCH} for n, i in GROUPS],
            }
        ],
        "mac": hmac256(derived(MASTER, b"authenticate"), canonical).hex(),
    }
    rendered = json.dumps(document, indent=2) + "\n"
    if sys.argv[1:] == ["--check"]:
        frozen = pathlib.Path(__file__).with_name("keyring-v1.json").read_text(encoding="utf-8")
        sys.exit(0 if rendered == frozen else "keyring-v1.json differs from what this script makes")
    print(rendered, end="")


if __name__ == "__main__":
    main()
