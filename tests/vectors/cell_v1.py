#!/usr/bin/env python3
"""Cells of version 1, a second time: docs/formats/cell.md in Python, written without the Rust code.

    python3 tests/vectors/cell_v1.py --check    compares with cell-v1.json (frozen; exit 1 on a difference)
    python3 tests/vectors/cell_v1.py            prints the vectors

Needs the `cryptography` package. cell-v1.json is never regenerated to make a test pass: cells that
exist in databases do not change with it.
"""

import hashlib
import hmac
import json
import pathlib
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LABEL = b"hippocrypt/cell/v1\0"
RANDOM, DETERMINISTIC, HASH = 1, 2, 4


def hmac256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def expand(prk, info, length):
    assert length <= 32
    return hmac256(prk, info + b"\x01")[:length]


def xaes_key(key, prefix):
    aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    l = int.from_bytes(aes.update(bytes(16)), "big")
    k1 = (l << 1) & ((1 << 128) - 1) ^ (0x87 if l >> 127 else 0)
    out = b""
    for i in (1, 2):
        m = bytes([0, i, 0x58, 0]) + prefix
        out += aes.update((int.from_bytes(m, "big") ^ k1).to_bytes(16, "big"))
    return out


def padded_len(n):
    least = n + 1
    if least <= 64:
        return (least + 15) // 16 * 16
    e = least.bit_length() - 1
    s = e.bit_length()
    mask = (1 << (e - s)) - 1
    return (least + mask) & ~mask


def pad(text):
    return text + b"\x80" + bytes(padded_len(len(text)) - len(text) - 1)


class Codec:
    def __init__(self, data_key, database, group, epoch):
        self.database, self.group, self.epoch = database, group, epoch
        prk = hmac256(database, data_key)

        def derive(purpose, length=32):
            info = b"hippocrypt/v1\0" + bytes([len(purpose)]) + purpose
            return expand(prk, info + group.to_bytes(4, "big") + epoch.to_bytes(2, "big"), length)

        self.random = derive(b"cell random")
        self.deterministic = derive(b"cell deterministic")
        self.prefix = derive(b"cell deterministic prefix", 12)
        self.siv = derive(b"cell synthetic nonce")
        self.hash = derive(b"cell hash")
        self.commitment = derive(b"cell commitment")

    def fields(self, suite, code, padded):
        head = b"\xf5\xe1" + bytes([suite, code | (0x80 if padded else 0)])
        tail = self.group.to_bytes(4, "big") + self.epoch.to_bytes(2, "big") + self.commitment[:8]
        return head, tail, LABEL + head + tail + self.database

    def mac(self, key, aad, text):
        return hmac256(key, aad + len(text).to_bytes(8, "big") + text)

    def synthetic(self, code, padded, text):
        aad = self.fields(DETERMINISTIC, code, padded)[2]
        return self.prefix + self.mac(self.siv, aad, text)[:12]

    def encrypt(self, suite, code, padded, nonce, text):
        """`text` is encrypted as it is: what is padded was padded by the caller."""
        head, tail, aad = self.fields(suite, code, padded)
        key = self.random if suite == RANDOM else self.deterministic
        sealed = AESGCM(xaes_key(key, nonce[:12])).encrypt(nonce[12:], text, aad)
        return head + nonce + tail + sealed

    def seal(self, suite, code, padded, text, nonce=None):
        if suite == HASH:
            head, tail, aad = self.fields(suite, code, False)
            return head + bytes(24) + tail + self.mac(self.hash, aad, text)
        text = pad(text) if padded else text
        if suite == DETERMINISTIC:
            nonce = self.synthetic(code, padded, text)
        return self.encrypt(suite, code, padded, nonce, text)


