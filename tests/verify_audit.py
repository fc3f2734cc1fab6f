"""Verifies an audit log's chain, from docs/formats/audit-log.md alone: verify_audit.py DIRECTORY

Exit 0 and the last record's hash, or 1 and the first line that does not hold. `hippocrypt audit verify` also
holds every line to the canonical bytes; this is here so that nobody has to take its word.
"""
import hashlib
import json
import pathlib
import sys


def verify(directory):
    seq, prev = 0, "0" * 64
    for path in sorted(pathlib.Path(directory).glob("*.jsonl")):
        if path.name != f"{seq:020}.jsonl":
            return f"{path}: record {seq} should be the next"
        lines = path.read_bytes().split(b"\n")
        if lines.pop() != b"":
            return f"{path}: the last line is torn"
        for number, line in enumerate(lines, 1):
            body, _, claimed = line.rpartition(b',"hash":')
            digest = hashlib.sha256(body + b"}").hexdigest()
            if claimed != b'"%s"}' % digest.encode():
                return f"{path}:{number}: the hash does not hold"
            record = json.loads(line)
            if list(record)[-2:] != ["prev", "hash"] or record["v"] != 1:
                return f"{path}:{number}: is no record of version 1"
            if (record["seq"], record["prev"]) != (seq, prev):
                return f"{path}:{number}: does not follow the record before"
            seq, prev = seq + 1, digest
    return None if seq else f"{directory}: no record"


if __name__ == "__main__":
    wrong = verify(sys.argv[1])
    if wrong:
        sys.exit(wrong)
    last = max(pathlib.Path(sys.argv[1]).glob("*.jsonl"), key=lambda p: (p.stat().st_size > 0, p.name))
    print("whole; the last record's hash is", json.loads(last.read_bytes().splitlines()[-1])["hash"])
