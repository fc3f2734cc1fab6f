"""Verifies audit logs and proofs, from docs/formats/audit-log.md alone.

verify_audit.py [--against CHECKPOINTS] [--key VERIFIER.KEY] DIRECTORY...   chain, tree and checkpoints of logs
verify_audit.py --proof VERIFIER.KEY PROOF...                             proofs that a record is in the log

A line for each: `whole` with the last record's hash, or what does not hold; exit 1 if one does not. `hippocrypt
audit verify` also holds every line to the canonical bytes; this is here so that nobody has to take its word.
"""
import argparse
import base64
import functools
import hashlib
import json
import pathlib
import subprocess
import sys

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


class Wrong(Exception):
    pass


def check(holds, what):
    if not holds:
        raise Wrong(what)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# Ed25519, RFC 8032 section 5.1: points as (X, Y, Z, T)
def plus(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, p):
    q = (0, 1, 1, 0)
    while n:
        q, p, n = plus(q, p) if n & 1 else q, plus(p, p), n >> 1
    return q


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    u, v = y * y - 1, D * y * y + 1
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x - u) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    check(y < P and (v * x * x - u) % P == 0 and (x or not sign), "no point of the curve")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


@functools.lru_cache(maxsize=None)
def signed(key, text, signature):
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    x, y, z, t = point(key)
    h = int.from_bytes(hashlib.sha512(r + key + text).digest(), "little") % L
    x, y, z, _ = plus(times(s, BASE), times(h, (P - x, y, z, P - t)))
    x, y = x * pow(z, -1, P) % P, y * pow(z, -1, P) % P
    return s < L and len(signature) == 64 and r == (y | (x & 1) << 255).to_bytes(32, "little")


def debase(text, size=None):
    data = base64.b64decode(text)
    check(base64.b64encode(data) == text and size in (None, len(data)), "no base64 as it should be")
    return data


def verifier(line):
    name, key_id, key = line.removesuffix(b"\n").split(b"+", 2)
    key = debase(key, 33)
    own = b"hippocrypt-audit/" + hashlib.sha256(key[1:]).hexdigest()[:16].encode()
    check(line.endswith(b"\n") and key[0] == 1 and name == own, "no verifier key")
    check(key_id.decode() == sha(name, b"\n", key)[:4].hex(), "the key's id does not hold")
    return name, bytes.fromhex(key_id.decode()), key[1:]


def checkpoint(note, key):
    """Size and root of a note of this key, its signature checked."""
    name, key_id, public = key
    text, _, line = note.rpartition(b"\n\n")
    origin, size, root = text.split(b"\n")
    dash, signer, signature = line.removesuffix(b"\n").split(b" ")
    check(line.endswith(b"\n") and dash == "—".encode() and origin == signer == name, "another log's checkpoint")
    signature = debase(signature, 68)
    check(signature[:4] == key_id and signed(public, text + b"\n", signature[4:]), "a signature does not hold")
    check(size == b"%d" % int(size), "no size")
    return int(size), debase(root, 32)


def checkpoints(text, key):
    parts = text.removesuffix(b"\n").split(b"\n\n")
    check(text.endswith(b"\n") and len(parts) % 2 == 0, "no whole checkpoints")
    notes = zip(parts[::2], parts[1::2])
    return [checkpoint(text + b"\n\n" + line + b"\n", key) for text, line in notes]


def root(edge):
    return functools.reduce(lambda right, left: sha(b"\1", left, right), reversed(edge)) if edge else sha()


def lines_of(path):
    data = path.read_bytes()
    if path.suffix == ".zst":
        data = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=True).stdout
    lines = data.split(b"\n")
    check(lines.pop() == b"", f"{path}: the last line is torn")
    return lines


