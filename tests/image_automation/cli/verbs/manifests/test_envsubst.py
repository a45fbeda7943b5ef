"""`envsubst`, run as a user runs it."""

import subprocess
import sys

import pytest


def run(text: bytes, *arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "image_automation", "envsubst", *arguments]
    return subprocess.run(command, input=text, env=variables, capture_output=True, check=False)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        pytest.param(b"region: ${region}\nzone: ${zone:=b}\n", b"region: eu\nzone: b\n", id="values and defaults"),
        pytest.param(b"none: ${none}.", b"none: .\n", id="no value is nothing, and the last line ends"),
        pytest.param(b"$region $${region}\r\n", b"$region ${region}\r\n", id="what is no substitution stays"),
        pytest.param(b"\xff\n", b"\xff\n", id="no UTF-8 is passed on"),
    ],
)
def test_variables_come_from_the_environment(text: bytes, printed: bytes) -> None:
    done = run(text, region="eu")
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, b"")


def test_strict_fails_where_a_variable_has_no_value() -> None:
    done = run(b"a: ${region}\nb: ${none}\n", "--strict", region="eu")
    assert (done.returncode, done.stdout) == (1, b"a: eu\n")
    assert done.stderr == '✗ line 2: variable not set (strict mode): "none"\n'.encode()


def test_a_substitution_in_what_is_no_text_is_an_error() -> None:
    done = run(b"a\n\xff ${region}\n", region="eu")
    assert (done.returncode, done.stderr) == (1, "✗ line 2 is not UTF-8 text\n".encode())
