"""The admission policy of the guide: a decision is written in one's own name, whatever tricks the text tries."""

import functools
from pathlib import Path
from typing import Any

import pytest
import yaml
from cel_expr_python import cel
from cel_expr_python.ext import ext_strings

from gotk import decisions
from gotk.api import extensions
from gotk.decisions import Decision

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "approvals.md"
JOE = '{"tag":"1.0","verdict":"approve","by":"joe"}'
MINE = '{"tag":"1.0","verdict":"approve","by":"jane"}'
NAMED = r'{"tag":"1.0","verdict":"approve","by":"joe","reason":"\"by\":\"jane\""}'
SRE = '{"tag":"1.0","verdict":"approve","by":"jane","groups":["sre","dev"]}'


@functools.cache
def policy() -> dict[str, Any]:
    block = next(part for part in PAGE.read_text().split("```yaml\n") if "kind: ValidatingAdmissionPolicy" in part)
    found: dict[str, Any] = next(iter(yaml.safe_load_all(block.partition("```")[0])))["spec"]
    return found


def refusals(
    before: str | None, after: str | None, user: str = "jane", groups: tuple[str, ...] = ("sre", "dev")
) -> list[str]:
    """Return the messages of what a person's write of the annotation breaks, as an API server evaluates it."""
    names = dict.fromkeys(("object", "oldObject", "request", "variables"), cel.Type.DYN)
    environment = cel.NewEnv(variables=names, extensions=[ext_strings.ExtStrings()])

    def obj(text: str | None) -> dict[str, Any]:
        return {"metadata": {"annotations": {extensions.DECISIONS: text}} if text is not None else {}}

    request = {"userInfo": {"username": user, "groups": ["sre", "dev"]}}
    data: dict[str, Any] = {"object": obj(after), "oldObject": obj(before), "request": request, "variables": {}}
    for each in policy()["variables"]:
        found = environment.compile(each["expression"]).eval(data=data).value()
        data["variables"][each["name"]] = found if isinstance(found, str) else [part.value() for part in found]
    checks = [(each["message"], environment.compile(each["expression"])) for each in policy()["validations"]]
    return [message for message, check in checks if check.eval(data=data).value() is not True]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(None, None, id="nothing at all"),
        pytest.param(None, f"[{MINE}]", id="the first"),
        pytest.param(f"[{JOE}]", f"[{JOE},{MINE}]", id="beside somebody's"),
        pytest.param(f"[{JOE},{MINE}]", f"[{JOE}]", id="one's own goes"),
        pytest.param(f"[{MINE}]", None, id="the last goes"),
        pytest.param(None, f"[{SRE}]", id="with groups of one's own"),
    ],
)
def test_what_one_may_write(before: str | None, after: str | None):
    assert refusals(before, after) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(None, f"[{JOE}]", id="in another's name"),
        pytest.param(f"[{JOE}]", f"[{MINE}]", id="instead of another's"),
        pytest.param(f"[{JOE}]", None, id="another's goes"),
        pytest.param(None, '[{"tag":"1.0","verdict":"approve","by":"jane","by":"joe"}]', id="two names"),
        pytest.param(None, '[{"tag":"1.0","verdict":"approve","by":"jane","\\u0062y":"joe"}]', id="a name in disguise"),
        pytest.param(None, f"[{JOE}, {MINE}]", id="two in one"),
        pytest.param(None, f"[{MINE},\n{JOE}]", id="two on two lines"),
        pytest.param(None, f" [{JOE}]", id="a blank before"),
        pytest.param(None, f"[{NAMED}]", id="a name in a reason"),
        pytest.param(None, f"[{SRE.replace('dev', 'boss')}]", id="with another's group"),
        pytest.param(None, f"[{SRE.replace(':[', ' : [')}]", id="with blanks where none belong"),
        pytest.param(None, f'[{SRE[:-1]},"groups":["boss"]}}]', id="with groups twice"),
    ],
)  # fmt: skip
def test_what_one_may_not_write(before: str | None, after: str | None):
    assert refusals(before, after)


def test_what_the_verbs_write_is_let_in():
    before: dict[str, str] = {extensions.DECISIONS: f"[{JOE}]"}
    made = Decision(tag="1.0", verdict="allow", by="jane", at="2026-01-01T11:00:00Z", reason="é: x", groups=("sre",))
    first = decisions.added(before, made)
    assert refusals(f"[{JOE}]", first) == []
    again = decisions.added({extensions.DECISIONS: first}, Decision(tag="1.0", verdict="reject", by="jane"))
    assert refusals(first, again) == []
    assert refusals(first, again, user="joe")
