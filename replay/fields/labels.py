"""Names that stand beside a value: `{"name": "ssn", "value": "..."}`, `<dt>SSN</dt><dd>...</dd>`.

Whoever looks at a text called `value` has to know what its neighbour says of it. Pure.
Read next: `json_body.py`, `form.py`, `markup.py`, which ask.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

NAMING: Final = frozenset(
    {"name", "key", "field", "label", "param", "parameter", "attribute", "attr", "property",
     "column", "type", "code", "system", "question", "variable", "fieldname", "field_name",
     "paramname", "attributename", "propertyname", "fieldid", "field_id",
     "fieldlabel", "field_label"}
)  # fmt: skip
"""What a field is called whose value says what the one beside it is."""
VALUED: Final = frozenset(
    {"value", "val", "text", "content", "data", "answer", "fieldvalue", "field_value",
     "stringvalue", "string_value", "paramvalue", "attributevalue", "propertyvalue", "response"}
)  # fmt: skip
"""What a field is called that says nothing of its value."""
_LABEL: Final = re.compile(r"[^\W\d](?:[^\W\d]|[ .:*'?()-]){1,47}")
_LONGEST_TEXT: Final = 256


@lru_cache(8_192)
def is_naming(key: str) -> bool:
    return key.lower() in NAMING


@lru_cache(8_192)
def is_valued(key: str) -> bool:
    return key.lower() in VALUED


def read_label(text: str) -> str:
    """The name that a text gives to its neighbour; "" when it is none.

    Of an address (`http://hl7.org/fhir/sid/us-ssn`) its last step counts. A label holds no digits:
    texts that differ in their digits alone must have the same names.
    """
    if len(text) > _LONGEST_TEXT:
        return ""
    label = text.strip().rpartition("/")[2]
    return label if _LABEL.fullmatch(label) is not None else ""
