"""What `run` refuses before anything is started."""

import pytest

from image_automation.cli import gates, root
from image_automation.cli.output import Failure


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", False),
        ("ObjectLevelWorkloadIdentity=true", True),
        (" ObjectLevelWorkloadIdentity=True ,", True),
        ("ObjectLevelWorkloadIdentity=true,ObjectLevelWorkloadIdentity=false", False),
    ],
    ids=["none", "on", "with spaces", "the last one counts"],
)
def test_a_gate_is_off_unless_opened(text: str, expected: bool):
    assert gates.read(text)["ObjectLevelWorkloadIdentity"] is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Unheard=true", "feature-gate 'Unheard' not supported; there are .*ObjectLevelWorkloadIdentity"),
        ("ObjectLevelWorkloadIdentity", "is not of the form"),
        ("ObjectLevelWorkloadIdentity=maybe", "is not of the form"),
    ],
)
def test_a_gate_that_nobody_knows_ends_the_start(text: str, message: str):
    with pytest.raises(Failure, match=message):
        gates.read(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--feature-gates", "Unheard=true"], "feature-gate 'Unheard' not supported"),
        (
            ["--default-service-account", "robot", "--controllers", "imagerepository"],
            "cannot set default service accounts when the feature gate ObjectLevelWorkloadIdentity is not enabled",
        ),
        (["--token-cache-max-duration", "2h"], "--token-cache-max-duration: 2h0m0s is not above zero and at most 1h"),
        (["--watch-all-namespaces=false"], "needs the environment variable RUNTIME_NAMESPACE"),
    ],
    ids=["unknown gate", "account without the gate", "tokens kept too long", "which namespace"],
)
def test_run_says_what_is_wrong_and_does_not_start(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.delenv("RUNTIME_NAMESPACE", raising=False)
    assert root.run(["run", *arguments]) == 1
    assert message in capsys.readouterr().err
