#!/usr/bin/env python3
"""The worked example of docs/reference/format.md, and a small verifier, written from that page alone and with nothing of Waybill.

    python3 docs/reference/format-example.py                 prints the example's two chains, as they stand in the document
    python3 docs/reference/format-example.py verify FILE     verifies a chain; exit code 0 ok, 1 tampered, 3 incomplete, 4 unreadable
    python3 docs/reference/format-example.py verify FILE SYSTEM
                                                             the same with the acknowledgements in SYSTEM, the chain _system
    python3 docs/reference/format-example.py bill            prints the example's bill
    python3 docs/reference/format-example.py verify-bill FILE [KEY]
                                                             verifies a bill, with KEY (base64) its signature too

The verifier of chains knows the whole chain only (no partial one, no expected heads, no signatures), that of bills
neither heads, replays nor time zones. What is nested deeper than Python's own parser goes is no JSON to it; by the page
it breaks rule 4.
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
    check_core(core)
    need(has_form(hash_, HASH), "hash", NoEntry)
    need(event is None or isinstance(event, dict), "event", NoEntry)


def check_core(core):
    """The form of a core."""
    v, orgid, seq, prev_hash, received, source, origin, event_hash, volume, totals = members(core, CORE)
    need(type(v) is int and v == 1, "v", NoEntry)
    need(is_chain_name(orgid), "orgid", NoEntry)
    need(is_count(seq), "seq", NoEntry)
    need(all(has_form(one, HASH) for one in (prev_hash, event_hash)), "hashes", NoEntry)
    need(has_form(received, RECEIVED), "received", NoEntry)
    stream, number, subject = members(source, ["stream", "seq", "subject"], ["index"])
    need(isinstance(stream, str) and isinstance(subject, str) and is_count(number), "source", NoEntry)
    need("index" not in source or (is_count(source["index"], 0) and source["index"] <= 255), "source.index", NoEntry)
    if origin is not None:
        producer, producerseq = members(origin, ["producer", "producerseq"])
        need(has_form(producer, PRODUCER) and has_form(producerseq, PRODUCERSEQ), "origin", NoEntry)
        need(int(producerseq) < 2**53 and orgid != "_system", "origin", NoEntry)
    check_totals(totals)
    kind, size = members(volume, ["kind", "bytes"], ["from"])
    need(kind in ("none", *TALLY) if isinstance(kind, str) else False, "volume.kind", NoEntry)
    need(size is None or (has_form(size, DECIMAL) and int(size) < 2**53), "volume.bytes", NoEntry)
    need(kind != "none" or size is None, "volume.bytes", NoEntry)
    need(kind == "none" or orgid not in RESERVED, "volume.kind", NoEntry)
    if "from" in volume:
        need(kind == "deduplicated" and size is not None, "volume.from", NoEntry)
        need(is_count(volume["from"]) and volume["from"] < seq, "volume.from", NoEntry)


def check_totals(totals):
    events, *tallies = members(totals, ["events", *TALLY.values()])
    sums = [events] + [one for tally in tallies for one in members(tally, ["count", "bytes", "unknown"])]
    need(all(has_form(one, DECIMAL) for one in sums), "totals", NoEntry)


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
        self.events, self.said, self.said_before = {}, [], set()

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
            is_end = event is not None and event.get("type") == "producer.closed"
            self.events.setdefault(producer, []).append((n, place, is_end))
        if core["orgid"] == "_system" and event is not None and event.get("kind") == "acknowledged":
            self.take_acknowledgement(event, place)
        self.orgid, self.head, self.totals = core["orgid"], hash_, core["totals"]
        self.received, self.place = core["received"], place

    def take_acknowledgement(self, event, place):
        first, last = event.get("first"), event.get("last")
        ours = has_form(event.get("orgid"), "[A-Za-z0-9][A-Za-z0-9_-]{0,63}|_unattributed")
        ours = ours and has_form(event.get("producer"), PRODUCER) and is_count(first)
        ours = ours and (last is None or is_count(last, first))
        ours = ours and all(isinstance(event.get(name), str) for name in ("by", "reason", "sha256", "subject"))
        message = (event.get("sha256"), event.get("subject"))
        if not ours or message in self.said_before:
            return
        self.said_before.add(message)
        self.said.append((event["orgid"], event["producer"], first, last, place))

    def losses(self, said):
        """(missing numbers that nobody acknowledged, acknowledged numbers and ends, open publishers)"""
        missing = known = open_ = 0
        for producer, events in self.events.items():
            mine = [one[2:] for one in said if one[:2] == (self.orgid, producer)]
            before = 0
            for number in sorted(self.numbers[producer]):
                lost, covered = range(before + 1, number), before
                since = min((place for other, place, _ in events if other >= number), default=()) if mine else ()
                for first, last, place in sorted(mine, key=lambda one: one[0]):
                    if last is not None and place > since:
                        begin, end = max(first, covered + 1, lost.start), min(last, number - 1)
                        known, covered = known + max(0, end + 1 - begin), max(covered, end)
                missing += len(lost)
                before = number
            _, ended_at, is_end = next(one for one in events if one[0] == before)
            if not is_end:
                closed = any(last is None and first == before + 1 and at > ended_at for first, last, at in mine)
                known, open_ = known + closed, open_ + (not closed)
                missing += closed
        return missing - known, known, open_

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


def acknowledgements(data):
    """What is acknowledged in the good entries of `_system`."""
    chain = Chain()
    chain.orgid = "_system"
    for seq, raw in enumerate(data.split(b"\n"), start=1):
        try:
            chain.take(seq, raw)
        except (Newer, Tampered, ValueError):
            break
    return chain.said


def verify(data, said=()):
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
    missing, known, open_ = chain.losses(said)
    more = "" if not said else "; %d acknowledged, %d open" % (known, open_)
    if missing:
        return "incomplete", None, "%d events of publishers are missing%s" % (missing, more)
    result = len(lines), chain.orgid, chain.head, jcs(chain.totals), more
    return "ok", None, "%d entries of %s, head %s, totals %s%s" % result


# ---- Ed25519 (RFC 8032) ------------------------------------------------------------------------------------------


P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    """Points as (x, y), by the addition law of RFC 8032 section 5.1.4 in affine coordinates."""
    x, y, u, v = *a, *b
    k = D * x * u * y * v
    return (x * v + y * u) * pow(1 + k, P - 2, P) % P, (y * v + x * u) * pow(1 - k, P - 2, P) % P


def multiply(n, point):
    result = (0, 1)
    while n:
        if n & 1:
            result = add(result, point)
        point, n = add(point, point), n >> 1
    return result


def decode_point(raw):
    """A point that is canonical and not of small order, or None."""
    number = int.from_bytes(raw, "little")
    y, sign = number & (2**255 - 1), number >> 255
    if len(raw) != 32 or y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square or (x == 0 and sign):
        return None
    point = (x if x & 1 == sign else P - x, y)
    return None if multiply(8, point) == (0, 1) else point


def encode_point(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = decode_point(BASE_Y.to_bytes(32, "little"))


def sha512(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def sign(seed, text):
    """(public key, signature), both base64."""
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & (2**254 - 8) | 2**254
    public, message = encode_point(multiply(scalar, BASE)), text.encode("utf-8")
    nonce = sha512(digest[32:], message) % ORDER
    r = encode_point(multiply(nonce, BASE))
    s = (nonce + sha512(r, public, message) * scalar) % ORDER
    return tuple(base64.b64encode(one).decode("ascii") for one in (public, r + s.to_bytes(32, "little")))


def is_signed(public, signature, text):
    """Without multiplying by the cofactor."""
    key, r, s = decode_point(public), decode_point(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= ORDER:
        return False
    k = sha512(signature[:32], public, text.encode("utf-8")) % ORDER
    return multiply(s, BASE) == add(r, multiply(k, key))


# ---- bills -------------------------------------------------------------------------------------------------------


MAX_BILL_BYTES, MAX_CUTS, MAX_OPEN_LISTED = 4194304, 1001, 100
TIME_FIELDS = ["from", "to"]
STATEMENT = ["orgid", "zone", "tz", "from", "to", "issued_by", "usage", "cuts", "lines", "completeness"]
NUMBERS = ["unknown", "missing", "duplicates", "beyond_window", "rejected", "gaps"]
USAGE = ["events", *TALLY.values()]


def subtract(later, earlier):
    """The difference of two totals; Tampered where one is negative."""
    if isinstance(later, str):
        need(int(later) >= int(earlier), "totals go backwards")
        return str(int(later) - int(earlier))
    return {name: subtract(later[name], earlier[name]) for name in later}


def check_tallies(totals):
    count = 0
    for name in TALLY.values():
        tally = {part: int(number) for part, number in totals[name].items()}
        need(tally["unknown"] <= tally["count"], name)
        need(tally["unknown"] < tally["count"] or tally["bytes"] == 0, name)
        count += tally["count"]
    need(count <= int(totals["events"]), "more transfers than events")


def is_text(value, most):
    return isinstance(value, str) and 1 <= len(value.encode("utf-16-le", "surrogatepass")) // 2 <= most


def is_time(value):
    """On a day that exists."""
    if not has_form(value, RECEIVED):
        return False
    year, month, day = int(value[:4]), int(value[5:7]), int(value[8:10])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return day <= (29 if leap and month == 2 else [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1])


def check_list(value, least, most, check_one):
    need(isinstance(value, list) and least <= len(value) <= most, "a list", NoEntry)
    for one in value:
        check_one(one)


def check_optional_core(core):
    if core is not None:
        check_core(core)


def check_cut(cut):
    at, before = members(cut, ["at", "before"])
    need(is_time(at), "at", NoEntry)
    check_optional_core(before)


def check_line(line):
    members(line, TIME_FIELDS + USAGE)
    need(all(is_time(line[name]) for name in TIME_FIELDS), "a time", NoEntry)
    check_totals({name: line[name] for name in USAGE})


def check_open(one):
    producer, last, received = members(one, ["producer", "last", "received"])
    need(has_form(producer, PRODUCER) and has_form(last, DECIMAL) and has_form(received, RECEIVED), "open", NoEntry)


def check_bill_form(bill):
    """Rule 1, but for the text."""
    signed = isinstance(bill, dict) and ("keyid" in bill or "signature" in bill)
    v, kind, statement, anchors, *_ = members(
        bill, ["v", "kind", "statement", "anchors"] + (["keyid", "signature"] if signed else [])
    )
    need(type(v) is int and v == 1 and kind == "bill", "kind", NoEntry)
    members(statement, STATEMENT, ["period"])
    need(has_form(statement["orgid"], "[A-Za-z0-9][A-Za-z0-9_-]{0,63}"), "orgid", NoEntry)
    for name, most in (("zone", 64), ("tz", 64), ("issued_by", 256), ("period", 64)):
        need(name not in statement or is_text(statement[name], most), name, NoEntry)
    need(all(is_time(statement[name]) for name in TIME_FIELDS), "a time", NoEntry)
    check_totals(statement["usage"])
    check_list(statement["cuts"], 2, MAX_CUTS, check_cut)
    cuts = len(statement["cuts"])
    check_list(statement["lines"], cuts - 1, cuts - 1, check_line)
    members(statement["completeness"], NUMBERS + ["open"])
    need(all(has_form(statement["completeness"][name], DECIMAL) for name in NUMBERS), "completeness", NoEntry)
    count, publishers = members(statement["completeness"]["open"], ["count", "publishers"])
    need(has_form(count, DECIMAL), "open.count", NoEntry)
    check_list(publishers, 0, MAX_OPEN_LISTED, check_open)
    need(len(publishers) == min(int(count), MAX_OPEN_LISTED), "open.count", NoEntry)
    need(isinstance(anchors, dict), "anchors", NoEntry)
    if "after" in anchors:
        check_list(anchors["after"], cuts, cuts, check_optional_core)
    need("watermark" not in anchors or is_count(anchors["watermark"]), "watermark", NoEntry)
    if signed:
        need(is_text(bill["keyid"], 128) and has_form(bill["signature"], "[A-Za-z0-9+/]{85}[AQgw]=="), "signature", NoEntry)


def place_of(core):
    return core["source"]["seq"], core["source"].get("index", -1)


def check_one_core(core, orgid):
    """Rule 3, but for the time."""
    need(core["orgid"] == orgid, "orgid")
    need(core["totals"]["events"] == str(core["seq"]), "totals.events")
    need(core["seq"] > 1 or core["prev_hash"] == "0" * 64, "prev_hash")
    check_tallies(core["totals"])


def check_next(before, core):
    """Of two entries, one directly after the other. `before` may be None."""
    need(core["seq"] == (before["seq"] if before else 0) + 1, "seq")
    need(core["prev_hash"] == (sha256(jcs(before)) if before else "0" * 64), "prev_hash")
    need(core["totals"] == add_volume(before["totals"] if before else no_totals(), core["volume"]), "totals")


def check_growth(earlier, later):
    need(later["seq"] > earlier["seq"] and place_of(later) > place_of(earlier), "seq, or place")
    if later["seq"] == earlier["seq"] + 1:
        check_next(earlier, later)
    else:
        check_tallies(subtract(later["totals"], earlier["totals"]))


def check_statement(statement):
    """Rules 2 to 5."""
    orgid, cuts = statement["orgid"], statement["cuts"]
    need(cuts[0]["at"] == statement["from"] and cuts[-1]["at"] == statement["to"], "from, to")
    for i, cut in enumerate(cuts):
        before, previous = cut["before"], cuts[i - 1] if i else None
        need(previous is None or previous["at"] < cut["at"], "cuts do not ascend")
        if before is not None:
            check_one_core(before, orgid)
            need(before["received"] < cut["at"], "received")
        if previous is None or previous["before"] == before:
            continue
        need(before is not None and before["received"] >= previous["at"], "an entry between cuts")
        if previous["before"] is not None:
            check_growth(previous["before"], before)
    totals = [cut["before"]["totals"] if cut["before"] else no_totals() for cut in cuts]
    for i, line in enumerate(statement["lines"]):
        difference = subtract(totals[i + 1], totals[i])
        need(line == {"from": cuts[i]["at"], "to": cuts[i + 1]["at"], **difference}, "line %d" % i)
    need(statement["usage"] == subtract(totals[-1], totals[0]), "usage")
    unknown = sum(int(statement["usage"][name]["unknown"]) for name in TALLY.values())
    need(statement["completeness"]["unknown"] == str(unknown), "unknown")


def check_after(statement, after):
    """Rule 6."""
    orgid, cuts = statement["orgid"], statement["cuts"]
    for i, core in enumerate(after):
        before = cuts[i]["before"]
        later = next((cut["before"] for cut in cuts[i + 1 :] if cut["before"] not in (None, before)), None)
        if i + 1 < len(cuts) and cuts[i + 1]["before"] == before:
            need(after[i + 1] == core, "two entries after one")
        if core is None:
            need(later is None, "no entry after, and the chain goes on")
            continue
        check_one_core(core, orgid)
        check_next(before, core)
        need(core["received"] >= cuts[i]["at"], "received")
        need(before is None or place_of(core) > place_of(before), "place")
        if later is not None and later != core:
            need(later["received"] >= core["received"], "received")
            check_growth(core, later)


def verify_bill(data, public=None):
    """(verdict, detail)"""
    try:
        need(len(data) <= MAX_BILL_BYTES, "too long", NoEntry)
        bill = read_json(data)
        check_bill_form(bill)
        need((jcs(bill) + "\n").encode("utf-8") == data, "not canonical", NoEntry)
    except (NoEntry, ValueError, RecursionError) as problem:
        return "unreadable", str(problem)
    try:
        check_statement(bill["statement"])
        if "after" in bill["anchors"]:
            check_after(bill["statement"], bill["anchors"]["after"])
        if public is not None:
            need("signature" in bill and bill["keyid"] == hashlib.sha256(public).hexdigest()[:16], "keyid")
            signature = base64.b64decode(bill["signature"])
            need(is_signed(public, signature, jcs(bill["statement"])), "signature")
    except Tampered as problem:
        return "tampered", str(problem)
    return "ok", "%s of %s" % (jcs(bill["statement"]["usage"]), bill["statement"]["orgid"])


# The key of RFC 8032 section 7.1, test 1.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")


def example_bill():
    """January 5 in Berlin, of the example's chain."""
    first, *_, last = [json.loads(line)["core"] for line in chain("acme", ACME)]
    usage, at = last["totals"], ["2026-01-04T23:00:00.000Z", "2026-01-05T23:00:00.000Z"]
    statement = {
        "orgid": "acme",
        "period": "2026-01-05",
        "zone": "Europe/Berlin",
        "tz": "2026c",
        "from": at[0],
        "to": at[1],
        "issued_by": "Example GmbH",
        "usage": usage,
        "cuts": [{"at": at[0], "before": None}, {"at": at[1], "before": last}],
        "lines": [{"from": at[0], "to": at[1], **usage}],
        "completeness": {
            "unknown": "1",
            "missing": "0",
            "open": {
                "count": "1",
                "publishers": [{"producer": "b1f0", "last": "3", "received": "2026-01-05T09:00:01.020Z"}],
            },
            "duplicates": "0",
            "beyond_window": "0",
            "rejected": "2",
            "gaps": "0",
        },
    }
    public, signature = sign(SEED, jcs(statement))
    bill = {"v": 1, "kind": "bill", "statement": statement, "anchors": {"after": [first, None]}}
    bill["keyid"] = hashlib.sha256(base64.b64decode(public)).hexdigest()[:16]
    return jcs({**bill, "signature": signature}) + "\n"


