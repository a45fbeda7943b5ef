"""Invented policies over invented tags, against what image-reflector-controller 1.2.0 chose.

`scripts/record_choices.py` wrote its answers down, several turns of each: of filtered tags that are equal it takes any,
where ours always takes the same.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from gotk.api import scheme
from gotk.api.image import ImagePolicySpec, TagFilter
from policies import choose
from policies.extract import Filter
from policies.numerical import parse_float

LISTS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "choices.json").read_text())


def chosen(tags: list[str], spec: dict[str, Any]) -> str:
    policy = scheme.convert({"imageRepositoryRef": {"name": "app"}, **spec}, ImagePolicySpec)
    try:
        return choose.choose(policy, tags).tag
    except choose.InvalidPolicy as error:
        return f"InvalidPolicy: {error}"
    except choose.NothingChosen as error:
        return f"Failure: {error}"


def equal(spec: dict[str, Any], answer: str, ours: str) -> bool:
    """Tell whether two answers are one, but for what the order of filtered tags decides: which of equal numbers."""
    if answer == ours or "filterTags" not in spec or "numerical" not in spec["policy"]:
        return answer == ours
    if "invalid numeric value" in ours:
        return "invalid numeric value" in answer
    key = Filter(scheme.convert(spec["filterTags"], TagFilter)).key
    return parse_float(key(answer) or "") == parse_float(key(ours) or "")


@pytest.mark.parametrize("number", range(len(LISTS)))
def test_the_same_tag_is_chosen(number: int):
    tags, choices = LISTS[number]["tags"], LISTS[number]["choices"]
    ours = [(choice["policy"], choice["answers"], chosen(tags, choice["policy"])) for choice in choices]
    assert [one for one in ours if not any(equal(one[0], answer, one[2]) for answer in one[1])] == []


def test_most_choices_are_tags():
    answers = [choice["answers"] for list_ in LISTS for choice in list_["choices"]]
    assert sum(not answer[0].startswith(("Failure: ", "InvalidPolicy: ")) for answer in answers) > len(answers) / 3
