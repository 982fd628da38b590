"""Values nobody sends in good faith, as raw JSON and as raw query strings."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Value:
    """A raw JSON text and the kind of thing it says: number, whole, text, boolean, null, list, object or broken."""

    raw: bytes
    kind: str


def _of(kind: str, *raws: str) -> list[Value]:
    return [Value(raw.encode("utf-8", "surrogatepass"), kind) for raw in raws]


def _texts(*texts: str) -> list[Value]:
    return [Value(json.dumps(text, ensure_ascii=False).encode(), "text") for text in texts]


WHOLE = _of("whole", "0", "-1", "-0", "1", "1000", str(2**31), str(2**53 + 1), str(10**11), str(10**11 + 1))
WHOLE += _of("whole", str(2**63 - 1), str(2**63), str(2**64 - 1), str(2**64), str(-(2**63)), "-" + "9" * 40)
NUMBERS = _of("number", "1.0", "1.9", "-0.0", "1e3", "1E400", "-1e400", "1e-400", "9" * 5000 + ".0")
BROKEN = _of("broken", "NaN", "Infinity", "-Infinity", "01", "+1", "0x10", "1_000", ".5", "1.", "'a'", "undefined", "")
BROKEN += _of(
    "broken", '"\\ud800"', '"\\udfff x"', '"\\ude00\\ud83d"', '"\\x41"', '"a\nb"', '"\x00"', '"open', "9" * 5000
)
OTHERS = _of("boolean", "true", "false") + _of("null", "null")
OTHERS += _of(
    "list", "[]", "[[]]", "[null]", "[1]", "[0]", "[8]", "[1,1]", '["2026-02-30"]', "[true]", "[1.0]", '["\\u0000"]'
)
OTHERS += _of("object", "{}", '{"a":1}', '{"$gt":""}', '{"id":1}', '{"__class__":"x"}')
OTHERS += _of("list", "[" + ",".join(["1"] * 20_000) + "]", "[" * 500 + "]" * 500)
OTHERS += _of("object", '{"a":' * 500 + "1" + "}" * 500)

DIGITS = [
    "1_000",
    "1 000",
    "1,000",
    "1.0",
    "0x1f",
    "1e5",
    " 1 ",
    "+1",
    "-1",
    "0",
    "\u0661\u0662\u0663",
    "\u0967",
    "\uff11",
]
DIGITS += ["\u0667\u0663\u0669\u0661\u0665\u0664", "1" * 19, "9" * 5000, str(2**63), "000000", "0000000000"]
WORDS = ["", " ", "\t\n", "null", "true", "None", "undefined", "NaN", "a", "A" * 121, "A" * 301, "A" * 100_000]
STRANGE = [
    "\u202egnp.exe",
    "\u200b",
    "\u200b\ufeff",
    "e" + "\u0301" * 119,
    "\U0001f4b8" * 80,
    "\u0130stanbul",
    "\u1e9e",
]
STRANGE += [
    "\ufdfa" * 60,
    "\uffff",
    "\U0010ffff",
    "\u0085",
    "\u2028",
    "\ue000",
    "\u00a0",
    "a\u0000b",
    "\u0000",
    "\u001b[31m",
]
ATTACKS = ["' OR 1=1 --", "'; DROP TABLE users; --", "%", "_", "\\", "%s", "%(name)s", "{0}", "{{7*7}}", "${7*7}"]
ATTACKS += ["<script>alert(1)</script>", "=1+1|' /C calc'!A0", "../../etc/passwd", "\r\nX-Evil: 1", "${jndi:ldap://x}"]
DATES = [
    "0000-00-00",
    "0001-01-01",
    "9999-12-31",
    "10000-01-01",
    "2026-02-30",
    "1900-01-01",
    "1999-12-31",
    "2000-01-01",
]
DATES += ["2100-12-31", "2101-01-01", "2026-13-01", "2026-1-1", "20260201", "2026-W05-1", "2026-02-01T00:00:00Z"]
DATES += ["\u0662\u0660\u0662\u0666-01-01", "2028-02-29", "-2026-01-01"]
TIMES = ["2026-02-01T10:00:00+99:99", "2026-02-01T10:00:00+24:00", "2026-02-01T10:00:00-23:59", "2026-02-01T10:00:60Z"]
TIMES += ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-01T25:00:00Z", "2026-02-01T10:00:00"]
TIMES += [
    "2026-02-01T10:00:00.9999999999Z",
    "1769940000",
    "now",
    "2100-12-31T23:59:59-12:00",
    "2026-02-01 10:00:00+01:00",
]
ZONES = ["FOO5", "UTC+99999", "<+03>-3", "localtime", "posixrules", "../Africa/Lagos", "EST5EDT,M3.2.0,M11.1.0", "now"]
LOGINS = [
    "\u0130@x.com",
    "a@\u1e9e.com",
    "a@xn--",
    '"a b"@x.com',
    "a@" + "b" * 64 + ".com",
    "a" * 250 + "@x.com",
    "@",
    "a@b",
]
LOGINS += [
    "\u13a0\u13a0@x.com",
    "a@b\u00fccher.example",
    "+2348030000000",
    "00000000000",
    "+234" + "8" * 15,
    "admin",
    "ADMIN",
]
SECRETS = ["123456", "111111", "password1234", "\u0130" * 12, "\U0001f4b8" * 200, "aaaaaaaaaaaa"]
TEXTS = DIGITS + WORDS + STRANGE + ATTACKS + ZONES + LOGINS + SECRETS

ANY = (
    OTHERS + _of("number", "1.0", "1e400") + _of("whole", "0", "1", "-1", str(2**64)) + _texts("", "a\u0000b", "1_000")
)
BY_KIND = {
    "whole": WHOLE + NUMBERS + _texts(*DIGITS, *WORDS),
    "text": _texts(*TEXTS),
    "choice": _texts(*WORDS, *ATTACKS),
    "boolean": _texts("true", "false", "yes", "on", "1", "True"),
    "date": _texts(*DATES, *TIMES, *WORDS),
}
QUERY_TEXTS = {
    "whole": DIGITS + WORDS + [value.raw.decode() for value in WHOLE + NUMBERS],
    "text": TEXTS,
    "choice": WORDS + ATTACKS,
    "date": DATES + TIMES + WORDS,
}
BYTES = [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"a\xffb", b"%00", b"\0", b"[]", b"MQ", b"LTE", b"MQ==", b"=", b"/w"]
PATH_VALUES = [text.encode() for text in [*DIGITS, *WORDS, *STRANGE, *ATTACKS, *DATES] if 0 < len(text) < 5000]
PATH_VALUES += [b"\xff", b"%00", b"..", b".", b"1;a=b", b"1?x", b"1#x", b"/", b"//evil.example"]
HEADER_VALUES = [
    "",
    " ",
    "a" * 256,
    "a" * 100_000,
    "a b",
    "caf\u00e9",
    "\u00ff" * 8,
    "a\tb",
    "a\x00b",
    "a\x7fb",
    "\u00a0",
]
EXTRA_FIELDS = [
    "business_id",
    "id",
    "user_id",
    "membership_id",
    "status",
    "state",
    "balance",
    "credit",
    "role",
    "is_super_admin",
    "is_active",
    "auth_version",
    "secret_hash",
    "parent_id",
    "collector_id",
    "customer_id",
    "requested_by_id",
    "approvals_needed",
    "usable_from",
    "tracking_number",
    "commission_value",
    "created_at",
    "__class__",
    "constructor",
    "_sa_instance_state",
]


def values_for(kind: str) -> list[Value]:
    """The values worth trying on a field that takes `kind`: what it nearly is, and everything that it is not."""
    return ANY + BY_KIND.get(kind, [])


def query_values_for(kind: str) -> list[bytes]:
    """The same for a query parameter, without what no server would let in."""
    return [text.encode() for text in QUERY_TEXTS[kind] if len(text) < 5000] + BYTES
