"""What a HelmRelease is that leaves open how its release is applied, rendered on and waited for: Helm 4's way.

Answers to helm-controller's gate UseHelm3Defaults, which makes it Helm 3's way. What an object says itself stands.
"""

from msgspec.structs import replace

from gotk.api.helm import HelmRelease, WaitStrategy


def as_with_helm_3(obj: HelmRelease) -> HelmRelease:
    """Return an object that says of everything that it leaves open what Helm 3 does: no hooks are rendered on.

    An upgrade goes on as the revision before it in either case.
    """
    spec = obj.spec
    install = spec.install
    if install.server_side_apply is None:
        install = replace(install, server_side_apply=False)
    return replace(
        obj,
        spec=replace(
            spec,
            install=install,
            post_render_strategy=spec.post_render_strategy or "nohooks",
            wait_strategy=spec.wait_strategy or WaitStrategy(name="legacy"),
        ),
    )
