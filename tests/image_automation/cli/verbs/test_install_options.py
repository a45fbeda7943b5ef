"""What the flags of an installation come to."""

import base64
import json

import pytest

from deploy.installation.remembering import Options
from deploy.installation.tailoring import Wishes
from image_automation.cli import output
from image_automation.cli.verbs import install_options
from image_automation.cli.verbs.install_options import Asked

PULLED = Options(wishes=Wishes(namespace="flux", registry="registry.example.com:5000/a", image_pull_secret="pull"))


def asked(credentials: str) -> Asked:
    return Asked(overlay=None, wishes={}, credentials=credentials)


def test_credentials_open_the_registry_of_the_image() -> None:
    made = install_options.pull_secret(asked("ann:s3:cret"), PULLED)
    assert made is not None
    assert made["metadata"] == {"name": "pull", "namespace": "flux"}
    held = json.loads(made["stringData"][".dockerconfigjson"])["auths"]
    assert held.keys() == {"registry.example.com:5000"}
    assert base64.b64decode(held["registry.example.com:5000"]["auth"]) == b"ann:s3:cret"
    assert "s3" not in repr(asked("ann:s3:cret"))


def test_without_credentials_there_is_no_secret() -> None:
    assert install_options.pull_secret(asked(""), PULLED) is None


@pytest.mark.parametrize(
    ("credentials", "options", "said"),
    [
        pytest.param("ann:x", Options(), "--registry-creds requires --image-pull-secret to be set", id="no Secret"),
        pytest.param("ann:x", Options(wishes=Wishes(image_pull_secret="pull")), "requires --registry,", id="nowhere"),
        pytest.param("ann", PULLED, "expected 'user:password'", id="no password"),
        pytest.param(":x", PULLED, "expected 'user:password'", id="nobody"),
    ],
)
def test_credentials_without_a_use_are_refused(credentials: str, options: Options, said: str) -> None:
    with pytest.raises(output.Failure) as raised:
        install_options.pull_secret(asked(credentials), options)
    assert said in raised.value.message
    assert "ann" not in raised.value.message
