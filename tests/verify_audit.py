"""Verifies audit logs and proofs, from docs/formats/audit-log.md alone.

verify_audit.py [--against CHECKPOINTS] [--key VERIFIER.KEY] [--identity FILE] DIRECTORY...   chain, tree, checkpoints and
                                                                         seals of logs
verify_audit.py --proof VERIFIER.KEY PROOF...                             proofs that a record is in the log

A line for each: `whole` with the last record's hash, or what does not hold; exit 1 if one does not. `hippocrypt
audit verify` also holds every line to the canonical bytes; this is here so that nobody has to take its word.
"""
import argparse
import base64
import functools
import hashlib
import hmac
import json
import pathlib
import subprocess
import sys

import hpke

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
    """Size, root and anchor of a note of this key, its signature checked."""
    name, key_id, public = key
    text, _, line = note.rpartition(b"\n\n")
    origin, size, root, *extension = text.split(b"\n")
    dash, signer, signature = line.removesuffix(b"\n").split(b" ")
    check(line.endswith(b"\n") and dash == "—".encode() and origin == signer == name, "another log's checkpoint")
    signature = debase(signature, 68)
    check(signature[:4] == key_id and signed(public, text + b"\n", signature[4:]), "a signature does not hold")
    check(size == b"%d" % int(size), "no size")
    anchor = None
    if extension:
        seal, index, commitment = extension[0].split(b" ")
        check(len(extension) == 1 and seal == b"seal" and index == b"%d" % int(index), "no anchor")
        anchor = int(index), debase(commitment, 32)
    return int(size), debase(root, 32), anchor


def checkpoints(text, key):
    parts = text.removesuffix(b"\n").split(b"\n\n")
    check(text.endswith(b"\n") and len(parts) % 2 == 0, "no whole checkpoints")
    notes = zip(parts[::2], parts[1::2])
    return [checkpoint(text + b"\n\n" + line + b"\n", key) for text, line in notes]


def root(edge):
    return functools.reduce(lambda right, left: sha(b"\1", left, right), reversed(edge)) if edge else sha()


class Seals:
    """The seals of a log; their MACs where an identity opens their keys."""

    def __init__(self, identity):
        self.identity, self.next, self.size, self.key, self.opened = identity, None, 0, None, False
        self.kept = []
        self.lines, self.anchors, self.begins, self.since, self.first = [], [], False, None, True

    def mac(self, label, *parts):
        return hmac.digest(self.key, b"hippocrypt/audit/" + label + b"".join(parts), "sha256")

    def read(self, path, first, following, begins_log):
        if not path.exists():
            check(self.next is None, f"{path}: is missing")
            return
        text = path.read_bytes()
        check(text.endswith(b"\n"), f"{path}: the last line is torn")
        lines = [line.split(b" ") for line in text.split(b"\n")[:-1]]
        check(lines[0][0] == b"key", f"{path}: no key first")
        self.first = self.next is None
        if self.first:
            self.next = int(lines[0][1]) if first and begins_log else 0
        for kind, index, *rest in lines:
            check(index == b"%d" % int(index) and int(index) == self.next, f"{path}: no such seal next")
            if kind == b"key":
                commitment, auditor, sealed, mac = rest
                debase(commitment, 32), debase(mac, 32)
            else:
                size, mac = rest
                check(kind == b"seal" and size == b"%d" % int(size), f"{path}: no line of seals")
                check(max(self.size, first) < int(size), f"{path}: a seal over fewer records")
                check(following is None or int(size) <= following, f"{path}: a seal over the next segment's records")
                debase(mac, 32)
                self.size, self.next = int(size), self.next + 1
        if self.identity:
            self.begins = True
            self.lines += lines
            self.met(first, None)

    def met(self, size, top):
        while self.lines:
            kind, index, *rest = self.lines[0]
            index = int(index)
            if kind == b"key":
                self.keys(index, rest[0])
                continue
            if int(rest[0]) > size:
                return
            self.lines.pop(0)
            if self.key:
                check(int(rest[0]) == size, "a seal between records")
                holds = self.mac(b"seal", index.to_bytes(8, "big"), size.to_bytes(8, "big"), top) == debase(rest[1])
                check(holds, f"seal {index} does not hold")
                self.missed(index)
                self.next_key(self.mac(b"next"), index + 1)

    def keys(self, index, commitment):
        before, found, number = self.key, None, index.to_bytes(8, "big")
        begins, self.begins = self.begins, False
        while self.lines and self.lines[0][:3] == [b"key", b"%d" % index, commitment]:
            _, _, _, auditor, sealed, mac = self.lines.pop(0)
            plain = debase(commitment, 32)
            if auditor == hpke.name_of(self.identity):
                found = hpke.open_base(self.identity, debase(sealed, 80), b"hippocrypt/audit/key", number + plain)
                check(found, f"key {index} does not open")
            self.key = before or (found if begins else None)
            vouched = not self.key or self.mac(b"key", number, plain, auditor, sealed) == debase(mac, 32)
            check(vouched, "a key that nobody vouches for")
            self.key = before
        check(before or not found or self.first or not begins, "the key before was not given to this auditor")
        if not found and before and self.mac(b"commitment") == plain:
            found = before
        self.key = None
        if found:
            self.opened, self.since = True, index if self.since is None else self.since
            self.next_key(found, index)
            check(self.mac(b"commitment") == plain, f"key {index} is another")

    def next_key(self, key, index):
        self.key = key
        met = index, self.mac(b"commitment")
        self.anchors = [anchor for anchor in self.anchors if anchor != met]
        self.kept = [anchor for anchor in self.kept if anchor != met]

    def missed(self, index):
        may_be_of_another = index and self.since == index
        check(may_be_of_another or all(i != index for i, _ in self.anchors), f"the key of seal {index} is not the one that was signed")

    def end(self, records):
        check(self.size <= records, "fewer records than were sealed")
        if self.key:
            self.missed(self.next)
        check(all(self.next is not None and i <= self.next for i, _ in self.anchors), "seals were removed")
        check(not self.identity or not self.kept, "a kept checkpoint's key is not this auditor's, or another")
        check(not self.identity or self.opened, "nothing is sealed for this identity")


