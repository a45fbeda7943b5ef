"""What `run` refuses before anything is started."""

import click
import pytest
import structlog

from image_automation.cli import gates, root
from image_automation.cli.output import Failure
from image_automation.cli.verbs import plan, run


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


def test_gates_may_be_given_one_by_one():
    given = gates.read("ObjectLevelWorkloadIdentity=true", "ExternalArtifact=true", "")
    assert given["ObjectLevelWorkloadIdentity"]
    assert given["ExternalArtifact"]


@pytest.mark.parametrize("verb", [run.run, plan.plan], ids=["run", "plan"])
def test_verbs_take_gates_one_by_one(verb: click.Command):
    context = verb.make_context("verb", ["--feature-gates=A=true", "--feature-gates=B=true"], resilient_parsing=True)
    assert context.params["feature_gates"] == ("A=true", "B=true")


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


def test_gates_that_flux_ignores_are_taken_with_a_warning():
    given = gates.read("DetectDrift=true,CorrectDrift=false,AdoptLegacyReleases=true")
    with structlog.testing.capture_logs() as logs:
        gates.tell_ignored(given)
    assert [(each["log_level"], each["gate"]) for each in logs] == [
        ("warning", "AdoptLegacyReleases"), ("warning", "DetectDrift"),
    ]  # fmt: skip
    assert "DetectDrift" not in gates.told()


def test_gates_of_flux_that_are_on_and_lead_nowhere_are_told_of_where_they_are_turned_off():
    given = gates.read("GitForcePushBranch=false,GitShallowClone=true,GitAllBranchReferences=true")
    with structlog.testing.capture_logs() as logs:
        gates.tell_ignored(given)
    assert [each["gate"] for each in logs] == ["GitForcePushBranch"]
    assert "GitForcePushBranch" not in gates.told()


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
