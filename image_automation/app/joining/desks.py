"""The one desk of this process, for the runs of automations and for the plans that people read."""

from gotk.git.mirrors.mirror import Mirrors
from gotk.kube.cache import Caches
from gotk.kube.client import Client
from gotk.sources.git_access import GitAccess
from image_automation.app.settings import Settings
from image_automation.desk import Desk
from image_automation.pull_requests.access import Connect
from image_automation.writing import tree


def desk(
    settings: Settings, client: Client, caches: Caches, access: GitAccess, *, mirrors: Mirrors, connect: Connect
) -> Desk:
    """Return the desk; what was learnt of files outlives the process."""
    return Desk(
        objects=caches,
        client=client,
        access=access,
        repositories=mirrors,
        limiter=access.limiter,
        connect=connect,
        cross_namespace=not settings.no_cross_namespace_refs,
        allow_file=settings.allow_file,
        installation=settings.namespace,
        known=tree.Known(settings.marks),
    )
