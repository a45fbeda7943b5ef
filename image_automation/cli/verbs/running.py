"""Where the running service answers, and how somebody proves to it who they are: as to the cluster.

A token goes to a server on this machine, or over https, and nowhere else: whoever is sent one can act as its owner.
"""

from typing import TYPE_CHECKING

from image_automation.cli import cluster as clusters
from image_automation.cli import output

if TYPE_CHECKING:
    from yarl import URL


def beside(cluster: clusters.Cluster, name: str) -> str:
    """Return an address that a service with an embedded control plane left beside its kubeconfig, or nothing."""
    from image_automation.app import addresses  # noqa: PLC0415 - `--help` needs no rooms

    return next(filter(None, (addresses.find(each, name) for each in cluster.kubeconfigs())), "")


async def proof(cluster: clusters.Cluster, url: "URL") -> dict[str, str]:
    """Return the header that proves to a server who one is. Raises Failure where none may be sent, or there is none."""
    from image_automation.dashboard import browsers  # noqa: PLC0415 - `--help` needs no rooms

    if url.scheme != "https" and not browsers.is_loopback(url.host):
        output.fail(
            f"your token is not sent to {url.origin()}, which is neither on this machine nor reached over https"
        )
    config = await cluster.config()
    if config.renewal is not None:
        await config.renewal.look()
    header = await config.authorization()
    if header is None or not header.startswith("Bearer "):
        output.fail(
            f"{config.origin} proves who you are by a certificate, which cannot be handed on: sign in with a token"
            " (kubectl create token NAME), or use a kubeconfig that has one"
        )
    return {"Authorization": header}