def verify(directory, key=None, kept=b""):
    own = verifier((directory / "verifier.key").read_bytes())
    check(key in (None, own), "another key than the given")
    ahead = checkpoints(kept, own) if kept else []
    plain = {path.name: path for path in directory.glob("*.jsonl")}
    packed = {path.stem: path for path in directory.glob("*.jsonl.zst")}
    segments = sorted({**packed, **plain}.items())
    first = seq = int(segments[0][0].removesuffix(".jsonl")) if segments else 0
    prev, edge, on_record, first_kept = None if seq else "0" * 64, None if seq else [], {}, 0
    for (name, path), following in zip(segments, [*segments[1:], None]):
        check(name == f"{seq:020}.jsonl", f"{path}: record {seq} should be the next")
        check(following or path.suffix == ".jsonl", f"{path}: the last segment is never compressed")
        hashes = [debase(h, 32) for h in (directory / f"{seq:020}.edge").read_bytes().split(b"\n")[:-1]]
        edge = hashes if edge is None else edge
        check(hashes == edge and len(edge) == seq.bit_count(), f"{path}: another edge")
        ours = checkpoints((directory / f"{seq:020}.checkpoints").read_bytes(), own)
        sizes = [size for size, _ in ours]
        check(sizes[0] == seq and sizes == sorted(set(sizes)), f"{path}: checkpoints out of order")
        meets = [top for size, top in [*ours, *ahead] if size == seq]
        check(all(top == root(edge) for top in meets), f"{path}: not what was signed")
        lines = lines_of(path)
        check(lines or not following, f"{path}: holds no record")
        for number, line in enumerate(lines, 1):
            body, _, claimed = line.rpartition(b',"hash":')
            digest = hashlib.sha256(body + b"}").hexdigest()
            check(claimed == b'"%s"}' % digest.encode(), f"{path}:{number}: the hash does not hold")
            record = json.loads(line)
            is_record = list(record)[-2:] == ["prev", "hash"] and record["v"] == 1
            check(is_record, f"{path}:{number}: is no record of version 1")
            follows = record["seq"] == seq and prev in (None, record["prev"])
            check(follows, f"{path}:{number}: does not follow the record before")
            leaf, perfect = sha(b"\0", line), seq
            while perfect & 1:
                leaf, perfect = sha(b"\1", edge.pop(), leaf), perfect >> 1
            edge.append(leaf)
            seq, prev = seq + 1, digest
            for size, top in [*ours, *ahead]:
                check(size != seq or top == root(edge), f"{path}:{number}: not what was signed")
            if record["type"] == "compressed":
                on_record[f"{record['segment']:020}.jsonl"] = record["sha256"]
            first_kept = record.get("first_kept", first_kept)
        check(sizes[-1] <= seq, f"{path}: fewer records than were signed")
    check(seq, "no record")
    check(first <= first_kept, "its beginning was removed")
    for name, path in segments:
        packed_hash = hashlib.sha256(path.read_bytes()).hexdigest()
        check(path.suffix == ".jsonl" or on_record.get(name) == packed_hash, f"{path}: is not what is on record")
    check(all(first <= size <= seq for size, _ in ahead), "a kept checkpoint is over other records")
    return f"whole; the last record's hash is {prev}"


def prove(path, key):
    head, _, note = path.read_bytes().partition(b"\n\n")
    form, extra, index, *hashes = head.split(b"\n")
    check(form == b"c2sp.org/tlog-proof@v1" and extra.startswith(b"extra "), "no proof")
    record, index = debase(extra[6:]), int(index.removeprefix(b"index "))
    size, top = checkpoint(note, key)
    at, last, node = index, size - 1, sha(b"\0", record)
    check(index < size, "beyond the checkpoint")
    for other in [debase(h, 32) for h in hashes]:  # RFC 9162 section 2.1.3.2
        check(last, "the path is too long")
        if at & 1 or at == last:
            node = sha(b"\1", other, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = sha(b"\1", node, other)
        at, last = at >> 1, last >> 1
    check(not last and node == top, "the path does not lead to the checkpoint")
    check(json.loads(record)["seq"] == index, "another record")
    return f"record {index} is in the log of {size} records"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--against", type=pathlib.Path)
    parser.add_argument("--key", type=pathlib.Path)
    parser.add_argument("--proof", type=pathlib.Path)
    parser.add_argument("what", type=pathlib.Path, nargs="+")
    args = parser.parse_args()
    kept = args.against.read_bytes() if args.against else b""
    key = verifier((args.key or args.proof).read_bytes()) if args.key or args.proof else None
    failed = False
    for path in args.what:
        try:
            print(f"{path}:", prove(path, key) if args.proof else verify(path, key, kept))
        except (Wrong, ValueError, KeyError, TypeError, IndexError, OSError, subprocess.CalledProcessError) as wrong:
            failed = True
            print(f"{path}: WRONG {wrong}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
