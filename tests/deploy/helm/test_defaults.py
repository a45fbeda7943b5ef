"""What a HelmRelease does that leaves open how, where the operator wants what Helm 3 did."""

from deploy.helm.defaults import as_with_helm_3
from tests.deploy.helm.objects import helm_release


def test_what_an_object_leaves_open_is_done_as_helm_3_did() -> None:
    spec = as_with_helm_3(helm_release({"install": {"timeout": "1m"}})).spec
    assert spec.install.server_side_apply is False
    assert spec.install.timeout is not None
    assert spec.post_render_strategy == "nohooks"
    assert spec.wait_strategy is not None
    assert spec.wait_strategy.name == "legacy"
    assert spec.upgrade.server_side_apply == spec.rollback.server_side_apply == "auto"


def test_what_an_object_says_stands() -> None:
    said = {
        "install": {"serverSideApply": True},
        "postRenderStrategy": "combined",
        "waitStrategy": {"name": "poller"},
        "upgrade": {"serverSideApply": "enabled"},
    }
    obj = helm_release(said)
    assert as_with_helm_3(obj) == obj
