"""acttrace's algorithm, the peer of bench/verify.ts: a record's hash is the SHA-256 of its canonical JSON without the
hash, with the previous record's hash in it. Verification reads each record, prints it again, hashes and compares.

    python3 bench/acttrace.py CHAIN     prints records per second of CPU time, for records with all that an entry of
                                        CHAIN holds ("whole") and for records with its event alone ("event")
"""

import hashlib
import json
import sys
import time


def digest(record):
    return hashlib.sha256(json.dumps(record, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write(entries):
    lines, previous = [], "0" * 64
    for entry in entries:
        record = {**entry, "prev_hash": previous}
        previous = record["hash"] = digest(record)
        lines.append(json.dumps(record, sort_keys=True, separators=(",", ":")))
    return lines


def verify(lines):
    previous = "0" * 64
    for line in lines:
        record = json.loads(line)
        expected = record.pop("hash")
        if record["prev_hash"] != previous or digest(record) != expected:
            return False
        previous = expected
    return True


def whole(entry):
    core = {name: value for name, value in entry["core"].items() if name != "prev_hash"}
    return {**core, "event": entry["event"]}


def rate(lines):
    started = time.process_time()
    if not verify(lines):
        sys.exit("the records do not verify")
    return len(lines) / (time.process_time() - started)


with open(sys.argv[1], encoding="utf-8") as chain:
    parsed = [json.loads(line) for line in chain]
print(json.dumps({"whole": rate(write(map(whole, parsed))), "event": rate(write(e["event"] for e in parsed))}))
