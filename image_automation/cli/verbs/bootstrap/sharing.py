"""Who else gets rights in the repository: teams at GitHub and Gitea, groups at GitLab and Bitbucket Server.

Answers to `--team` and `--group` of `flux bootstrap`: `NAME` or `NAME:PERMISSION` in GitHub's words. Rights that
somebody has are left alone unless `--reconcile` is said, and what the forge refuses is told and stops nothing.
"""

from collections.abc import Sequence

from gotk.forge.hosting import PERMISSIONS, Grant
from image_automation.cli import output
from image_automation.cli.verbs.bootstrap.forges import Forge, Home


def grants(named: Sequence[str], forge: Forge, *, anew: bool) -> list[Grant]:
    """Read who gets which rights. Raises Failure."""
    found = []
    for each in named:
        team, colon, permission = each.partition(":")
        if not team:
            output.fail(f"--{forge.teams}: '{each}' names nobody: write NAME or NAME:PERMISSION")
        if colon and permission not in PERMISSIONS:
            known = ", ".join(PERMISSIONS)
            output.fail(f'invalid permission "{permission}" for {forge.teams} "{team}": there are {known}')
        if colon and forge.teams_have_rights:
            output.warning(f"{team}: at {forge.name} a team has its own rights, so {permission} is not granted by this")
        found.append(Grant(team=team, permission=permission or forge.granted, anew=anew))
    return found


async def share(home: Home, wanted: Sequence[Grant], host: str, token: str) -> None:
    """Give everybody their rights, and say of each what became of it."""
    from image_automation.cli.verbs.bootstrap import asking  # noqa: PLC0415 - heavy imports wait

    if not wanted:
        return
    output.action("reconciling repository permissions")
    for grant in wanted:
        try:
            changed = await asking.ask(home.keep_access(grant), host, token)
        except output.Failure as error:
            output.failure(f'failed to grant "{grant.permission}" permissions to "{grant.team}": {error.message}')
            continue
        if changed:
            output.success(f'granted "{grant.permission}" permissions to "{grant.team}"')
    output.success("reconciled repository permissions")
