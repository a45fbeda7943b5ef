"""What an installation is made with: the flags, and with those of an earlier run what they come to.

Answers to the flags of `flux install`, which forgets them; here those that are not named again are taken from the
installation, and said.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from deploy import manifests
from image_automation.cli import flags, output

if TYPE_CHECKING:
    from deploy.installation.remembering import Options

_FORGET = "--reset-options"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What stands on the command line: the overlay or none, the wishes that are named, and whether others count."""

    overlay: str | None
    wishes: Mapping[str, Any]
    reset: bool = False
    #: What opens the registry of the image, `user:password`; it goes into the Secret that pulls it.
    credentials: str = field(default="", repr=False)


def overlay_of(name: str | None, components: str) -> str | None:
    """Return the overlay: the one named, or the one that does the work of Flux's components."""
    if not components:
        return name
    if name:
        output.fail("--overlay and --components choose the same: name one of them")
    wanted = frozenset(part.strip() for part in components.split(",") if part.strip())
    known = manifests.OVERLAYS["all"]
    if unknown := sorted(wanted - known):
        output.fail(f"component {unknown[0]} is not available; there are {', '.join(sorted(known))}")
    every = wanted | manifests.EXTRA
    overlay = next((each for each in ("image", "all") if wanted <= manifests.OVERLAYS[each] <= every), None)
    if overlay is None:
        alone = ", ".join(sorted(manifests.OVERLAYS["image"]))
        output.fail(f"--components: the kit comes whole, or as {alone}; `--controllers` of `run` chooses more finely")
    return overlay


def _wish(name: str, help_: str, **settings: Any) -> click.Option:
    return click.Option([name], help=help_, **settings)


_LEVELS = click.Choice(["debug", "info", "warn", "error"])
WISHES = (
    _wish(
        "--watch-all-namespaces",
        "With false only the namespace of the installation is watched, and rights end there.",
        type=bool,
        default=True,
        show_default=True,
    ),
    _wish("--network-policy", "Say which traffic goes in and out.", type=bool, default=True, show_default=True),
    _wish("--log-level", "The service's log level.", type=_LEVELS, default="info", show_default=True),
    _wish("--registry", "Where the image is: HOST/PATH/image-automation.", default="", metavar="HOST/PATH"),
    _wish("--image-pull-secret", "Secret of the namespace that pulls the image.", default="", metavar="NAME"),
    _wish("--cluster-domain", "The cluster's domain.", default="cluster.local", show_default=True, metavar="NAME"),
    _wish("--toleration-keys", "Taints to tolerate, separated by commas.", default="", metavar="KEYS"),
)
CREDENTIALS = flags.secret("--registry-creds", summary="What goes into --image-pull-secret, USER:PASSWORD.")
RESET = click.Option(
    [_FORGET], is_flag=True, help="Take no option over from the installation that is there: those that are named count."
)


def wishes_of(options: dict[str, Any]) -> dict[str, Any]:
    """Take what `WISHES` say out of a verb's options, and return what was named as `tailoring.Wishes` has it."""
    context = click.get_current_context()
    wishes = {str(each.name): options.pop(str(each.name)) for each in WISHES}
    keys = wishes["toleration_keys"].split(",")
    wishes["toleration_keys"] = tuple(key.strip() for key in keys if key.strip())
    return {
        name: value
        for name, value in wishes.items()
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }


def settled(asked: Asked, deployments: Iterable[Mapping[str, Any]], namespace: str) -> "Options":
    """Return the options for an installation whose Deployments are there, or none; say what is reused. Raises Failure.

    Those that are named count, then those of its last installation.
    """
    from deploy.installation import remembering  # noqa: PLC0415 - slow to load, and `migrate -f` needs it not
    from deploy.installation.tailoring import Wishes  # noqa: PLC0415

    there = list(deployments)
    usual = remembering.Options(wishes=Wishes(namespace=namespace))
    if asked.reset:
        return usual.but(asked.overlay, asked.wishes)
    try:
        earlier = remembering.recorded(there, namespace)
    except remembering.UnreadableRecord as error:
        output.fail(f"the options of the installation cannot be read: {error}: name them all, with {_FORGET}")
    if unknown := remembering.unrecorded(there):
        output.warning(
            f"{', '.join(unknown)} was applied by somebody else, and its options are not known: those named now count"
        )
    reused = {name: value for name, value in earlier.chosen.items() if not _names(asked, name)}
    if reused:
        output.action(f"reusing options of the installation: {remembering.typed(reused)} ({_FORGET} forgets them)")
    return earlier.but(asked.overlay, asked.wishes)


def _names(asked: Asked, name: str) -> bool:
    return asked.overlay is not None if name == "overlay" else name.replace("-", "_") in asked.wishes


def pull_secret(asked: Asked, options: "Options") -> dict[str, Any] | None:
    """Return the Secret that pulls the image; None where nobody says what opens the registry. Raises Failure."""
    if not asked.credentials:
        return None
    from image_automation.cli.verbs.create import credentials  # noqa: PLC0415 - as above

    wishes = options.wishes
    if not wishes.image_pull_secret:
        output.fail("--registry-creds requires --image-pull-secret to be set")
    if not wishes.registry:
        output.fail("--registry-creds requires --registry, which names the registry that they open")
    user, colon, password = asked.credentials.partition(":")
    if not (user and colon and password):
        output.fail("invalid --registry-creds format, expected 'user:password'")
    text = credentials.docker_config(wishes.registry.partition("/")[0], user, password)
    metadata = {"name": wishes.image_pull_secret, "namespace": wishes.namespace}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": credentials.DOCKER_TYPE,
        "stringData": {credentials.DOCKER_KEY: text},
    }
