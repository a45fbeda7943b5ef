"""`create image repository|policy|update`: what to scan, which tag to choose, where to commit it.

Answers to `flux2/cmd/flux/create_image_*.go`. Where flux lets two ways of choosing through and makes a policy that
chooses nothing, the two are refused.
"""

import re
from collections.abc import Sequence
from typing import Any

import click

from image_automation.cli import cluster as clusters
from image_automation.cli import flags, kinds, output
from image_automation.cli.verbs.create.recipe import Asked, Recipe, Spec, command, compact, go, reference

#: `$$`, `${name}`, `$name`, or a dollar that begins none of them.
_REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))?")
_REFLECTIONS = ("Never", "IfNotPresent", "Always")


def _closing(asked: Asked, obj: kinds.Json) -> Sequence[str]:
    del asked
    return (f"{obj['kind']} reconciliation completed",)


def _repository(asked: Asked) -> Spec:
    from gotk.oci import name  # noqa: PLC0415 - only needed when something is made

    if not asked["image"]:
        output.fail("an image repository (--image) is required")
    try:
        name.parse(asked["image"])
    except name.InvalidName as error:
        output.fail(f"unable to parse image value: {error}")
    return compact(
        image=asked["image"],
        interval=asked.interval,
        timeout=go(asked["scan_timeout"]),
        secretRef=reference(asked["secret_ref"]),
        certSecretRef=reference(asked["cert_ref"]),
    )


def _policy(asked: Asked) -> Spec:
    if not asked["image_ref"]:
        output.fail("the name of an ImageRepository in the namespace is required (--image-ref)")
    reflection, interval = asked["reflect_digest"], asked["interval"]
    if reflection and reflection not in _REFLECTIONS:
        output.fail("invalid value for --reflect-digest, must be one of 'Never', 'IfNotPresent', 'Always'")
    if interval and reflection != "Always":
        output.fail(
            "the --interval flag can only be used with the 'Always' digest reflection policy, use"
            " --reflect-digest=Always"
        )
    return compact(
        imageRepositoryRef={"name": asked["image_ref"]},
        policy=_choice(asked),
        filterTags=_filter(asked["filter_regex"], asked["filter_extract"]),
        digestReflectionPolicy=reflection,
        interval=go(interval),
    )


def _choice(asked: Asked) -> Spec:
    chosen = {way: asked[f"select_{way}"] for way in ("semver", "alpha", "numeric") if asked[f"select_{way}"]}
    if len(chosen) > 1:
        output.fail("only one of --select-semver, --select-alpha or --select-numeric can be specified")
    if not chosen:
        output.fail("a policy must be provided with either --select-semver, --select-alpha or --select-numeric")
    way, value = chosen.popitem()
    if way == "semver":
        return {"semver": {"range": _range(value)}}
    if value not in {"asc", "desc"}:
        output.fail(f'--select-{way} must be one of ["asc", "desc"]')
    return {"alphabetical" if way == "alpha" else "numerical": {"order": value}}


def _range(text: str) -> str:
    from gotk.semver import ranges  # noqa: PLC0415 - only needed when something is made

    try:
        ranges.Range.parse(text)
    except ValueError as error:
        output.fail(f"--select-semver is no range of versions: {error}")
    return text


def _filter(pattern: str, extract: str) -> Spec | None:
    if not pattern:
        if extract:
            output.fail("cannot specify --filter-extract without specifying --filter-regex")
        return None
    from gotk.goregexp import Regexp  # noqa: PLC0415 - heavy, and only needed here

    try:
        names = Regexp(pattern).names
    except ValueError as error:
        output.fail(f"--filter-regex is an invalid regex pattern: {error}")
    for escaped, braced, bare in _REFERENCE.findall(extract):
        group = braced or bare
        if not escaped and not group:
            output.fail("--filter-extract is malformed")
        if group and not group.isdigit() and group not in names:
            output.fail(f"capture group ${group} used in --filter-extract not found in --filter-regex")
    return compact(pattern=pattern, extract=extract)


