"""Opens what was sealed by HPKE (RFC 9180): base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.

For verify_audit.py, which takes nobody's word: from the RFCs alone, and slow.
"""
import functools
import hashlib
import hmac
import struct

P = 2**255 - 19


def x25519(scalar, u):  # RFC 7748 section 5
    k = int.from_bytes(scalar, "little") & ~7 & (1 << 254) - 1 | 1 << 254
    x1 = int.from_bytes(u, "little") & (1 << 255) - 1
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % P, c * b % P, a * a % P, b * b % P
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, (aa - bb) * (aa + 121665 * (aa - bb)) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def chacha20(key, counter, nonce):  # RFC 8439 section 2.3
    start = list(struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<I", counter) + nonce))
    s = start[:]

    def quarter(a, b, c, d):
        for x, y, z, turn in (a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7):
            s[x] = s[x] + s[y] & 0xFFFFFFFF
            s[z] ^= s[x]
            s[z] = (s[z] << turn | s[z] >> 32 - turn) & 0xFFFFFFFF

    for _ in range(10):
        for column in range(4):
            quarter(column, column + 4, column + 8, column + 12)
        for a, b, c, d in (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14):
            quarter(a, b, c, d)
    return struct.pack("<16I", *(a + b & 0xFFFFFFFF for a, b in zip(s, start)))


def open_aead(key, nonce, aad, sealed):  # RFC 8439 section 2.8
    text, tag = sealed[:-16], sealed[-16:]
    one_time = chacha20(key, 0, nonce)
    r, s = int.from_bytes(one_time[:16], "little"), int.from_bytes(one_time[16:32], "little")
    r &= 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    padded = b"".join(part + bytes(-len(part) % 16) for part in (aad, text)) + struct.pack("<QQ", len(aad), len(text))
    acc = 0
    for at in range(0, len(padded), 16):
        acc = (acc + int.from_bytes(padded[at : at + 16] + b"\1", "little")) * r % (2**130 - 5)
    if not hmac.compare_digest((acc + s & (1 << 128) - 1).to_bytes(16, "little"), tag):
        return None
    stream = b"".join(chacha20(key, 1 + at, nonce) for at in range(-(-len(text) // 64)))
    return bytes(a ^ b for a, b in zip(text, stream))


def extract(suite, salt, label, key):
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + key, "sha256")


def expand(suite, key, label, info, length):
    info = struct.pack(">H", length) + b"HPKE-v1" + suite + label + info
    return hmac.digest(key, info + b"\1", "sha256")[:length]


@functools.lru_cache(maxsize=None)
def open_base(private, sealed, info, aad):
    """The text, or None where it is not for this key."""
    encapsulated, ciphertext = sealed[:32], sealed[32:]
    kem, suite = b"KEM" + struct.pack(">H", 0x20), b"HPKE" + struct.pack(">HHH", 0x20, 1, 3)
    public = x25519(private, (9).to_bytes(32, "little"))
    shared = extract(kem, b"", b"eae_prk", x25519(private, encapsulated))
    shared = expand(kem, shared, b"shared_secret", encapsulated + public, 32)
    context = b"\0" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    key, nonce = expand(suite, secret, b"key", context, 32), expand(suite, secret, b"base_nonce", context, 12)
    return open_aead(key, nonce, aad, ciphertext)


def public_of(private):
    return x25519(private, (9).to_bytes(32, "little"))


@functools.lru_cache(maxsize=None)
def name_of(private):
    return b"hippocrypt-auditor/" + hashlib.sha256(public_of(private)).hexdigest()[:16].encode()
