"""Global flags of flux that are not here are errors that say what to do instead."""

import pytest

from image_automation.cli import root


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("get", "all", "--token=hush"),
            "✗ No such option '--token': it belongs into a kubeconfig, which --kubeconfig and --context name",
        ),
        (
            ("bootstrap", "github", "--owner=o", "--repository=r", "--gpg-key-id=1"),
            "✗ No such option '--gpg-key-id': put the key that signs alone into the file of --gpg-key-ring",
        ),
        (
            ("--ns-follows-kube-context", "get", "all"),
            "✗ No such option '--ns-follows-kube-context': name the namespace with -n or $FLUX_SYSTEM_NAMESPACE",
        ),
        (
            ("create", "ks", "podinfo", "--kube-api-qps", "100"),
            "✗ No such option '--kube-api-qps': what a command asks of the API is not limited here: leave it out",
        ),
        (("get", "all", "--bogus"), "✗ No such option '--bogus'."),
    ],
)
def test_the_alternative_is_named(arguments: tuple[str, ...], line: str, capsys: pytest.CaptureFixture[str]):
    assert root.run(arguments) == 1
    said = capsys.readouterr().err
    assert said.splitlines()[0] == line
    assert "hush" not in said