if __name__ == "__main__":
    if len(sys.argv) in (3, 4) and sys.argv[1] == "verify":
        said = ()
        if len(sys.argv) == 4:
            with open(sys.argv[3], "rb") as file:
                said = acknowledgements(file.read())
        with open(sys.argv[2], "rb") as file:
            verdict, bad, detail = verify(file.read(), said)
        print(verdict if bad is None else "%s at seq %d" % (verdict, bad), "-", detail)
        sys.exit({"ok": 0, "tampered": 1, "incomplete": 3, "unreadable": 4}[verdict])
    if len(sys.argv) == 4 and sys.argv[1] == "verify-known":
        for i in range(int(sys.argv[3])):
            with open("%s/%d.ndjson" % (sys.argv[2], i), "rb") as file:
                data = file.read()
            with open("%s/%d.system" % (sys.argv[2], i), "rb") as file:
                print("%s - %s" % verify(data, acknowledgements(file.read()))[::2])
        sys.exit(0)
    if len(sys.argv) == 4 and sys.argv[1] == "verify-all":
        for i in range(int(sys.argv[3])):
            with open("%s/%d.ndjson" % (sys.argv[2], i), "rb") as file:
                verdict, bad, _ = verify(file.read())
            print(verdict if bad is None else "%s at seq %d" % (verdict, bad))
        sys.exit(0)
    if sys.argv[1:] == ["bill"]:
        sys.stdout.buffer.write(example_bill().encode("utf-8"))
        sys.exit(0)
    if sys.argv[1:2] == ["verify-bill"] and len(sys.argv) in (3, 4):
        with open(sys.argv[2], "rb") as file:
            verdict, detail = verify_bill(file.read(), base64.b64decode(sys.argv[3]) if len(sys.argv) == 4 else None)
        print(verdict, "-", detail)
        sys.exit({"ok": 0, "tampered": 1, "unreadable": 4}[verdict])
    if len(sys.argv) == 4 and sys.argv[1] == "verify-bills":
        for i in range(int(sys.argv[3])):
            with open("%s/%d.json" % (sys.argv[2], i), "rb") as file:
                print(verify_bill(file.read())[0])
        sys.exit(0)
    if len(sys.argv) != 1:
        sys.exit(__doc__)
    sys.stdout.buffer.write("".join(line + "\n" for line in chain("acme", ACME) + chain("_system", SYSTEM)).encode("utf-8"))