DATA_KEY = bytes(range(32))
DATABASE = bytes.fromhex("6ba7b8109dad41d180b400c04fd430c8")
GROUP, EPOCH = 0x1A2B3C4D, 1
NONCE = b"ABCDEFGHIJKLMNOPQRSTUVWX"
CODEC = Codec(DATA_KEY, DATABASE, GROUP, EPOCH)
SUITES = {RANDOM: "random", DETERMINISTIC: "deterministic", HASH: "hash"}

TEXTS = [
    ("empty text", 2, True, b""),
    ("one byte", 2, True, b"a"),
    ("a social security number", 2, True, b"900-11-0001"),
    ("fifteen bytes fill a bucket", 2, True, b"x" * 15),
    ("sixteen bytes open the next", 2, True, b"x" * 16),
    ("unicode", 2, True, "Zoë Ñandú 李".encode()),
    ("ends like padding", 2, True, b"\x80\x00\x00"),
    ("begins like a cell", 2, True, b"\xf5\xe1\x01"),
    ("sixty-three bytes fill the last bucket", 2, True, b"y" * 63),
    ("sixty-four bytes are padded by Padmé", 2, True, b"y" * 64),
    ("a long note", 2, True, bytes(n % 251 for n in range(1000))),
    ("one byte, not padded", 1, False, b"\x01"),
    ("eight bytes, not padded", 5, False, (-42).to_bytes(8, "big", signed=True)),
    ("sixteen bytes, not padded", 127, False, bytes(range(16))),
]


def sealed():
    for suite in SUITES:
        for name, code, padded, text in TEXTS:
            nonce = NONCE if suite == RANDOM else None
            cell = CODEC.seal(suite, code, padded, text, nonce)
            yield {
                "name": f"{SUITES[suite]}: {name}",
                "suite": SUITES[suite],
                "type": code,
                "padded": padded,
                "plaintext": text.hex(),
                "nonce": nonce.hex() if nonce else None,
                "cell": cell.hex(),
            }


def flipped_fields(suite, cell):
    """Which error a flipped bit of each header byte is: what the header says is checked in order."""
    for at in range(42):
        bad = bytearray(cell)
        bad[at] ^= 0x40
        if at < 2:
            error = "magic"
        elif at == 2:
            error = "suite unknown"
        elif at == 3:
            error = "type"
        elif at < 28:
            error = "hash" if suite == HASH else "not authentic"
        elif at < 32:
            error = "group"
        elif at < 34:
            error = "epoch"
        else:
            error = "key"
        yield f"bit flipped in byte {at}", bytes(bad), error


