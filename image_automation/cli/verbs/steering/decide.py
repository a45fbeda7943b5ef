"""`approve`, `reject` and `allow`: a person's word on a version, written into the policy by that person's own rights.

The API server says whose word it is, and when. Who may write it is a matter of rights on the ImagePolicy.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.verbs import completion
from image_automation.cli.verbs.steering import person

if TYPE_CHECKING:
    from gotk.api.image import ImagePolicy
    from gotk.decisions import Decision
    from gotk.kube.client import Client

_TRIES = 5
_DONE = {"approve": "approved", "reject": "rejected", "allow": "let past what makes others wait"}


def _approve(name: str, tag: str | None, *, reason: str | None, **options: Any) -> None:
    """Approve a version of an ImagePolicy: TAG, or the one that it has chosen.

    A later word of the same person on the same version takes the place of an earlier one.
    """
    _decide("approve", name, tag, reason or "", options)


def _reject(name: str, tag: str | None, *, reason: str | None, **options: Any) -> None:
    """Reject a version of an ImagePolicy: TAG, or the one that it has chosen. It is not written; a newer one may be.

    Approving it takes the rejection back.
    """
    _decide("reject", name, tag, reason or "", options)


def _allow(name: str, tag: str, *, reason: str, **options: Any) -> None:
    """Let TAG of an ImagePolicy past freezes, windows and the minimum age, for a fix that cannot wait.

    It is an approval, too, but does not stand for those of others, and lets nothing past a rejection.
    """
    _decide("allow", name, tag, reason, options)


def _decide(verdict: str, name: str, tag: str | None, reason: str, options: dict[str, Any]) -> None:
    made, offered, asked = clusters.run(_written(clusters.from_options(options), verdict, name, tag, reason))
    output.success(f"image policy {name}: {made.tag} is {_DONE[verdict]} by {made.words}")
    if not asked:
        output.warning(f"{made.by} is not among those whose approval is asked for: this does not count")
    if made.tag != offered:
        output.action(f"{name} has chosen {offered or 'nothing yet'}: this counts once it chooses {made.tag}")


async def _written(
    cluster: clusters.Cluster, verdict: str, name: str, tag: str | None, reason: str
) -> "tuple[Decision, str, bool]":
    """Write a decision; return it, the tag that the policy has chosen, and whether its maker is asked."""
    from gotk.api.image import ImagePolicy  # noqa: PLC0415 - heavy imports wait
    from image_automation.gating import approvals  # noqa: PLC0415
    from image_automation.gating.facts import Misread  # noqa: PLC0415

    async with cluster.connect() as client:
        who = await person.ask(client)
        policy = await client.get(ImagePolicy, cluster.namespace, name)
        try:
            asking = [policy.metadata.annotations, *await _automations(client, cluster.namespace)]
            groups = frozenset().union(*map(approvals.groups_asked, asking)) & who.groups
            image = await _image(client, policy)
            made = _decision(policy, verdict, tag, reason, image=image, who=replace(who, groups=groups))
            asked = all(approvals.asks(annotations, made) for annotations in asking)
        except Misread as error:
            output.fail(str(error))
        await _add(client, policy, made)
        return made, policy.status.latest_ref.tag if policy.status.latest_ref else "", asked


async def _add(client: "Client", policy: "ImagePolicy", made: "Decision") -> None:
    """Write a decision beside those that are there; anew where somebody else was quicker."""
    from gotk import decisions  # noqa: PLC0415 - heavy imports wait
    from gotk.api import extensions  # noqa: PLC0415
    from gotk.kube import errors  # noqa: PLC0415

    kind, metadata = type(policy), policy.metadata
    for attempt in range(1, _TRIES + 1):
        try:
            text = decisions.added(metadata.annotations, made)
        except ValueError as error:
            output.fail(str(error))
        patch = {"resourceVersion": metadata.resource_version, "annotations": {extensions.DECISIONS: text}}
        try:
            await client.merge_patch(kind, metadata.namespace, metadata.name, {"metadata": patch})
        except errors.Conflict:
            if attempt == _TRIES:
                raise
            metadata = (await client.get(kind, metadata.namespace, metadata.name)).metadata
        else:
            return


async def _automations(client: "Client", namespace: str) -> list[Any]:
    from gotk.api.image import ImageUpdateAutomation  # noqa: PLC0415 - heavy imports wait

    return [obj.metadata.annotations for obj in await client.list(ImageUpdateAutomation, namespace)]


async def _image(client: "Client", policy: "ImagePolicy") -> str:
    """Return the image that a policy follows; nothing where it has chosen none and its repository cannot be read."""
    from gotk.api.image import ImageRepository  # noqa: PLC0415 - heavy imports wait
    from gotk.kube import errors  # noqa: PLC0415

    if policy.status.latest_ref is not None:
        return policy.status.latest_ref.name
    ref = policy.spec.image_repository_ref
    try:
        found = await client.get(ImageRepository, ref.namespace or policy.metadata.namespace, ref.name)
    except (errors.NotFound, errors.Forbidden):
        return ""
    return found.spec.image


def _decision(
    policy: "ImagePolicy", verdict: Any, tag: str | None, reason: str, *, image: str, who: person.Person
) -> "Decision":
    from gotk.decisions import Decision  # noqa: PLC0415 - heavy imports wait
    from gotk.runtime.clock import rfc3339  # noqa: PLC0415

    ref = policy.status.latest_ref
    if tag is None and ref is None:
        output.fail(f"image policy {policy.metadata.name} has not chosen a tag: name one")
    return Decision(
        tag=tag or (ref.tag if ref else ""),
        verdict=verdict,
        by=who.name,
        at=rfc3339(who.now),
        reason=reason,
        image=image,
        digest=ref.digest if ref is not None and tag in {None, ref.tag} else "",
        groups=tuple(sorted(who.groups)),
    )


def _command(name: str, callback: Callable[..., None], *, strict: bool = False) -> click.Command:
    return click.Command(
        name,
        callback=callback,
        params=[
            click.Argument(["name"], metavar="POLICY", shell_complete=completion.of("IMAGE_POLICY")),
            click.Argument(["tag"], required=strict),
            click.Option(["--reason"], required=strict, help="Why, for the record."),
            *clusters.parameters(),
        ],
        help=callback.__doc__,
    )


approve = _command("approve", _approve)
reject = _command("reject", _reject)
allow = _command("allow", _allow, strict=True)