def lines_of(path):
    data = path.read_bytes()
    if path.suffix == ".zst":
        data = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=True).stdout
    lines = data.split(b"\n")
    check(lines.pop() == b"", f"{path}: the last line is torn")
    return lines


def verify(directory, key=None, kept=b"", identity=None):
    own = verifier((directory / "verifier.key").read_bytes())
    check(key in (None, own), "another key than the given")
    ahead = checkpoints(kept, own) if kept else []
    seals = Seals(identity)
    seals.kept = [anchor for _, _, anchor in ahead if anchor]
    seals.anchors = list(seals.kept)
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
        seals.anchors += [anchor for _, _, anchor in ours if anchor]
        following_first = following and int(following[0].removesuffix(".jsonl"))
        seals.read(directory / f"{seq:020}.seals", seq, following_first, seq == first)
        sizes = [size for size, _, _ in ours]
        check(sizes[0] == seq and sizes == sorted(set(sizes)), f"{path}: checkpoints out of order")
        meets = [top for size, top, _ in [*ours, *ahead] if size == seq]
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
            if seals.lines:
                seals.met(seq, root(edge))
            for size, top, _ in [*ours, *ahead]:
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
    check(all(first <= size <= seq for size, _, _ in ahead), "a kept checkpoint is over other records")
    seals.end(seq)
    return f"whole; the last record's hash is {prev}"


def prove(path, key):
    head, _, note = path.read_bytes().partition(b"\n\n")
    form, extra, index, *hashes = head.split(b"\n")
    check(form == b"c2sp.org/tlog-proof@v1" and extra.startswith(b"extra "), "no proof")
    record, index = debase(extra[6:]), int(index.removeprefix(b"index "))
    size, top, _ = checkpoint(note, key)
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
    parser.add_argument("--identity", type=pathlib.Path)
    parser.add_argument("--proof", type=pathlib.Path)
    parser.add_argument("what", type=pathlib.Path, nargs="+")
    args = parser.parse_args()
    kept = args.against.read_bytes() if args.against else b""
    key = verifier((args.key or args.proof).read_bytes()) if args.key or args.proof else None
    identity = debase(args.identity.read_bytes().strip().split(b"+", 3)[3], 32) if args.identity else None
    failed = False
    for path in args.what:
        try:
            print(f"{path}:", prove(path, key) if args.proof else verify(path, key, kept, identity))
        except (Wrong, ValueError, KeyError, TypeError, IndexError, OSError, subprocess.CalledProcessError) as wrong:
            failed = True
            print(f"{path}: WRONG {wrong}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