def _update(asked: Asked) -> Spec:
    for flag, what in (
        ("git_repo_ref", "a reference to a GitRepository"),
        ("checkout_branch", "the Git repository branch"),
        ("author_name", "the author name"),
        ("author_email", "the author email"),
    ):
        if not asked[flag]:
            output.fail(f"{what} is required (--{flag.replace('_', '-')})")
    source = compact(kind="GitRepository", name=asked["git_repo_ref"], namespace=asked["git_repo_namespace"])
    path = asked["git_repo_path"]
    return compact(
        sourceRef=source,
        interval=asked.interval,
        git=compact(
            checkout={"ref": {"branch": asked["checkout_branch"]}},
            commit=compact(
                author={"name": asked["author_name"], "email": asked["author_email"]},
                messageTemplate=asked["commit_template"],
                signingKey=_signing_key(asked["signing_key_secret"], asked["signing_key_type"]),
            ),
            push=compact(branch=asked["push_branch"]),
        ),
        update={"path": path, "strategy": "Setters"} if path else None,
    )


def _signing_key(secret: str, type_: str) -> Spec | None:
    if type_ and not secret:
        output.fail("--signing-key-type requires --signing-key-secret")
    if type_ not in {"", "gpg", "ssh"}:
        output.fail("--signing-key-type must be one of: gpg, ssh")
    return compact(secretRef={"name": secret}, type=type_) if secret else None


def _duration(name: str, summary: str) -> click.Option:
    return click.Option([name], type=clusters.DurationType(), default="0s", help=summary)


repository = command(
    "repository",
    Recipe(kind=kinds.IMAGE_REPOSITORY, spec=_repository, closing=_closing),
    (
        flags.text("--image", summary="Image repository to scan, such as library/alpine.", metavar="IMAGE"),
        flags.text("--secret-ref", summary="Secret of type docker-registry with credentials."),
        flags.text("--cert-ref", "--cert-secret-ref", "cert_ref", summary="Secret with TLS certificates."),
        _duration("--scan-timeout", "How long a scan may take; the interval unless given."),
    ),
)
policy = command(
    "policy",
    Recipe(kind=kinds.IMAGE_POLICY, spec=_policy, closing=_closing),
    (
        flags.text("--image-ref", summary="ImageRepository whose tags are chosen from."),
        flags.text(
            "--select-semver",
            "--semver",
            "select_semver",
            summary="The highest version of a range, such as '1.x'.",
            metavar="RANGE",
        ),
        flags.text("--select-alpha", summary="The last by the alphabet (asc), or the first (desc).", metavar="ORDER"),
        flags.text("--select-numeric", summary="The greatest number (asc), or the smallest (desc).", metavar="ORDER"),
        flags.text("--filter-regex", summary="Which tags are candidates.", metavar="PATTERN"),
        flags.text("--filter-extract", summary="What of a tag is compared: '$group' of the pattern.", metavar="TEXT"),
        flags.text("--reflect-digest", summary="Never, IfNotPresent or Always.", metavar="WHEN"),
        _duration("--interval", "How often to look for a new digest, with --reflect-digest=Always."),
    ),
)
update = command(
    "update",
    Recipe(kind=kinds.IMAGE_UPDATE, spec=_update, closing=_closing),
    (
        flags.text("--git-repo-ref", summary="GitRepository to commit to."),
        flags.text("--git-repo-namespace", summary="Its namespace, where it is another."),
        flags.text("--git-repo-path", summary="Folder with the manifests; all of it unless given.", metavar="PATH"),
        flags.text("--checkout-branch", summary="Branch to check out.", metavar="BRANCH"),
        flags.text("--push-branch", summary="Branch to push to, where it is another.", metavar="BRANCH"),
        flags.text("--commit-template", summary="Template of the commit message.", metavar="TEMPLATE"),
        flags.text("--author-name", summary="Author of the commits."),
        flags.text("--author-email", summary="Their address.", metavar="ADDRESS"),
        flags.text("--signing-key-secret", summary="Secret with the key that signs commits."),
        flags.text("--signing-key-type", summary="gpg (unless given) or ssh.", metavar="TYPE"),
    ),
)


def group() -> click.Group:
    """Return the commands of `create image`."""
    made = flags.Group("image", help="Image repositories, policies and automations.")
    commands: dict[str, Any] = {"repository": repository, "policy": policy, "update": update}
    for word, each in commands.items():
        made.add_command(each, word)
    return made
