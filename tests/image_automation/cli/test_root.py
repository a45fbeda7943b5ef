"""The root command: options before the verb, the version, what a verb does not take."""

from pathlib import Path

import pytest

from image_automation.cli import root


def run(*arguments: str) -> int:
    return root.run(list(arguments))


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "FLUX_SYSTEM_NAMESPACE", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)


def test_version_is_an_option_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == "image-automation version 0.1.0\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("-n", "A_B", "get", "sources", "git"),
        ("get", "-n", "A_B", "sources", "git"),
        ("get", "sources", "--namespace=A_B", "git"),
        ("get", "sources", "git", "-n", "A_B"),
        ("-n", "fine", "get", "sources", "git", "-n", "A_B"),
        ("-n", "fine", "get", "-n", "A_B", "sources", "git"),
    ],
    ids=" ".join,
)
def test_the_namespace_may_stand_before_any_word_and_the_last_one_counts(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 1
    assert capsys.readouterr().err == '✗ namespace must be a valid DNS label: "A_B"\n'


def test_an_option_before_the_verb_counts_more_than_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLUX_SYSTEM_NAMESPACE", "fine")
    assert run("-n", "A_B", "get", "all") == 1
    assert '"A_B"' in capsys.readouterr().err


def test_a_kubeconfig_before_the_verb_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--kubeconfig", str(tmp_path / "none"), "--timeout", "1s", "get", "all") == 1
    assert str(tmp_path / "none") in capsys.readouterr().err


@pytest.mark.parametrize("verb", [("demo",), ("completion", "bash"), ("policy", "test")], ids=" ".join)
def test_a_verb_that_takes_no_cluster_says_so(verb: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--context", "mine", *verb) == 1
    assert capsys.readouterr().err.splitlines()[0] == f"✗ '{verb[0]}' takes no option '--context'."


def test_the_service_takes_its_kubeconfig_from_before_the_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--context", "mine", "run", "--embedded") == 1
    assert "--embedded brings its own cluster" in capsys.readouterr().err


def test_help_lists_the_options_and_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    told = capsys.readouterr().out
    assert "--kubeconfig FILE" in told
    assert "--version" in told
    assert "reconcile" in told
    assert run("get", "sources", "--help") == 0
    assert "--kubeconfig" not in capsys.readouterr().out


def test_flags_without_a_noun_are_answered_with_the_nouns(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("get", "-A") == 0
    assert "kustomizations" in capsys.readouterr().out


def test_a_verb_of_flux_that_is_not_here_is_an_error_with_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plugin", "list") == 1
    assert capsys.readouterr().err.startswith("✗ flux's 'plugin' is not here: call the program itself")
