"""Asking an automation to give places of a repository back what they held, and to hold the version that they leave.

The automation does it, with its own credentials and in its own name: here is written what is wanted, by whom and why.
"""

import msgspec

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from image_automation.recovering import request
from image_automation.recovering.request import Request
from image_automation.steering import anew, person
from image_automation.steering.cluster import CannotBeDoneError, Cluster


async def ask(cluster: Cluster, namespace: str, name: str, wanted: Request) -> None:
    """Ask an automation to roll back, in the person's name. Raises CannotBeDoneError and APIError."""
    try:
        text = request.written(msgspec.structs.replace(wanted, by=(await person.ask(cluster)).name))
    except ValueError as error:
        raise CannotBeDoneError(str(error)) from None

    def asking(obj: ImageUpdateAutomation) -> dict[str, str]:
        if obj.spec.suspend:
            raise CannotBeDoneError(f"image update {name} is suspended: resume it, or revert the commit yourself")
        if extensions.ROLLBACK in obj.metadata.annotations:
            raise CannotBeDoneError(f"image update {name} is asked to roll back already: wait until that is done")
        return {extensions.ROLLBACK: text}

    await anew.annotate(cluster, ImageUpdateAutomation, namespace, name, asking)
