"""How a new value is written: in the quotes of the old one, and quoted where it would not be read as text.

Answers to kyaml's `FormatNonStringStyle`: a plain scalar that YAML 1.1 (kubectl, PyYAML) or YAML 1.2 would read as a
number, a truth value, a date or null becomes double-quoted, so `1.20` stays a tag and does not turn into 1.2.
"""

import json
import re

# Union of what YAML 1.1, YAML 1.2 and Go's YAML read as something else than text.
_NOT_TEXT = re.compile(
    r"""
    | ~ | = | <<
    | null | Null | NULL
    | [yYnN] | yes | Yes | YES | no | No | NO | on | On | ON | off | Off | OFF
    | true | True | TRUE | false | False | FALSE
    | [-+]?0[bB][01_]+ | [-+]?0[oO][0-7_]+ | [-+]?0[xX][0-9a-fA-F_]+
    | [-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?
    | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?
    | [-+]?\.(?:inf|Inf|INF) | \.(?:nan|NaN|NAN)
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?
    """,
    re.VERBOSE,
)
# What image references are made of; anything else is quoted rather than reasoned about.
_PLAIN = re.compile(r"(?:[A-Za-z0-9_/]|\.(?=[A-Za-z0-9_]))(?:[A-Za-z0-9_./@+-]|:(?=[A-Za-z0-9_./]))*")


def reads_as_text(value: str) -> bool:
    """Tell whether a value without quotes is read back as the same text by YAML 1.1 and 1.2."""
    return _PLAIN.fullmatch(value) is not None and _NOT_TEXT.fullmatch(value) is None


def write(value: str, *, style: str, plain_colon: bool = True) -> str:
    """Write a one-line value in a style: `'`, `"`, or plain (anything else).

    `plain_colon` is False where older parsers refuse a plain scalar with a colon, which is inside flow collections.
    """
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if style in {"'", '"'} or not reads_as_text(value) or (":" in value and not plain_colon):
        return json.dumps(value, ensure_ascii=False) if value.isprintable() else json.dumps(value)
    return value
