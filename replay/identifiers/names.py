"""What the name of a field, or the words before a value, say about the value.

Names are brought to one form, `-date-of-birth-`, whether they were written `dateOfBirth`,
`date_of_birth` or `Date of birth`, and every kind has a pattern over that form.
Read next: `look.py`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, TypeAlias

Pattern: TypeAlias = re.Pattern[str]

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\x00-\x7f]+")
_LONGEST: Final = 200
_BAR: Final = "|"
"""Between a name and the one around it: no pattern reaches over it."""


def normal_name(name: str) -> str:
    """`-first-name-` for `firstName`, `first_name`, `FIRST NAME`; "-" for nothing."""
    name = name[-_LONGEST:]
    if _BAR in name:
        outer, _, inner = name.partition(_BAR)
        return f"{_normal(outer)}{_BAR}{_normal(inner)}"
    return _normal(name)


@lru_cache(8_192)
def _normal(name: str) -> str:
    return _normal_form(name)


def normal_text(text: str) -> str:
    """The same of a piece of running text, which is not worth remembering."""
    return _normal_form(text)


def _normal_form(text: str) -> str:
    words = _WORD.findall(text)
    return f"-{'-'.join(words).lower()}-" if words else "-"


def joined_name(outer: str, inner: str) -> str:
    """A name and the one around it: what says of itself only `value` is told by that."""
    return f"{outer}{_BAR}{inner}"


def _pattern(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives))


SSN: Final = _pattern(
    r"-ssns?-", r"-ssn", r"ssn-", r"-s-s-n-", r"-social-", r"social-?(?:security|insurance|sec)",
    r"-social(?:number|nr|no|num|id)-", r"tax-?payer", r"tax-?(?:id|no|nr|num|file|ident)",
    r"-tins?-", r"-itin", r"itin-", r"citizen(?!ship)", r"-national-?id",
    r"-ss-?(?:no|num|number)-", r"-soc-sec", r"-sozialversicherungs",
    r"-svnr?-", r"-seguro-social-",
)  # fmt: skip
EIN: Final = _pattern(r"-f?ein-", r"-f?ein(?:number|no|nr|num)-", r"employer")
CARD: Final = _pattern(
    r"card(?!inal|io|igan|iff|board)", r"-pan-", r"-p-a-n-", r"-ccn?-", r"-cc-?(?:num|no|nr)",
    r"-credit-", r"-debit-", r"-visa-", r"-amex-", r"-master-?card", r"-american-express",
    r"-discover-",
)  # fmt: skip
ABA: Final = _pattern(
    r"routing", r"-aba-", r"-aba(?:num|no|nr|rout)", r"-rtn", r"transit", r"-micr-", r"-rdfi",
    r"-odfi", r"bank-?(?:code|no|num|id)",
)  # fmt: skip
ACCOUNT: Final = _pattern(
    r"-(?:account|acct|acc|konto)-?(?:num|no|nr|nbr|number|nummer)s?-", r"bank-?acc", r"-dda-",
    r"-(?:checking|savings?|deposit)-?(?:account|acct)", r"-account-$", r"-acct-$",
    r"-(?:account|acct)-\|-(?:num|no|nr|nbr|number)-$",
)  # fmt: skip
PHONE: Final = _pattern(
    r"phone(?!-?(?:id|type|model|os)-)", r"-tels?-", r"-tele?(?:f|ph)", r"-tel(?:no|nr|num)",
    r"-mobile-(?!id-|os-|type-|app-|version-)", r"-mobil-", r"-mobile(?:no|nr|num|phone)",
    r"-cell-", r"-cell(?:no|nr|num|ular)", r"-fax", r"fax-", r"call-?back", r"msisdn",
    r"whats-?app", r"-sms-", r"-contact-?(?:no|nr|num|number)-", r"-call-",
    r"-handy(?:nummer|nr)?-", r"-celular-", r"-rufnummer-", r"-movil-", r"-portable-",
    r"-dial-", r"caller-?id",
)  # fmt: skip
BIRTH: Final = _pattern(
    r"-dob-", r"-dob", r"dob-", r"-d-o-b-", r"birth", r"-born-", r"-b-?day-", r"geburt",
    r"-naissance", r"-nacimiento", r"-nascita-", r"-nascimento-", r"geboorte",
)  # fmt: skip
IP: Final = _pattern(
    r"-ip-", r"-ip", r"ip-", r"-addr", r"-host-", r"-hostname-", r"-peer-", r"-remote-",
    r"-client-", r"-via-", r"-server-", r"forwarded",
)  # fmt: skip
VERSION: Final = _pattern(
    r"-v-", r"-ver-", r"version", r"-build-", r"release", r"-rv-", r"-revision-", r"-agent-",
    r"-ua-", r"-oid-", r"-firmware-", r"-sdk-", r"-section-", r"-chapter-", r"-clause-",
)  # fmt: skip
DRAWING: Final = _pattern(r"^-(?:d|points|path|viewbox|view-box|transform)-$")
"""Numbers of a picture, which nobody calls."""
USER_INFO: Final = _pattern(r"^-userinfo-$")
USER_AGENT: Final = _pattern(r"-user-?agent-", r"-ua-", r"-sec-ch-ua-")
NO_CARD: Final = _pattern(
    r"-(?:imei|imsi|meid|ean|gtin|upc|isbn|issn|barcode|sku|ts|epoch|nonce|seed|cursor|offset|etag)-",
    r"-time", r"time-", r"stamp-", r"-date", r"-created", r"-updated", r"-expire",
)  # fmt: skip
"""A bare run of digits that is called so is no card, whatever its checksum says."""
NUMBER_ID: Final = _pattern(
    r"-(?:id|ids|uuid|guid|trace|span|request|order|invoice|sequence|seq|feed|tweet|message|event|"
    r"parcel|tracking|snowflake|job|batch)(?:-(?:id|no|nr|num|number|ref))?-$",
)  # fmt: skip

PASSWORD: Final = _pattern(
    r"pass-?(?:word|wd|phrase|code)", r"-pwd-", r"-pwd", r"pwd-", r"-pass-", r"user-?pass-",
    r"-psw-", r"-kennwort-", r"-passwort-", r"-contrase", r"-mot-de-passe-",
    r"-motdepasse-", r"-senha-", r"-wachtwoord-",
)  # fmt: skip
ABOUT_SECRETS: Final = _pattern(
    r"-(?:policy|policies|strength|type|length|field|label|rules?|format|changed|expires?|expiry|"
    r"required|enabled|status|placeholder|title|version|algorithm|encoding)-$",
)
"""What is called so tells of secrets, and is none."""
SECRET: Final = _pattern(
    r"secret", r"credential", r"-bearer-", r"-api-?tokens?-",
    r"(?:api|access|secret|private|encryption|encrypt|signing|master|shared|auth|account|license)"
    r"-?keys?-",
    r"-(?:x-)?auth(?:orization|entication)?-", r"-otp-", r"-sess(?:ion)?-?(?:key|token|secret)-",
    r"(?<!-next)(?<!-page)(?<!-continuation)(?<!-cursor)(?<!-sync)(?<!-layer)-tokens?-$",
    r"(?:access|refresh|auth|id|session|bearer|csrf|xsrf|security|reset|verification|device|push|"
    r"push|fcm)tokens?-",
)  # fmt: skip
SESSION: Final = _pattern(
    r"sess(?:ion)?-?id-", r"^-session-$", r"-(?:sid|jsessionid|phpsessid|asp-net-session-?id)-$",
    r"^-sess-$",
)  # fmt: skip
"""What a cookie of this name holds lets its bearer in."""

PERSON_WORDS: Final = (
    "customer|claimant|patient|applicant|beneficiary|cardholder|card-?holder|holder|payee|payer|"
    "recipient|sender|contact|employee|member|spouse|dependent|guardian|mother|father|parent|child|"
    "citizen|account-?holder|owner|person|insured|subscriber|doctor|physician|student|tenant|"
    "borrower|billing|shipping|guest|passenger|traveler|traveller|resident|signer|witness|"
    "emergency-?contact|representative|agent|caseworker|debtor|creditor|partner|husband|wife"
)
PERSON_NAME: Final = _pattern(
    r"-(?:first|last|full|given|family|middle|maiden|sur|fore|legal|birth|christian|preferred)"
    r"-?names?-",
    r"-(?:fname|lname|mname|surname|forename|vorname|nachname|prenom|apellido|nombre|cognome|"
    r"sobrenome|achternaam|voornaam|nom-de-famille)s?-",
    rf"-(?:{PERSON_WORDS})s?-?(?:(?:full|first|last)-?)?names?-",
    r"-name-?on-?card-",
    r"-(?:claimant|patient|applicant|beneficiary|payee|spouse|cardholder|insured|borrower)-$",
    r"-(?:account|card|policy)-?holder-$", r"-contact-?person-$", r"-next-of-kin-$",
    r"-name-\|-(?:family|given)-$",
)  # fmt: skip
"""Whatever looks like a name there is one."""
MAYBE_NAME: Final = _pattern(
    r"(?:^|\|)-(?:x-)?names?-$", r"-(?:user|display|screen|real|nick)-?names?-$", r"^-user-$"
)
"""A product, a city and a person are all called so: there it must be a known first name."""
THING: Final = _pattern(
    r"-(?:product|item|brand|city|company|store|shop|category|file|host|event|plan|region|country|"
    r"service|app|class|tag|team|school|street|campaign|org|organi[sz]ation|bank|merchant|vendor|"
    r"project|repo|repository|package|model|device|hotel|restaurant|station|venue|movie|book|song)s?"
    r"-\|",
)  # fmt: skip
"""What has a name and is no person."""
MAYBE_SAID: Final = _pattern(rf"(?:^|-)(?:{PERSON_WORDS}|names?)-$", r"-named-$")
"""The last words before a name in a text."""
PERSON: Final = re.compile(rf"-(?:{PERSON_WORDS}|user|author|people|persons)s?-")
