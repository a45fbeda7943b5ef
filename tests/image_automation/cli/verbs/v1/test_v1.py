"""The verbs of fluxctl that are not here are errors that name what to type instead."""

import pytest

from image_automation.cli import root


@pytest.mark.parametrize(
    ("verb", "instead"),
    [
        ("release", "an ImageUpdateAutomation"),
        ("automate", "create image policy"),
        ("lock", "suspend image update NAME"),
        ("save", "export KIND --all"),
    ],
)
def test_a_verb_that_is_not_here_names_what_it_became(
    verb: str, instead: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert root.run(["v1", verb, "--workload", "default:deployment/web"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"✗ fluxctl's '{verb}' is not here: ")
    assert instead in said
