#!/usr/bin/env python3
"""The worked example of docs/reference/format.md, and a small verifier, written from that page alone and with nothing of Waybill.

    python3 docs/reference/format-example.py                 prints the example's two chains, as they stand in the document
    python3 docs/reference/format-example.py verify FILE     verifies a chain; exit code 0 ok, 1 tampered, 3 incomplete, 4 unreadable

The verifier knows the whole chain only (no partial one, no expected heads, no signatures). What is nested deeper than
Python's own parser goes is no JSON to it; by the page it breaks rule 4.
"""
import base64
import hashlib
import json
import re
import sys
from decimal import Decimal
from math import isfinite

SIZE_WINDOW = 65536
MAX_PRODUCERS, MAX_MISSING, MAX_CHAIN_MISSING = 1024, 64, 4096
MAX_LINE_BYTES = 524288
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
    if not isfinite(value):
        raise ValueError("a number that no double holds")
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
    orgid = data.get("OrgID")
    if orgid is None or orgid == "":
        return "_unattributed"
    return None if orgid == "_unattributed" else orgid


def known(size):
    """What is no integer from 0 to 2^53-1 is no size."""
    return size if type(size) is int and 0 <= size < 2**53 else None


def volume_of(seq, event, mentions):
    """The volume of entry `seq`. `mentions`: digest -> (bytes, the upload's seq, seq of the mention)."""
    transfer = transfer_of(event)
    if transfer is None:
        return dict(NO_VOLUME)
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


NO_VOLUME = {"kind": "none", "bytes": None}
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


# ---- windows of publishers ---------------------------------------------------------------------------------------


def admit(windows, producer, n, seq):
    """new, late, beyond_window or duplicate. A window: last, missing (ranges), floor, seen."""
    window = windows.get(producer)
    if window is None:
        if len(windows) == MAX_PRODUCERS:
            del windows[min(windows, key=lambda name: windows[name]["seen"])]
        window = windows[producer] = {"last": 0, "missing": [], "floor": 0, "seen": 0}
    admission = "new" if n > window["last"] else "late"
    if admission == "new":
        if n > window["last"] + 1:
            window["missing"].append([window["last"] + 1, n - 1])
        window["last"] = n
    else:
        place = next((i for i, (first, last) in enumerate(window["missing"]) if first <= n <= last), None)
        if place is None:
            return "beyond_window" if n <= window["floor"] else "duplicate"
        first, last = window["missing"][place]
        window["missing"][place : place + 1] = [r for r in ([first, n - 1], [n + 1, last]) if r[0] <= r[1]]
    window["seen"] = seq
    if len(window["missing"]) > MAX_MISSING:
        window["floor"] = window["missing"].pop(0)[1]
    if sum(len(one["missing"]) for one in windows.values()) > MAX_CHAIN_MISSING:
        most = max(windows.values(), key=lambda one: (len(one["missing"]), -one["seen"]))
        most["floor"] = most["missing"].pop(0)[1]
    return admission


# ---- writing -----------------------------------------------------------------------------------------------------


def chain(orgid, messages):
    """Lines of a chain. A message: (AUDIT sequence, place in it or None, received, subject, event)."""
    head, totals, mentions, lines = "0" * 64, no_totals(), {}, []
    for seq, (source_seq, index, received, subject, event) in enumerate(messages, start=1):
        is_event = orgid != "_system"
        volume = volume_of(seq, event, mentions) if is_event else NO_VOLUME
        if is_event:
            mention(seq, event, volume, mentions)
        producer, producerseq = origin_of(event) if is_event else (None, None)
        totals = add_volume(totals, volume)
        core = {
            "v": 1,
            "orgid": orgid,
            "seq": seq,
            "prev_hash": head,
            "received": received,
            "source": {"stream": "AUDIT", "seq": source_seq, **({} if index is None else {"index": index}), "subject": subject},
            "origin": None if producer is None else {"producer": producer, "producerseq": producerseq},
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
        None,
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
        None,
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
        None,
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
        0,
        "2026-01-05T09:00:03.001Z",
        "audit.casartifact.downloaded.acme",
        cloudevent(2, "casartifact.downloaded", "2026-01-05T09:00:00.500Z", {}, {"digest": "sha256:" + HEX}),
    ),
]

NO_JSON, NO_EVENT = b"hello", b'{"specversion":"1.0"}'


def rejected(reason, detail, subject, payload):
    return {
        "kind": "rejected",
        "reason": reason,
        "detail": detail,
        "subject": subject,
        "size": len(payload),
        "sha256": hashlib.sha256(payload).hexdigest(),
        "payload": base64.b64encode(payload[:65536]).decode("ascii"),
    }


SYSTEM = [
    (
        3,
        None,
        "2026-01-05T09:00:01.500Z",
        "audit.casartifact.uploaded.acme",
        rejected("not_json", "is not JSON", "audit.casartifact.uploaded.acme", NO_JSON),
    ),
    (
        5,
        1,
        "2026-01-05T09:00:03.001Z",
        "audit.casartifact.downloaded.acme",
        rejected("not_an_event", "id: a non-empty string", "audit.casartifact.downloaded.acme", NO_EVENT),
    ),
]


