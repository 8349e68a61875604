"""Values that could belong to somebody, drawn by the rules they are issued by, and what they are
called: the raw material of the labelled corpus.

Nothing here asks the product what it would find. Read next: `leak_corpus.py`.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from typing import Final, NamedTuple

Draw = random.Random


class Value(NamedTuple):
    """kind: what must be found.   text: as it is written.   name: what it is called.

    needs_name: by itself it says nothing.   parts: how it is split over several fields, if ever.
    said: how it stands in a sentence, `{}` for the value.
    """

    kind: str
    text: str
    name: str
    needs_name: bool = False
    parts: tuple[str, ...] = ()
    said: str = "please look at {} again"


def draw_ssn(draw: Draw) -> Value:
    area = draw.choice([n for n in range(1, 900) if n != 666])
    parts = (f"{area:03d}", f"{draw.randrange(1, 100):02d}", f"{draw.randrange(1, 10_000):04d}")
    mark = draw.choice(["-", "-", "-", " ", ".", ""])
    name = draw.choice(["ssn", "SSN", "social_security_number", "applicantSsn", "taxpayer_id"])
    return Value("ssn", mark.join(parts), name, mark == "", parts, "my SSN is {} as you know")


def draw_itin(draw: Draw) -> Value:
    group = draw.choice([*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100)])
    parts = (f"9{draw.randrange(100):02d}", f"{group:02d}", f"{draw.randrange(1, 10_000):04d}")
    return Value("itin", "-".join(parts), "itin", False, parts, "her ITIN {} was accepted")


def draw_ein(draw: Draw) -> Value:
    prefix = draw.choice(["12", "20", "26", "36", "45", "54", "61", "82", "95"])
    text = f"{prefix}-{draw.randrange(10**7):07d}"
    return Value(
        "ein", text, draw.choice(["ein", "fein", "employer_ein"]), True, (), "EIN {} filed"
    )


def draw_card(draw: Draw) -> Value:
    start, length = draw.choice(
        [("4539", 16), ("4916", 16), ("5312", 16), ("2560", 16), ("3472", 15), ("6521", 16),
         ("3558", 16), ("6229", 16), ("4485", 16)]
    )  # fmt: skip
    body = start + "".join(draw.choices(string.digits, k=length - len(start) - 1))
    digits = body + _luhn(body)
    groups = [digits[:4], digits[4:10], digits[10:]]
    if length == 16:
        groups = [digits[at : at + 4] for at in range(0, 16, 4)]
    mark = draw.choice([" ", "-", "", ""])
    name = draw.choice(["card_number", "cardNumber", "pan", "cc", "payment", "q", "memo"])
    said = draw.choice(["charge {} please", "my card {} was declined"])
    return Value("card", mark.join(groups), name, False, tuple(groups), said)


def _luhn(body: str) -> str:
    total = 0
    for at, char in enumerate(reversed(body)):
        digit = int(char) * (1 if at % 2 else 2)
        total += digit - 9 if digit > 9 else digit
    return str(-total % 10)


def draw_aba(draw: Draw) -> Value:
    first = draw.choice([*range(1, 13), *range(21, 33)])
    eight = f"{first:02d}" + "".join(draw.choices(string.digits, k=6))
    weights = (3, 7, 1, 3, 7, 1, 3, 7)
    check = -sum(int(d) * w for d, w in zip(eight, weights, strict=True)) % 10
    name = draw.choice(["routing_number", "routingNumber", "aba", "rtn", "bank_routing"])
    digits = f"{eight}{check}"
    parts = (digits[:4], digits[4:8], digits[8:])
    return Value("aba", digits, name, True, parts, "the routing number {} is right")


def draw_account(draw: Draw) -> Value:
    text = str(draw.randrange(10**7, 10**12))
    name = draw.choice(["account_number", "accountNumber", "bank_account", "acct_no"])
    return Value("account", text, name, True, (), "account number {} was closed")


def draw_iban(draw: Draw) -> Value:
    country, layout = draw.choice(
        [("GB", "AAAA" + "0" * 14), ("DE", "0" * 18), ("ES", ""), ("NL", "AAAA" + "0" * 10),
         ("AT", "0" * 16), ("PL", "")]
    )  # fmt: skip
    if not layout:
        country, layout = "DE", "0" * 18
    bban = "".join(
        draw.choice(string.ascii_uppercase if each == "A" else string.digits) for each in layout
    )
    number = int("".join(str(int(char, 36)) for char in f"{bban}{country}00"))
    iban = f"{country}{98 - number % 97:02d}{bban}"
    spaced = " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
    return Value("iban", draw.choice([iban, spaced]), draw.choice(["iban", "to", "note"]))


_FIRST: Final = (
    "John",
    "Maria",
    "Ahmed",
    "Wei",
    "Olga",
    "Priya",
    "Carlos",
    "Emma",
    "Kwame",
    "Yuki",
)
_LAST: Final = ("Smith", "Garcia", "O'Brien", "Kowalski", "Nguyen", "Müller", "Haddad", "Johnson")


def draw_email(draw: Draw) -> Value:
    first, last = draw.choice(_FIRST).lower(), draw.choice(["smith", "garcia", "kowalski", "lee"])
    local = draw.choice([f"{first}.{last}", f"{first[0]}{last}{draw.randrange(99)}", f"{first}+x"])
    host = draw.choice(["gmail.com", "outlook.com", "mail.state.tx.us", "web.de", "company.co.uk"])
    return Value("email", f"{local}@{host}", draw.choice(["email", "contact", "q", "login"]))


def draw_phone(draw: Draw) -> Value:
    area = draw.choice(["212", "415", "305", "713", "202", "617", "808"])
    middle = draw.choice(["236", "736", "642", "874", "321", "977"])
    last = f"{draw.randrange(10_000):04d}"
    bare = draw.random() < 0.2
    text = draw.choice(
        [f"({area}) {middle}-{last}", f"{area}-{middle}-{last}", f"+1{area}{middle}{last}",
         f"+1 {area} {middle} {last}", f"1-{area}-{middle}-{last}", f"{area}.{middle}.{last}",
         f"+44 20 7{draw.randrange(10, 99)}6 {last}", f"+49 30 {draw.randrange(10**6, 10**7)}"]
    )  # fmt: skip
    text = f"{area}{middle}{last}" if bare else text
    name = draw.choice(["phone", "mobile_number", "tel", "callback"])
    return Value("phone", text, name, bare, (area, middle, last), "call me at {} tonight")


def draw_ip(draw: Draw) -> Value:
    if draw.random() < 0.2:
        return Value("ip", f"2607:f8b0:{draw.randrange(1, 65_535):x}::{draw.randrange(9)}", "ip")
    first = draw.choice([8, 17, 23, 52, 63, 84, 93, 109, 142, 185, 212])
    text = f"{first}.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(1, 255)}"
    return Value(
        "ip", text, draw.choice(["ip", "client_ip", "remote_addr"]), False, (), "from {} it"
    )


def _letters(draw: Draw, alphabet: str, length: int) -> str:
    return "".join(draw.choices(alphabet, k=length))


_ALNUM: Final = string.ascii_letters + string.digits
_URL64: Final = _ALNUM + "-_"


def draw_jwt(draw: Draw) -> Value:
    header = {"alg": draw.choice(["HS256", "RS256", "ES256"]), "typ": "JWT"}
    claims = {"sub": str(draw.randrange(10**9)), "iat": 1_584_281_100 + draw.randrange(10**6)}
    text = ".".join([_b64url(header), _b64url(claims), _letters(draw, _URL64, 43)])
    return Value("jwt", text, draw.choice(["jwt", "assertion", "data", "next"]))


def _b64url(value: object) -> str:
    text = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def draw_bearer(draw: Draw) -> Value:
    token = draw.choice(
        [
            _letters(draw, _URL64, 40),
            _letters(draw, "0123456789abcdef", 32),
            _letters(draw, _ALNUM, 24),
        ]
    )
    return Value("bearer", f"Bearer {token}", draw.choice(["authorization", "header", "note"]))


def draw_basic(draw: Draw) -> Value:
    plain = f"{draw.choice(_FIRST).lower()}:{_letters(draw, _ALNUM, 10)}"
    coded = base64.b64encode(plain.encode()).decode()
    return Value("basic", f"Basic {coded}", draw.choice(["authorization", "header", "note"]))


def draw_cloud_key(draw: Draw) -> Value:
    text = draw.choice(
        ["AKIA" + _letters(draw, string.ascii_uppercase + "234567", 16),
         "AIza" + _letters(draw, _URL64, 35), "ghp_" + _letters(draw, _ALNUM, 36),
         "sk_live_" + _letters(draw, _ALNUM, 24), "glpat-" + _letters(draw, _URL64, 20),
         f"xoxb-{draw.randrange(10**11)}-{_letters(draw, _ALNUM, 24)}",
         f"SG.{_letters(draw, _URL64, 22)}.{_letters(draw, _URL64, 43)}"]
    )  # fmt: skip
    return Value("cloud_key", text, draw.choice(["config", "value", "note"]))


def draw_private_key(draw: Draw) -> Value:
    which = draw.choice(["RSA ", "EC ", "OPENSSH ", ""])
    lines = "\n".join(_letters(draw, _ALNUM + "+/", 64) for _ in range(4))
    text = f"-----BEGIN {which}PRIVATE KEY-----\n{lines}\n-----END {which}PRIVATE KEY-----"
    return Value("private_key", text, draw.choice(["pem", "upload", "note"]))


def draw_secret(draw: Draw) -> Value:
    name, text = draw.choice(
        [("password", _letters(draw, _ALNUM + "!$%", 12)),
         ("client_secret", _letters(draw, _URL64, 32)),
         ("api_key", _letters(draw, "0123456789abcdef", 32)),
         ("access_token", _letters(draw, _URL64, 40)), ("passwd", f"Blue{draw.randrange(999)}!Sky")]
    )  # fmt: skip
    return Value("secret", text, name, True, (), f"{name}={{}} works")


def draw_birth_date(draw: Draw) -> Value:
    year, month, day = draw.randrange(1925, 2015), draw.randrange(1, 13), draw.randrange(1, 13)
    months = ("January", "February", "March", "April", "May", "June", "July", "August",
              "September", "October", "November", "December")  # fmt: skip
    text = draw.choice(
        [f"{year}-{month:02d}-{day:02d}", f"{month:02d}/{day:02d}/{year}",
         f"{day}.{month}.{year}", f"{year}{month:02d}{day:02d}",
         f"{months[month - 1]} {day}, {year}",
         f"{year}-{month:02d}-{day:02d}T00:00:00Z"]
    )  # fmt: skip
    name = draw.choice(["dob", "birth_date", "dateOfBirth", "birthday"])
    return Value("birth_date", text, name, True, (), "born on {} in Ohio")


def draw_person_name(draw: Draw) -> Value:
    first, last = draw.choice(_FIRST), draw.choice(_LAST)
    name, text = draw.choice(
        [("first_name", first), ("lastName", last), ("full_name", f"{first} {last}"),
         ("customer_name", f"{first} {last}"), ("patient", f"{last}, {first}"),
         ("claimantName", f"{first} {draw.choice('ABCDEF')}. {last}"), ("name", f"{first} {last}")]
    )  # fmt: skip
    said = f"the patient name: {first} {last}, aged 50"
    return Value("person_name", text, name, True, (), said)


DRAWS: Final[dict[str, Callable[[Draw], Value]]] = {
    "ssn": draw_ssn,
    "itin": draw_itin,
    "ein": draw_ein,
    "card": draw_card,
    "aba": draw_aba,
    "account": draw_account,
    "iban": draw_iban,
    "email": draw_email,
    "phone": draw_phone,
    "ip": draw_ip,
    "jwt": draw_jwt,
    "bearer": draw_bearer,
    "basic": draw_basic,
    "cloud_key": draw_cloud_key,
    "private_key": draw_private_key,
    "secret": draw_secret,
    "birth_date": draw_birth_date,
    "person_name": draw_person_name,
}
