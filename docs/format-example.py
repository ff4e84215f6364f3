#!/usr/bin/env python3
"""The worked example of docs/format.md, and a small verifier, written from that page alone and with nothing of Waybill.

    python3 docs/format-example.py                 prints the example's two chains, as they stand in the document
    python3 docs/format-example.py verify FILE     verifies a chain; exit code 0 ok, 1 tampered, 3 incomplete, 4 unreadable

The verifier knows the whole chain only (no partial one, no expected heads).
"""
import hashlib
import json
import re
import sys
from decimal import Decimal

SIZE_WINDOW = 65536
MAX_PRODUCERS = 64
MAX_DEPTH = 64
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def jcs(value, depth=MAX_DEPTH):
    """RFC 8785."""
    if isinstance(value, (dict, list)) and depth == 0:
        raise ValueError("too many levels")
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(jcs(name) + ":" + jcs(value[name], depth - 1) for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(jcs(item, depth - 1) for item in value) + "]"
    if isinstance(value, float) or (isinstance(value, int) and abs(value) > 2**53):
        return number(float(value))
    text = json.dumps(value, ensure_ascii=False)
    text.encode("utf-8")  # refuses lone surrogates
    return text


def number(value):
    """ECMAScript's Number::toString (RFC 8785 section 3.2.2.3); Python's repr has the same shortest digits."""
    if value == 0:
        return "0"
    _, digits, exponent = Decimal(repr(abs(value))).normalize().as_tuple()
    text, k = "".join(map(str, digits)), len(digits)
    n = k + exponent
    sign = "-" if value < 0 else ""
    if k <= n <= 21:
        return sign + text + "0" * (n - k)
    if 0 < n <= 21:
        return sign + text[:n] + "." + text[n:]
    if -6 < n <= 0:
        return sign + "0." + "0" * -n + text
    fraction = "." + text[1:] if k > 1 else ""
    return "%s%s%se%s%d" % (sign, text[0], fraction, "+" if n > 0 else "-", abs(n - 1))


def sha256(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


# ---- volume ------------------------------------------------------------------------------------------------------


def is_chainloop(event):
    return event.get("EventType") == "AUDIT_EVENT" and "Data" in event


def origin_of(event):
    """(boot id, its number for the event), or two times None where the event states none in our form."""
    producer, number = event.get("producer"), event.get("producerseq")
    if not is_chainloop(event) and isinstance(producer, str) and isinstance(number, str):
        if re.fullmatch("[A-Za-z0-9][A-Za-z0-9_-]{0,63}", producer) and re.fullmatch("[1-9][0-9]{0,15}", number):
            if int(number) < 2**53:
                return producer, number
    return None, None


def transfer_of(event):
    """(kind, digest, bytes or None, whether it failed), or None when the event moved nothing that counts."""
    if owner_of(event) == "_unattributed":
        return None
    if is_chainloop(event):
        data = event["Data"]
        info = data.get("Info") if isinstance(data, dict) and data.get("TargetType") == "CASArtifact" else None
        if not isinstance(info, dict):
            return None
        action = data.get("ActionType")
        if action == "CASArtifactDownloaded":
            kind = "download"
        elif action == "CASArtifactUploaded":
            kind = "deduplicated" if info.get("skipped") is True else "upload"
        else:
            return None
        size = info.get("size_bytes")
        if size == 0 and (kind == "deduplicated" or info.get("digest") != EMPTY):
            size = None
        digest = info.get("digest")
        return kind, "sha256:" + digest if isinstance(digest, str) else "", known(size), False
    data = event.get("data")
    if not isinstance(data, dict):
        return None
    digest = data.get("digest")
    digest = digest if isinstance(digest, str) else ""
    if event.get("type") == "casartifact.downloaded":
        kind = "download"
    elif event.get("type") == "casartifact.uploaded":
        kind = "deduplicated" if data.get("skipped") is True else "upload"
    else:
        return None
    if event.get("outcome") == "failure":
        moved = known(data.get("transferred_bytes"))
        return None if kind == "deduplicated" or moved is None else (kind, digest, moved, True)
    return kind, digest, known(data.get("size_bytes")), False


def owner_of(event):
    """The chain that an event names."""
    if not is_chainloop(event):
        return event.get("orgid")
    data = event["Data"] if isinstance(event["Data"], dict) else {"OrgID": False}
    return "_unattributed" if data.get("OrgID") in (None, "") else data["OrgID"]


def known(size):
    """What is no integer from 0 to 2^53-1 is no size."""
    return size if type(size) is int and 0 <= size < 2**53 else None


def volume_of(seq, event, mentions):
    """The volume of entry `seq`. `mentions`: digest -> (bytes, the upload's seq, seq of the mention)."""
    transfer = transfer_of(event)
    if transfer is None:
        return {"kind": "none", "bytes": None}
    kind, digest, size, _ = transfer
    volume = {"kind": kind, "bytes": None if size is None else str(size)}
    mention = mentions.get(digest)
    if kind == "deduplicated" and size is None and mention and mention[2] >= seq - SIZE_WINDOW:
        volume["bytes"], volume["from"] = mention[0], mention[1]
    return volume


def mention(seq, event, volume, mentions):
    transfer = transfer_of(event)
    if transfer and volume["bytes"] is not None and not transfer[3] and (transfer[0] == "upload" or "from" in volume):
        mentions[transfer[1]] = (volume["bytes"], volume.get("from", seq), seq)


TALLY = {"upload": "uploads", "download": "downloads", "deduplicated": "deduplicated"}


def no_totals():
    return {"events": "0", **{name: {"count": "0", "bytes": "0", "unknown": "0"} for name in TALLY.values()}}


def add_volume(totals, volume):
    totals = json.loads(json.dumps(totals))
    totals["events"] = str(int(totals["events"]) + 1)
    if volume["kind"] in TALLY:
        tally = totals[TALLY[volume["kind"]]]
        tally["count"] = str(int(tally["count"]) + 1)
        if volume["bytes"] is None:
            tally["unknown"] = str(int(tally["unknown"]) + 1)
        else:
            tally["bytes"] = str(int(tally["bytes"]) + int(volume["bytes"]))
    return totals


# ---- writing -----------------------------------------------------------------------------------------------------


def chain(orgid, messages):
    """Lines of a chain. A message: (AUDIT sequence, received, subject, event)."""
    head, totals, mentions, lines = "0" * 64, no_totals(), {}, []
    for seq, (source_seq, received, subject, event) in enumerate(messages, start=1):
        volume = volume_of(seq, event, mentions)
        mention(seq, event, volume, mentions)
        totals = add_volume(totals, volume)
        core = {
            "v": 1,
            "orgid": orgid,
            "seq": seq,
            "prev_hash": head,
            "received": received,
            "source": {"stream": "AUDIT", "seq": source_seq, "subject": subject},
            "event_hash": sha256(jcs(event)),
            "volume": volume,
            "totals": totals,
        }
        head = sha256(jcs(core))
        lines.append(jcs({"core": core, "event": event, "hash": head}))
    return lines


def cloudevent(n, type, time, more, data):
    return {
        "specversion": "1.0",
        "id": "01997b3c-8a0%d-7000-8000-00000000000%d" % (n, n),
        "source": "//cas.example/artifact-cas",
        "type": type,
        "time": time,
        "orgid": "acme",
        "producer": "b1f0",
        "producerseq": str(n),
        "data": data,
        **more,
    }


HEX = hashlib.sha256(b"waybill\n" * 128).hexdigest()

ACME = [
    (
        1,
        "2026-01-05T09:00:00.012Z",
        "audit.casartifact.uploaded.acme",
        cloudevent(
            1,
            "casartifact.uploaded",
            "2026-01-05T09:00:00.000Z",
            {"actortype": "USER", "actorid": "u-7", "actorname": "Zoë 😀"},
            {"digest": "sha256:" + HEX, "size_bytes": 1024, "file_name": "sbom.cyclonedx.json", "score": 1e-7},
        ),
    ),
    (
        2,
        "2026-01-05T09:00:01.020Z",
        "audit.casartifact.uploaded.acme",
        cloudevent(
            3,
            "casartifact.uploaded",
            "2026-01-05T09:00:01.000Z",
            {},
            {"digest": "sha256:" + HEX, "skipped": True},
        ),
    ),
    (
        4,
        "2026-01-05T09:00:02.004Z",
        "audit.casartifact.casartifactdownloaded",
        {
            "EventType": "AUDIT_EVENT",
            "Timestamp": "2026-01-05T09:00:02.000000001Z",
            "Data": {
                "ActionType": "CASArtifactDownloaded",
                "TargetType": "CASArtifact",
                "OrgID": "acme",
                "Info": {"digest": HEX, "size_bytes": 1024, "backend_type": "OCI"},
            },
        },
    ),
    (
        5,
        "2026-01-05T09:00:03.001Z",
        "audit.casartifact.downloaded.acme",
        cloudevent(2, "casartifact.downloaded", "2026-01-05T09:00:00.500Z", {}, {"digest": "sha256:" + HEX}),
    ),
]

NO_EVENT = b"hello"

SYSTEM = [
    (
        3,
        "2026-01-05T09:00:01.500Z",
        "audit.casartifact.uploaded.acme",
        {
            "kind": "rejected",
            "reason": "not_json",
            "detail": "is not JSON",
            "subject": "audit.casartifact.uploaded.acme",
            "size": len(NO_EVENT),
            "sha256": hashlib.sha256(NO_EVENT).hexdigest(),
            "payload": "aGVsbG8=",
        },
    )
]


# ---- verifying ---------------------------------------------------------------------------------------------------


class Tampered(Exception):
    pass


def need(ok, what):
    if not ok:
        raise Tampered(what)


def unique(pairs):
    names = [name for name, _ in pairs]
    need(len(set(names)) == len(names), "a doubled member")
    return dict(pairs)


def keep(kept, name):
    """The numbers of a publisher, or a place for an erased entry, whose publisher may have been any."""
    numbers = kept[name] = kept.pop(name, set())
    if len(kept) > MAX_PRODUCERS:
        del kept[next(iter(kept))]
    return numbers


def verify(data):
    """(verdict, first bad seq or None, detail)"""
    lines = data.split(b"\n")
    while lines and lines[-1] == b"":
        lines.pop()
    orgid, head, received, source_seq = None, "0" * 64, "", 0
    totals, mentions, erased, numbers = no_totals(), {}, {}, {}
    kept = {}  # publisher -> its numbers, of those that cannot have been forgotten; the one seen last stands last
    hidden = 0
    for seq, raw in enumerate(lines, start=1):
        try:
            try:
                entry = json.loads(raw.decode("utf-8"), object_pairs_hook=unique)
                core, event, hash_ = entry["core"], entry["event"], entry["hash"]
                canonical = jcs(entry, MAX_DEPTH + 1).encode("utf-8")
                volume, source = core["volume"], core["source"]
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise Tampered("no entry: %s" % error)
            need(set(entry) == {"core", "event", "hash"}, "members of the entry")
            need(canonical == raw, "not canonical")
            need(core["v"] == 1 and core["seq"] == seq, "seq")
            moved, size, origin = volume["kind"], volume["bytes"], volume.get("from")
            need(set(volume) <= {"kind", "bytes", "from"} and moved in ("none", *TALLY), "volume")
            need(size is None or re.fullmatch("0|[1-9][0-9]{0,15}", size) and int(size) < 2**53, "volume.bytes")
            need(moved != "none" or size is None, "volume.bytes")
            need(moved == "none" or core["orgid"] not in ("_system", "_unattributed"), "volume.kind")
            if "from" in volume:
                need(moved == "deduplicated" and size is not None and type(origin) is int and 0 < origin < seq, "volume.from")
            need(orgid in (None, core["orgid"]), "orgid")
            need(sha256(jcs(core)) == hash_, "hash")
            need(event is None or sha256(jcs(event)) == core["event_hash"], "event_hash")
            need(core["prev_hash"] == head, "prev_hash")
            need(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z", core["received"]), "received")
            need(core["received"] >= received, "received goes back")
            mark = core["orgid"] == "_system" and (event or {}).get("kind") in ("watermark", "streams")
            need(source["seq"] >= source_seq + (0 if mark else 1), "source.seq")
            need(core["totals"] == add_volume(totals, volume), "totals")
            if event is None:
                hidden += 1
                if size is not None and (moved == "upload" or origin):
                    erased[origin or seq] = (size, seq)
                if core["orgid"] != "_system":
                    keep(kept, seq)
            else:
                derived = volume_of(seq, event, mentions)
                transfer = transfer_of(event)
                unsized = transfer and transfer[0] == "deduplicated" and transfer[2] is None
                said, at = erased.get(origin, (None, 0))
                trusted = unsized and origin and said == size and at >= seq - SIZE_WINDOW
                need(volume == derived or trusted, "volume")
                mention(seq, event, volume, mentions)
                if core["orgid"] != "_system":
                    owner = owner_of(event)
                    need(owner == core["orgid"], "the event belongs to %s" % owner)
                    producer, producerseq = origin_of(event)
                    if producer is not None:
                        mine = keep(kept, producer)
                        need(producerseq not in mine, "chained a second time")
                        mine.add(producerseq)
                        numbers.setdefault(producer, set()).add(int(producerseq))
        except (Tampered, TypeError, KeyError, ValueError, AttributeError) as problem:
            if seq == 1 and b'"volume":{"bytes":' not in data:
                return "unreadable", 1, str(problem)
            return "tampered", seq, str(problem)
        orgid, head, totals, received, source_seq = core["orgid"], hash_, core["totals"], core["received"], source["seq"]
    if not lines:
        return "unreadable", 1, "there is no entry"
    missing = sum(max(seen) - len(seen) for seen in numbers.values())
    if missing > hidden:
        return "incomplete", None, "%d events of publishers are missing" % missing
    return "ok", None, "%d entries of %s, head %s, totals %s" % (len(lines), orgid, head, jcs(totals))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "verify":
        with open(sys.argv[2], "rb") as file:
            verdict, bad, detail = verify(file.read())
        print(verdict if bad is None else "%s at seq %d" % (verdict, bad), "-", detail)
        sys.exit({"ok": 0, "tampered": 1, "incomplete": 3, "unreadable": 4}[verdict])
    if len(sys.argv) != 1:
        sys.exit(__doc__)
    sys.stdout.buffer.write("".join(line + "\n" for line in chain("acme", ACME) + chain("_system", SYSTEM)).encode("utf-8"))