def hostile():
    text, code = b"900-11-0001", 2

    def case(suite, name, cell, error):
        return {"name": f"{SUITES[suite]}: {name}", "suite": SUITES[suite], "type": code, "cell": cell.hex(), "error": error}

    for suite in SUITES:
        good = CODEC.seal(suite, code, True, text, NONCE)
        for name, bad, error in flipped_fields(suite, good):
            yield case(suite, name, bad, error)
        if suite == HASH:
            yield case(suite, "whole", good, "one way")
            yield case(suite, "one byte longer", good + b"\0", "length")
            yield case(suite, "one byte shorter", good[:-1], "length")
            continue

        def flip(at, bit):
            bad = bytearray(good)
            bad[at] ^= bit
            return bytes(bad)

        def other(**change):
            values = dict(data_key=DATA_KEY, database=DATABASE, group=GROUP, epoch=EPOCH) | change
            return Codec(**values)

        def made_by(codec):
            return codec.seal(suite, code, True, text, NONCE)

        yield case(suite, "padded bit cleared", flip(3, 0x80), "not authentic")
        for at in range(42, len(good)):
            where = "ciphertext" if at < len(good) - 16 else "tag"
            yield case(suite, f"bit flipped in byte {at}, the {where}", flip(at, 0x01), "not authentic")
        yield case(suite, "one byte longer", good + b"\0", "not authentic")
        yield case(suite, "of another group", made_by(other(group=GROUP + 1)), "group")
        yield case(suite, "of an epoch without a key", made_by(other(epoch=2)), "epoch")
        yield case(suite, "of another data key in the same epoch", made_by(other(data_key=bytes(32))), "key")
        foreign = made_by(other(database=bytes(16)))
        yield case(suite, "of another database", foreign, "key")
        grafted = foreign[:34] + CODEC.commitment[:8] + foreign[42:]
        yield case(suite, "of another database, with this one's commitment", grafted, "not authentic")
        grafted = made_by(other(group=GROUP + 1))
        grafted = grafted[:28] + good[28:42] + grafted[42:]
        yield case(suite, "of another group, with this one's id and commitment", grafted, "not authentic")
        yield case(suite, "of another type", CODEC.seal(suite, 3, True, text, NONCE), "type")
        retyped = bytearray(CODEC.seal(suite, 3, True, text, NONCE))
        retyped[3] = good[3]
        yield case(suite, "of another type, relabelled", bytes(retyped), "not authentic")
        twin = RANDOM + DETERMINISTIC - suite
        yield case(suite, "of the other suite", CODEC.seal(twin, code, True, text, NONCE), "suite")
        resuited = bytearray(CODEC.seal(twin, code, True, text, NONCE))
        resuited[2] = suite
        yield case(suite, "of the other suite, relabelled", bytes(resuited), "not authentic")

        def under_valid_tag(name, padded_text):
            nonce = NONCE if suite == RANDOM else CODEC.synthetic(code, True, padded_text)
            cell = CODEC.encrypt(suite, code, True, nonce, padded_text)
            return case(suite, f"{name}, under a valid tag", cell, "not authentic")

        yield under_valid_tag("padding of zeroes only", bytes(16))
        yield under_valid_tag("padding without its first byte", text + bytes(5))
        yield under_valid_tag("padding that begins with 81", text + b"\x81" + bytes(4))
        yield under_valid_tag("padding one bucket too long", text + b"\x80" + bytes(20))
        yield under_valid_tag("padding short of its bucket", text + b"\x80" + bytes(3))
        yield under_valid_tag("no room for padding", b"z" * 16)

    padded = pad(text)
    right = CODEC.synthetic(code, True, padded)
    wrong_tail = right[:23] + bytes([right[23] ^ 1])
    wrong_prefix = bytes([right[0] ^ 1]) + right[1:]
    unpadded_nonce = CODEC.synthetic(code, True, text)
    for name, nonce in [
        ("wrong last nonce byte, valid GCM", wrong_tail),
        ("wrong first nonce byte, valid GCM under the key of that prefix", wrong_prefix),
        ("nonce chosen by the maker, valid GCM", right[:12] + NONCE[12:]),
        ("nonce over the plaintext without its padding, valid GCM", unpadded_nonce),
    ]:
        cell = CODEC.encrypt(DETERMINISTIC, code, True, nonce, padded)
        yield case(DETERMINISTIC, name, cell, "not authentic")


def vectors():
    return {
        "format": "hippocrypt cell vectors",
        "version": 1,
        "codec": {
            "data_key": DATA_KEY.hex(),
            "database": DATABASE.hex(),
            "group": GROUP,
            "epoch": EPOCH,
        },
        "derived": {
            "cell random": CODEC.random.hex(),
            "cell deterministic": CODEC.deterministic.hex(),
            "cell deterministic prefix": CODEC.prefix.hex(),
            "cell synthetic nonce": CODEC.siv.hex(),
            "cell hash": CODEC.hash.hex(),
            "cell commitment": CODEC.commitment.hex(),
        },
        "sealed": list(sealed()),
        "hostile": list(hostile()),
    }


def main():
    text = json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n"
    if sys.argv[1:] == ["--check"]:
        frozen = pathlib.Path(__file__).with_name("cell-v1.json").read_text(encoding="utf-8")
        sys.exit(0 if text == frozen else "cell-v1.json differs from what this script makes")
    print(text, end="")


if __name__ == "__main__":
    main()
