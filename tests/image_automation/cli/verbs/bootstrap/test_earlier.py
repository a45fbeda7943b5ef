"""What the objects of an earlier bootstrap say of its flags."""

from gotk.duration import Duration
from image_automation.cli.verbs.bootstrap import earlier

SOURCE = {
    "interval": "2m0s", "ref": {"branch": "trunk"}, "secretRef": {"name": "fleet"}, "recurseSubmodules": True,
    "sparseCheckout": ["clusters/one", "apps"], "url": "https://git.example.com/a/b.git",
}  # fmt: skip


def test_the_sync_says_with_which_flags_it_was_made() -> None:
    assert earlier.decided(SOURCE, {"path": "./clusters/one"}) == {
        "branch": "trunk",
        "interval": Duration.parse("2m"),
        "path": "clusters/one",
        "recurse_submodules": True,
        "secret_name": "fleet",
        "sparse_checkout": ("clusters/one", "apps"),
        "token_auth": True,
    }


def test_what_it_does_not_say_is_as_by_default() -> None:
    found = earlier.decided({"interval": "1m0s", "url": "ssh://git@git.example.com/a/b"}, {})
    assert found == {
        "branch": "",
        "interval": Duration.parse("1m"),
        "path": "",
        "recurse_submodules": False,
        "secret_name": "",
        "sparse_checkout": (),
        "token_auth": False,
    }
