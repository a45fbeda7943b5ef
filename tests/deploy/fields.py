"""Fields of our kinds, and the tests that show what they do."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import deploy.crds

TESTS = Path(__file__).parents[1]


def of_kind(kind: str) -> list[str]:
    """Return the fields of a kind's spec that hold no others, as its newest definition has them."""
    definition = next(each for each in deploy.crds.load() if each["spec"]["names"]["kind"] == kind)
    return list(_fields("", definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]))


def unmatched(found: Iterable[str], known: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the fields that nothing is known of, and what is known of no field.

    Known is a field, or all that is beneath one.
    """
    found, known = list(found), list(known)
    return (
        [field for field in found if not any(_is_of(field, each) for each in known)],
        [each for each in known if not any(_is_of(field, each) for field in found)],
    )


def missing(named: Iterable[str]) -> set[str]:
    """Return which of these tests, `file::name`, are not there."""
    wanted = {tuple(each.split("::")) for each in named}
    there = {
        (file, node.name)
        for file in {file for file, _ in wanted}
        for node in ast.walk(ast.parse((TESTS / file).read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return {"::".join(each) for each in wanted - there}


def _fields(path: str, schema: Mapping[str, Any]) -> Iterator[str]:
    inner = schema.get("items", {}) if schema.get("type") == "array" else schema
    if "properties" not in inner:
        yield path
        return
    within = f"{path}[]" if inner is not schema else path
    for name, each in inner["properties"].items():
        yield from _fields(f"{within}.{name}".lstrip("."), each)


def _is_of(field: str, known: str) -> bool:
    return field == known or field.startswith((f"{known}.", f"{known}[]"))
