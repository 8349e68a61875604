"""What the name of a field says about its value: which kinds to try, in order.

Pure. Names are compared in one form, so `customerId`, `customer_id` and `Customer ID` are one.
Read next: `pseudonyms.py`; `replay/identifiers/names.py` for how the finders do it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from replay.identifiers.names import BIRTH, PERSON_NAME, normal_name

LOGIN: Final = "login"
"""An id of which even a plain word tells who it is."""
ID: Final = "id"
WHOM: Final = "whom"
"""An id, unless it is a number of one or two digits: a household has 4, not the id 4."""

_WHO: Final = (
    "citizen|user|customer|client|member|account|acct|patient|case|claim|claimant|applicant|"
    "application|person|people|subscriber|employee|holder|household|beneficiary|beneficiarie|"
    "recipient|participant|resident|student|taxpayer|veteran|provider|guest|visitor|contact|payee|"
    "payer|owner|policy-?holder|policy|policie|enrollee|dependent|insured|donor|voter|driver|"
    "passenger|tenant|borrower|individual|profile|enrollment|medical-record|chart|license|"
    "passport|debtor|cardholder|sender|receiver|originator|caller|signer|worker|agent|caseworker|"
    "merchant|party|identity|consumer|learner|ward|inmate|donee|heir|spouse|child|parent|guardian"
)
_ID: Final = "id|ids|no|nr|num|number|nbr|ref|reference|uuid|guid|key|identifier|code"
_RULES: Final = tuple(
    (re.compile(pattern), kinds)
    for pattern, kinds in (
        (r"-user-agent-|-content-type-|-client-(?:version|name|type)-", ()),
        (r"pass-?(?:word|wd|phrase|code)|-pwd-|-secret-|secret-?key|client-secret", ("secret",)),
        (r"-(?:api|access|private|signing|auth)-?keys?-|credential|-authorization-", ("secret",)),
        (r"(?<!next)(?<!page)(?<!continuation)(?<!cursor)(?<!sync)-tokens?-$", ("secret",)),
        (r"-(?:csrf|xsrf)|(?:access|refresh|auth|id|bearer|session|csrf)token-|-otp-", ("secret",)),
        (r"-e-?mail(?:-?addr(?:ess)?)?(?:-[0-9])?-$|-mail-$|-mailto-", ("email", LOGIN)),
        (r"-dob-|birth-?(?:day|date)|date-?of-?birth|-born(?:-on)?-$|-bday-|-b-day-",
         ("birth_date",)),
        (r"-f?ein(?:-?(?:no|num|number))?-$|employer-?(?:id|number|identification)", ("ein",)),
        (r"-itin-", ("itin", ID)),
        (r"-ssns?(?:-?(?:no|num|number|last-?4))?-$|-ss-?n-|social-?(?:security|sec)|-tin-$"
         r"|tax-?payer-?id|-tax-?id|national-?id", ("ssn", ID)),
        (r"card-?(?:no|num|number)|-pan-$|-cc-?(?:no|num|number)?-$|credit-?card-?$|debit-?card-?$"
         r"|-card-$|primary-?account-?number", ("card", ID)),
        (r"-cvv2?-|-cvc-|-cvv-|security-code", (ID,)),
        (r"routing|-aba(?:-?(?:no|num|number))?-$|-rtn-|transit-?(?:no|num|number)|-[ro]dfi-",
         ("aba", ID)),
        (r"-iban-", ("iban", "account", ID)),
        (r"-(?:accounts?|accts?|dda)(?:-(?:no|nr|num|number|nbr|id|ids|key|ref))?-$|accountno|accountnum"
         r"|bank-?acc(?:oun)?t|acct?(?:no|num|nbr)", ("account", ID)),
        (r"phone(?:-?(?:no|num|number|[0-9]))?-$|-tel-$|-mobile(?:-?(?:no|num|number))?-$|-fax-"
         r"|-cell-$|msisdn|-fax(?:no|num|number)", ("phone",)),
        (r"-ip-$|-ip-?addr(?:ess)?-$|-remote-?addr|-(?:client|user|remote|source|src)-?ip-"
         r"|-x-forwarded-for-|-forwarded-for-|-x-real-ip-", ("ip",)),
        (r"zip-?(?:code)?-$|postal-?code|post-?code|-postal-$", ("zip",)),
        (r"street|address-?(?:line)?-?[0-9]?-$|-addr-?[0-9]?-$", ("ip", "email", "street")),
        (r"-user-?name-$", (LOGIN,)),
        (r"-name-(?:family|given)-$", ("person_name", LOGIN)),
        (r"-(?:first|last|full|given|family|middle|maiden|sur|fore|legal|nick|preferred|display|"
         r"real)-?names?-$|-(?:fname|lname|mname|surname|forename|firstname|lastname)-$",
         ("person_name", LOGIN)),
        (rf"-(?:{_WHO}|card-?holder|account-?holder)s?-?(?:full-|first-|last-)?names?-$|"
         r"-name-?on-?card-", ("person_name", LOGIN)),
        (r"-(?:user-?(?:name|id)?|login(?:-?(?:id|name))?|uid|sub|principal|actor|username|userid|"
         r"preferred-username|sso-?id|current-user|screen-name)-$", (LOGIN,)),
        (r"^-(?:sid|session|sess|session-?id|jsessionid|phpsessid|asp-net-session-?id|connect-sid|"
         r"sessionid|sess-?id|visitor-?id|device-?id|client-?id|jti|remember-me|-ga|gid)-$",
         (LOGIN,)),
        (r"session-?id-$", (LOGIN,)),
        (rf"-(?:{_WHO})s?-?(?:{_ID})-$", (ID,)),
        (rf"-(?:{_WHO})s?-$", (WHOM,)),
        (r"-(?:mrn|hicn|mbi|npi|dln|vin|nino|sin|curp|cpf)(?:-(?:no|num|number|id))?-$", (ID,)),
    )
)  # fmt: skip
NAMES_NOTHING: Final = re.compile(
    r"-(?:id|ids|no|nr|num|number|name|value|key|uuid|text|val|family|given)-"
)
"""Names that say something only with what they are of: `customer.id`."""


@lru_cache(8_192)
def kinds_of_name(name: str) -> tuple[str, ...]:
    """The kinds that a value of this name may be of, the likeliest first; () when it tells none."""
    if not name or len(name) > 200:
        return ()
    normal = normal_name(name)
    for pattern, kinds in _RULES:
        if pattern.search(normal) is not None:
            return kinds
    # What the finders take for the name of a person must be replaced for one, a mere word too.
    if PERSON_NAME.search(normal) is not None:
        return ("person_name", LOGIN)
    return ("birth_date",) if BIRTH.search(normal) is not None else ()


@lru_cache(8_192)
def needs_parent(name: str) -> bool:
    """True for `id`, `name`, `number`: they say what they are only with what they are of."""
    return NAMES_NOTHING.fullmatch(normal_name(name)) is not None
