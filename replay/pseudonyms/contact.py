"""Ways to reach somebody: phone numbers, e-mail addresses, IP addresses.

Read next: `person.py`.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from replay.identifiers.fold import INVISIBLE
from replay.identifiers.sandbox import is_reserved_email, is_sandbox_phone
from replay.pseudonyms.keyed import Keyed
from replay.pseudonyms.person import person_name
from replay.pseudonyms.shape import digits_alone, digits_from, digits_of, put_digits

_EXTENSION: Final = re.compile(r"[ ,;]*(?:extension|ext\.?|x|#)[ .:]*[0-9]{1,6}\Z", re.IGNORECASE)
_PHONE: Final = re.compile(r"(?:tel:)?[+0-9 .\-/()\u200b]{7,40}", re.IGNORECASE)
_LONGEST_PHONE: Final = 80
_SEPARATOR: Final = re.compile(r"[ .\-/]")
_FICTION_ABROAD: Final = (("44", 12, "447700900"), ("61", 11, "61491570"), ("33", 11, "3319900"))
"""Numbers that the regulators keep for films: the country's code, all digits, how they begin."""
_EMAIL: Final = re.compile(r"[^@\s<>,;:\"]{1,256}@([^@\s<>,;:\"/]{1,255})")
_QUOTED_EMAIL: Final = re.compile(r"\"[^\"]{1,64}\"@([^@\s<>,;:\"/]{1,255})")
_MAILBOX: Final = re.compile(r"([ \"]*)([^<>@\"]*)(\" *<|<)([^<>\s@]+@[^<>\s@]+)(> *)")
_LONGEST_MAILBOX: Final = 400
_ENDPOINT: Final = re.compile(
    r"(\[?)([0-9A-Fa-f:.]{2,45})(%[\w.]{1,16})?(\]?)(:[0-9]{1,5}|/[0-9]{1,3})?"
)
_ADDRESS: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){3})(:[0-9]{1,5}|/[0-9]{1,2})?")
_DOCUMENTATION: Final = ("192.0.2.", "198.51.100.")
_DOCUMENTATION_6: Final = 0x20010DB8 << 96


def phone(keyed: Keyed, text: str) -> str | None:
    """555-0100 to 555-0199 of an area by hash; abroad a number for films, where we know some."""
    if len(text) > _LONGEST_PHONE:
        return None
    extension = _EXTENSION.search(text)
    main = text if extension is None else text[: extension.start()]
    digits = digits_of(main)
    if not _PHONE.fullmatch(main) or not 7 <= len(digits) <= 15:
        return None
    if is_sandbox_phone(digits):
        return text
    prefix = next((each for each in ("00", "011") if digits.startswith(each)), "")
    digits = digits[len(prefix) :]
    made = _written(keyed, main, digits, "" if "+" in main else prefix)
    if extension is None:
        return made
    return made + put_digits(extension[0], "0" * len(digits_of(extension[0])))


def _written(keyed: Keyed, main: str, digits: str, prefix: str) -> str:
    """digits: without the prefix `00`, which stands for a plus."""
    if (prefix or "+" in main) and digits[:1] != "1":
        return _abroad(keyed, main, digits, prefix)
    if len(digits) == 11 and digits[0] == "1":
        return _put(main, f"{prefix}1{_fictional(keyed, digits[1:])}")
    if len(digits) == 10:
        return _put(main, prefix + _fictional(keyed, digits))
    if len(digits) == 7:
        return _put(main, f"{prefix}55501{digits_from(keyed.number('phone', digits), 2)}")
    return _spelled(main, _fictional(keyed, digits), "")


def _put(main: str, digits: str) -> str:
    """In the places of those that were there; by themselves where there were more of them."""
    return put_digits(main, digits) if len(digits_of(main)) == len(digits) else digits


def _abroad(keyed: Keyed, main: str, digits: str, prefix: str) -> str:
    for code, length, begin in _FICTION_ABROAD:
        if digits.startswith(code) and len(digits) == length:
            rest = digits_from(keyed.number("phone", digits), length - len(begin))
            return _put(main, prefix + begin + rest)
    return _spelled(main, _fictional(keyed, digits), "+1")


def _fictional(keyed: Keyed, digits: str) -> str:
    """Ten digits: an area that can be (no N9X, no N11), 555, 01 and two more."""
    number, first = divmod(keyed.number("phone", digits), 8)
    number, second = divmod(number, 9)
    number, third = divmod(number, 10)
    if second == third == 1:
        third = 2
    return f"{first + 2}{second}{third}55501{digits_from(number, 2)}"


def _spelled(main: str, ten: str, code: str) -> str:
    found = _SEPARATOR.search(main.strip())
    mark = found[0] if found else ""
    parts = [code, ten[:3], ten[3:6], ten[6:]] if code else [ten[:3], ten[3:6], ten[6:]]
    return mark.join(parts)


def email(keyed: Keyed, text: str) -> str | None:
    """`u` and ten hexadecimal digits at example.com; addresses at reserved domains stay."""
    text = text.replace(INVISIBLE, "")
    found = _EMAIL.fullmatch(text.removeprefix("mailto:"))
    found = _QUOTED_EMAIL.fullmatch(text) if found is None else found
    if found is None:
        return _mailbox(keyed, text)
    if is_reserved_email(found[1]):
        return text
    local = keyed.bytes_of("email", found[0].casefold()).hex()[:10]
    start = "mailto:" if text.startswith("mailto:") else ""
    return f"{start}u{local}@example.com"


def _mailbox(keyed: Keyed, text: str) -> str | None:
    """`Maria Garcia <maria@acme.example>`, or several addresses with commas between."""
    if "," in text:
        several = [email(keyed, each.strip(" ")) for each in text.split(",", 64)]
        return ", ".join([each for each in several if each]) if all(several) else None
    found = _MAILBOX.fullmatch(text) if len(text) <= _LONGEST_MAILBOX else None
    address = None if found is None else email(keyed, found[4])
    if found is None or address is None:
        return None
    name = person_name(keyed, found[2]) or digits_alone(keyed, found[2]) if found[2] else ""
    return f"{found[1]}{name}{found[3]}{address}{found[5]}"


def ip(keyed: Keyed, text: str) -> str | None:
    """An address kept for documentation, of the same version; ports and a list's commas stay."""
    if "," in text:
        parts = [ip(keyed, part.strip(" ")) for part in text.split(",", 64)]
        return ", ".join([part for part in parts if part]) if all(parts) else None
    found = _ADDRESS.fullmatch(text)
    if found is not None:
        address = _parse(found[1])
        return None if address is None else _other_address(keyed, address) + (found[2] or "")
    found = _ENDPOINT.fullmatch(text)
    address = None if found is None else _parse(found[2])
    if found is None or address is None or bool(found[1]) != bool(found[4]):
        return None
    return f"{found[1]}{_other_address(keyed, address)}{found[4]}{found[5] or ''}"


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _other_address(keyed: Keyed, address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return f"::ffff:{_other_address(keyed, address.ipv4_mapped)}"
    text = str(address)
    if address.is_loopback or address.is_unspecified:
        return text
    number = keyed.number("ip", text)
    if isinstance(address, IPv4Address):
        if text.startswith(_DOCUMENTATION):
            return text
        number, at = divmod(number, len(_DOCUMENTATION))
        return f"{_DOCUMENTATION[at]}{number % 254 + 1}"
    if int(address) >> 96 == _DOCUMENTATION_6 >> 96:
        return text
    return str(IPv6Address(_DOCUMENTATION_6 | number & (1 << 96) - 1))
