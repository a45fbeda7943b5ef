"""Which files of a source a build reads, told without building: what is planned for kustomize, and what led there.

Answers the same questions as a build notes while it is made (`asked`). What remote bases hold is no file of the source.
"""

import posixpath

from deploy.kustomize.building import generator, plan
from deploy.kustomize.building.asked import Asked, Notes, Observed
from deploy.kustomize.building.bases.remote import Remote
from deploy.kustomize.building.source import Source
from gotk.api.kustomize import KustomizationSpec


class _Any:
    """Lets any remote base be named; none is fetched."""

    def refusal(self, remote: Remote) -> str:  # noqa: ARG002 - the port's
        """Refuse nothing."""
        return ""


def of(unpacked: Source, spec: KustomizationSpec) -> Asked:
    """Return what the build of a Kustomization asks of its source: paths, and those whose bytes or names count.

    Raises ValueError for what does not build.
    """
    notes = Notes()
    seen = Observed(unpacked, notes)
    directory = posixpath.normpath(f"/{spec.path}").lstrip("/") or "."
    generated = generator.generate(seen, directory, spec)
    planned = plan.make(seen, directory, generated.file_name, generated.content, allows=_Any())
    notes.wholes.update(planned.files.values())
    return notes.asked()
