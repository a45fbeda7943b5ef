"""`approve`, `reject` and `allow`: a person's word on a version, written into the policy by that person's own rights.

The API server says whose word it is, and when. Who may write it is a matter of rights on the ImagePolicy.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import output
from image_automation.cli.verbs import completion

if TYPE_CHECKING:
    from image_automation.steering.deciding import Decided, Verdict


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


def _decide(verdict: "Verdict", name: str, tag: str | None, reason: str, options: dict[str, Any]) -> None:
    decided = clusters.run(_written(clusters.from_options(options), verdict, name, tag, reason))
    output.success(decided.sentence)
    if decided.warning:
        output.warning(decided.warning)
    if decided.hint:
        output.action(decided.hint)


async def _written(cluster: clusters.Cluster, verdict: "Verdict", name: str, tag: str | None, reason: str) -> "Decided":
    from image_automation.steering import deciding  # noqa: PLC0415 - heavy imports wait

    async with cluster.connect() as client:
        return await deciding.decide(client, cluster.namespace, name, verdict, tag=tag or "", reason=reason)


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
