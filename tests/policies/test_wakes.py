"""What wakes a policy besides its own changes: the ImageRepository that it refers to, found without asking others."""

from typing import Any

from gotk.api import scheme
from gotk.api.image import ImagePolicy, ImageRepository
from gotk.runtime.reconciler import Key
from policies.wakes import Followers


class Empty:
    """A reader that nothing may be listed from: what is looked through for each repository costs a square of them."""

    def get(self, kind: type, namespace: str, name: str) -> None:
        raise AssertionError((kind, namespace, name))

    def list(self, kind: type, namespace: str | None = None) -> list[Any]:
        raise AssertionError((kind, namespace))


def policy(namespace: str, name: str, /, **ref: str) -> ImagePolicy:
    spec = {"imageRepositoryRef": ref, "policy": {"semver": {"range": "1.x"}}}
    obj = {"kind": "ImagePolicy", "metadata": {"namespace": namespace, "name": name}, "spec": spec}
    return scheme.convert({"apiVersion": "image.toolkit.fluxcd.io/v1", **obj}, ImagePolicy)


def woken(followers: Followers, namespace: str = "apps", name: str = "app") -> set[Key]:
    """Return whom a repository wakes."""
    spec = {"image": "ghcr.io/acme/app", "interval": "5m"}
    obj = {"kind": "ImageRepository", "metadata": {"namespace": namespace, "name": name}, "spec": spec}
    repository = scheme.convert({"apiVersion": "image.toolkit.fluxcd.io/v1", **obj}, ImageRepository)
    (watch,) = (each for each in followers.watches if each.kind is ImageRepository)
    return set(watch.requests(repository, Empty()))


def learnt(*policies: ImagePolicy) -> Followers:
    followers = Followers()
    for each in policies:
        change(followers, None, each)
    return followers


def change(followers: Followers, old: ImagePolicy | None, new: ImagePolicy | None) -> None:
    """Let the watch tell of a policy, which wakes no other one."""
    (watch,) = (each for each in followers.watches if each.kind is ImagePolicy)
    assert not watch.changed(old, new)


def test_a_repository_wakes_the_policies_that_refer_to_it_in_any_namespace():
    followers = learnt(
        policy("apps", "own", name="app"),
        policy("images", "away", name="app", namespace="apps"),
        policy("images", "namesake", name="app"),
        policy("apps", "other", name="other"),
    )
    assert woken(followers) == {Key("apps", "own"), Key("images", "away")}


def test_a_policy_that_refers_to_another_repository_or_is_gone_is_woken_no_more():
    moved, gone = policy("apps", "moved", name="app"), policy("apps", "gone", name="app")
    followers = learnt(moved, gone)
    change(followers, moved, policy("apps", "moved", name="other"))
    change(followers, gone, None)
    assert (woken(followers), woken(followers, name="other")) == (set(), {Key("apps", "moved")})


def test_a_policy_that_could_not_be_read_for_a_while_is_woken_again():
    obj = policy("apps", "own", name="app")
    followers = learnt(obj)
    change(followers, obj, None)
    change(followers, None, obj)
    assert woken(followers) == {Key("apps", "own")}