# ---- verifying ---------------------------------------------------------------------------------------------------


class Tampered(Exception):
    pass


class NoEntry(Tampered):
    """Rule 1 or 2."""


class Newer(Exception):
    """An entry of a version that is not known here."""


def need(ok, what, kind=Tampered):
    if not ok:
        raise kind(what)


def read_number(text):
    """A JSON number as a double. It is an int where it is a whole number that a double holds for certain."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def no_constant(text):
    """Python reads NaN and Infinity, which are no JSON."""
    raise ValueError(text)


def read_json(raw):
    """Of doubled members the last counts (rule 2). Rule 4 finds what that loses."""
    text = raw.decode("utf-8")
    return json.loads(text, parse_int=read_number, parse_float=read_number, parse_constant=no_constant)


def is_count(value, least=1):
    return type(value) is int and least <= value < 2**53


def has_form(value, pattern):
    return isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None


def is_chain_name(value):
    return has_form(value, "[A-Za-z0-9][A-Za-z0-9_-]{0,63}") or value in RESERVED


def members(value, names, optional=()):
    need(isinstance(value, dict), "an object", NoEntry)
    need(set(names) <= set(value) <= set(names) | set(optional), "members %s" % sorted(value), NoEntry)
    return [value.get(name) for name in names]


HASH, DECIMAL = "[0-9a-f]{64}", "0|[1-9][0-9]{0,31}"
PRODUCER, PRODUCERSEQ = "[A-Za-z0-9][A-Za-z0-9_-]{0,63}", "[1-9][0-9]{0,15}"
RECEIVED = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z"
RESERVED = ("_system", "_unattributed")
CORE = ["v", "orgid", "seq", "prev_hash", "received", "source", "origin", "event_hash", "volume", "totals"]


def check_form(entry):
    """Rule 2. Newer for an entry of another version."""
    core, event, hash_ = members(entry, ["core", "event", "hash"])
    if isinstance(core, dict) and is_count(core.get("v"), 2):
        raise Newer("version %d" % core["v"])
    v, orgid, seq, prev_hash, received, source, origin, event_hash, volume, totals = members(core, CORE)
    need(type(v) is int and v == 1, "v", NoEntry)
    need(is_chain_name(orgid), "orgid", NoEntry)
    need(is_count(seq), "seq", NoEntry)
    need(all(has_form(one, HASH) for one in (prev_hash, event_hash, hash_)), "hashes", NoEntry)
    need(has_form(received, RECEIVED), "received", NoEntry)
    stream, number, subject = members(source, ["stream", "seq", "subject"], ["index"])
    need(isinstance(stream, str) and isinstance(subject, str) and is_count(number), "source", NoEntry)
    need("index" not in source or (is_count(source["index"], 0) and source["index"] <= 255), "source.index", NoEntry)
    if origin is not None:
        producer, producerseq = members(origin, ["producer", "producerseq"])
        need(has_form(producer, PRODUCER) and has_form(producerseq, PRODUCERSEQ), "origin", NoEntry)
        need(int(producerseq) < 2**53 and orgid != "_system", "origin", NoEntry)
    events, *tallies = members(totals, ["events", *TALLY.values()])
    sums = [events] + [one for tally in tallies for one in members(tally, ["count", "bytes", "unknown"])]
    need(all(has_form(one, DECIMAL) for one in sums), "totals", NoEntry)
    kind, size = members(volume, ["kind", "bytes"], ["from"])
    need(kind in ("none", *TALLY) if isinstance(kind, str) else False, "volume.kind", NoEntry)
    need(size is None or (has_form(size, DECIMAL) and int(size) < 2**53), "volume.bytes", NoEntry)
    need(kind != "none" or size is None, "volume.bytes", NoEntry)
    need(kind == "none" or orgid not in RESERVED, "volume.kind", NoEntry)
    if "from" in volume:
        need(kind == "deduplicated" and size is not None, "volume.from", NoEntry)
        need(is_count(volume["from"]) and volume["from"] < seq, "volume.from", NoEntry)
    need(event is None or isinstance(event, dict), "event", NoEntry)


KINDS = ("rejected", "duplicate", "beyond_window", "gap", "epoch", "acknowledged", "hold", "generation")


def stands_for_no_message(core, event):
    """Also a record of a kind that is not known."""
    return core["orgid"] == "_system" and event is not None and event.get("kind") not in KINDS


class Chain:
    """What a verifier keeps of the entries before."""

    def __init__(self):
        self.orgid, self.head, self.received, self.place = None, "0" * 64, "", (0, -1)
        self.totals, self.mentions, self.erased = no_totals(), {}, {}
        self.windows, self.numbers = {}, {}

    def link(self, seq, raw, entry):
        """What every version has: rules 3 to 6, but for totals."""
        core, event, hash_ = entry["core"], entry["event"], entry["hash"]
        need(self.orgid in (None, core.get("orgid")), "orgid")
        need(is_count(core.get("seq")) and core["seq"] == seq, "seq")
        text = '{"core":%s,"event":%s,"hash":%s}' % (jcs(core), jcs(event), jcs(hash_))
        need(text.encode("utf-8") == raw, "not canonical")
        need(sha256(jcs(core)) == hash_, "hash")
        need(core.get("prev_hash") == self.head, "prev_hash")

    def take(self, seq, raw):
        need(len(raw) <= MAX_LINE_BYTES, "too long", NoEntry)
        need(raw != b"", "an empty line", NoEntry)
        try:
            entry = read_json(raw)
        except (ValueError, RecursionError) as error:
            raise NoEntry("not JSON: %s" % error)
        try:
            check_form(entry)
        except Newer:
            try:
                need(is_chain_name(entry["core"].get("orgid")), "orgid")
                self.link(seq, raw, entry)
            except (Tampered, ValueError) as error:
                raise NoEntry("of no version: %s" % error)
            raise
        core, event, hash_ = entry["core"], entry["event"], entry["hash"]
        volume, origin = core["volume"], core["origin"]
        self.link(seq, raw, entry)
        need(event is None or sha256(jcs(event)) == core["event_hash"], "event_hash")
        need(core["totals"] == add_volume(self.totals, volume), "totals")
        need(core["received"] >= self.received, "received goes back")
        place = (core["source"]["seq"], core["source"].get("index", -1))
        need(place > self.place or (place == self.place and stands_for_no_message(core, event)), "source goes back")
        if core["orgid"] not in RESERVED:
            self.check_volume(seq, volume, event)
        if core["orgid"] != "_system" and event is not None:
            need(owner_of(event) == core["orgid"], "the event belongs to %s" % owner_of(event))
            producer, producerseq = origin_of(event)
            said = None if producer is None else {"producer": producer, "producerseq": producerseq}
            need(origin == said, "origin")
        if origin is not None:
            producer, n = origin["producer"], int(origin["producerseq"])
            need(admit(self.windows, producer, n, seq) in ("new", "late"), "chained a second time, or beyond the window")
            self.numbers.setdefault(producer, set()).add(n)
        self.orgid, self.head, self.totals = core["orgid"], hash_, core["totals"]
        self.received, self.place = core["received"], place

    def check_volume(self, seq, volume, event):
        """Rule 8."""
        size, source = volume["bytes"], volume.get("from")
        if event is None:
            if size is not None and (volume["kind"] == "upload" or source):
                self.erased[source or seq] = (size, seq)
            return
        transfer = transfer_of(event)
        if volume != volume_of(seq, event, self.mentions):
            need(transfer and transfer[0] == "deduplicated" and transfer[2] is None and source, "volume")
            said, at = self.erased.get(source, (None, 0))
            *_, met = self.mentions.get(transfer[1], (0,))
            need(said == size and at >= seq - SIZE_WINDOW, "volume")
            need(at > met or met < seq - SIZE_WINDOW, "volume")
        mention(seq, event, volume, self.mentions)


def looks_like_entry(raw):
    return raw.startswith(b'{"core":{"event_hash":"') or b',"v":1,"volume":{"bytes":' in raw[: MAX_LINE_BYTES + 1]


def verify(data):
    """(verdict, first bad seq or None, detail)"""
    lines = data.split(b"\n")
    while lines and lines[-1] == b"":
        lines.pop()
    chain = Chain()
    for seq, raw in enumerate(lines, start=1):
        try:
            chain.take(seq, raw)
        except Newer as problem:
            return "unreadable", seq, str(problem)
        except (Tampered, ValueError) as problem:
            if seq == 1 and isinstance(problem, NoEntry) and not any(map(looks_like_entry, lines)):
                return "unreadable", seq, str(problem)
            return "tampered", seq, str(problem)
    if not lines:
        return "unreadable", 1, "there is no entry"
    missing = sum(max(numbers) - len(numbers) for numbers in chain.numbers.values())
    if missing:
        return "incomplete", None, "%d events of publishers are missing" % missing
    result = len(lines), chain.orgid, chain.head, jcs(chain.totals)
    return "ok", None, "%d entries of %s, head %s, totals %s" % result


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "verify":
        with open(sys.argv[2], "rb") as file:
            verdict, bad, detail = verify(file.read())
        print(verdict if bad is None else "%s at seq %d" % (verdict, bad), "-", detail)
        sys.exit({"ok": 0, "tampered": 1, "incomplete": 3, "unreadable": 4}[verdict])
    if len(sys.argv) == 4 and sys.argv[1] == "verify-all":
        for i in range(int(sys.argv[3])):
            with open("%s/%d.ndjson" % (sys.argv[2], i), "rb") as file:
                verdict, bad, _ = verify(file.read())
            print(verdict if bad is None else "%s at seq %d" % (verdict, bad))
        sys.exit(0)
    if len(sys.argv) != 1:
        sys.exit(__doc__)
    sys.stdout.buffer.write("".join(line + "\n" for line in chain("acme", ACME) + chain("_system", SYSTEM)).encode("utf-8"))
