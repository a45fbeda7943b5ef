"""The annotation, read strictly: what is wrong is named, with its field."""

from typing import Any

import pytest

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from gotk.forge.pull_request import Method
from gotk.runtime.errors import Stalled
from image_automation.pull_requests import settings
from image_automation.pull_requests.settings import Settings
from tests.image_automation.automating import automation, git_spec
from tests.image_automation.pull_requests.forging import annotated


def asking(text: str, **spec: Any) -> ImageUpdateAutomation:
    return annotated(automation(**spec), {extensions.PULL_REQUEST: text})


def test_without_the_annotation_there_is_none():
    assert settings.read(automation()) is None


def test_an_empty_mapping_is_the_defaults():
    assert settings.read(asking("{}")) == Settings()


def test_all_of_it_is_read():
    found = settings.read(asking("{per: group, labels: [a, '1'], merge: when-green, mergeMethod: squash}"))
    assert found == Settings(per="group", labels=("a", "1"), merge="when-green", merge_method=Method.SQUASH)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("{lables: [a]}", "unknown field `lables`"),
        ("{per: image}", "'image' - at `$.per`"),
        ("{draft: maybe}", "at `$.draft`"),
        ("{labels: images}", "at `$.labels`"),
        ("", "expected `object`, got `null`"),
        ("[", "line 2"),
        ("{draft: true, merge: auto}", "a draft cannot be merged"),
    ],
)
def test_what_is_wrong_is_named(text: str, cause: str):
    with pytest.raises(Stalled) as caught:
        settings.read(asking(text))
    assert cause.casefold() in caught.value.message.casefold()
    assert caught.value.message.startswith(f"annotation {extensions.PULL_REQUEST}: ")


def test_what_contradicts_it_is_named():
    refspec = git_spec(push={"refspec": "refs/heads/main:refs/heads/x"})
    with pytest.raises(Stalled, match=r"spec\.git\.push\.refspec cannot be used together with it"):
        settings.read(asking("{}", git=refspec))
    stacked = annotated(asking("{}"), {extensions.PUSH_BRANCH: "stack"})
    with pytest.raises(Stalled, match="cannot be 'stack' together with it"):
        settings.read(stacked)
