"""The root command: which verbs there are, loaded only when called, so that start-up stays short."""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from image_automation.cli import cluster, flags, output

_COMPLETE = "_IMAGE_AUTOMATION_COMPLETE"
#: Verb -> (module, attribute, one line of help); a module is imported when its verb is called.
VERBS: Mapping[str, tuple[str, str, str]] = {
    "allow": (
        "image_automation.cli.verbs.steering.decide",
        "allow",
        "Let a version past freezes, windows and the minimum age.",
    ),
    "apply": ("image_automation.cli.verbs.apply", "apply", "Carry out a plan."),
    "approve": ("image_automation.cli.verbs.steering.decide", "approve", "Approve a version."),
    "audit": ("image_automation.cli.verbs.look.audit", "audit", "Print who let which version through, or stopped it."),
    "bootstrap": (
        "image_automation.cli.verbs.bootstrap.bootstrap",
        "bootstrap",
        "Let a cluster deploy what a repository holds.",
    ),
    "build": (
        "image_automation.cli.verbs.manifests.build",
        "build",
        "Build what a Kustomization would apply, or an artifact.",
    ),
    "check": ("image_automation.cli.verbs.check", "check", "Check this machine, the cluster, and what is installed."),
    "completion": ("image_automation.cli.verbs.completion", "completion", "Print the completion script of a shell."),
    "control-plane": (
        "image_automation.cli.verbs.control_plane",
        "control_plane",
        "Run the embedded control plane alone.",
    ),
    "create": ("image_automation.cli.verbs.create.create", "create", "Create or update objects, or print them."),
    "dashboard": ("image_automation.cli.verbs.dashboard", "dashboard", "Print a link into the dashboard."),
    "debug": (
        "image_automation.cli.verbs.look.debug",
        "debug",
        "Look into an object: its status, what it is made of.",
    ),
    "delete": ("image_automation.cli.verbs.objects.delete", "delete", "Delete an object."),
    "demo": ("image_automation.cli.verbs.demo", "demo", "Watch an image tag travel from a registry to a Deployment."),
    "diff": ("image_automation.cli.verbs.manifests.diff", "diff", "Compare a folder with an artifact or a cluster."),
    "envsubst": (
        "image_automation.cli.verbs.manifests.envsubst",
        "envsubst",
        "Replace variables in standard input by those of the environment.",
    ),
    "events": ("image_automation.cli.verbs.look.events", "events", "Print what happened to objects."),
    "explain": ("image_automation.cli.verbs.explain", "explain", "Say why a policy chose its tag, and not another."),
    "export": ("image_automation.cli.verbs.objects.export", "export", "Print objects as YAML for a repository."),
    "freeze": ("image_automation.cli.verbs.steering.freeze", "freeze", "Let automations write nothing for a while."),
    "get": ("image_automation.cli.verbs.objects.get", "get", "Print objects and their state."),
    "import": (
        "image_automation.cli.verbs.adopting.importing",
        "import_",
        "Take over from another updater.",
    ),
    "init": (
        "image_automation.cli.verbs.adopting.init",
        "init",
        "Propose what automates the images of a checkout.",
    ),
    "install": ("image_automation.cli.verbs.install", "install", "Install the service on a cluster, or upgrade it."),
    "list": ("image_automation.cli.verbs.artifact.listing", "list_", "List the artifacts of a repository."),
    "logs": ("image_automation.cli.verbs.look.logs", "logs", "Print what the service logged of its objects."),
    "migrate": (
        "image_automation.cli.verbs.manifests.migrate",
        "migrate",
        "Move a cluster from Flux to here or back, or replace old API versions.",
    ),
    "once": ("image_automation.cli.verbs.once", "once", "Scan, choose, commit and push once, for a CI job."),
    "pin": ("image_automation.cli.verbs.steering.pin", "pin", "Let a policy choose one tag and no other."),
    "plan": ("image_automation.cli.verbs.plan", "plan", "Show what would change in a checkout."),
    "policy": ("image_automation.cli.verbs.policy", "policy", "Try policies on lists of tags, without a cluster."),
    "pull": ("image_automation.cli.verbs.artifact.pull", "pull", "Pull an artifact from a registry into a folder."),
    "push": ("image_automation.cli.verbs.artifact.push", "push", "Push a folder to a registry, as an artifact."),
    "reconcile": (
        "image_automation.cli.verbs.objects.reconcile",
        "reconcile",
        "Reconcile an object now and wait for it.",
    ),
    "reject": ("image_automation.cli.verbs.steering.decide", "reject", "Reject a version."),
    "resume": ("image_automation.cli.verbs.objects.suspend", "resume", "Resume suspended objects."),
    "rollback": (
        "image_automation.cli.verbs.steering.rollback",
        "rollback",
        "Roll back what an automation wrote, and hold it.",
    ),
    "run": ("image_automation.cli.verbs.run", "run", "Run the service."),
    "stats": ("image_automation.cli.verbs.look.stats", "stats", "Print how many objects run, fail and are suspended."),
    "suspend": ("image_automation.cli.verbs.objects.suspend", "suspend", "Suspend objects."),
    "trace": ("image_automation.cli.verbs.look.trace", "trace", "Print who applied an object, and from which source."),
    "tree": ("image_automation.cli.verbs.look.tree", "tree", "Print what an object has made, as a tree."),
    "tag": ("image_automation.cli.verbs.artifact.tag", "tag", "Give an artifact of a registry more tags."),
    "trigger": ("image_automation.cli.verbs.trigger", "trigger", "Call a receiver as its sender would."),
    "unfreeze": ("image_automation.cli.verbs.steering.freeze", "unfreeze", "Let frozen automations write again."),
    "unhold": ("image_automation.cli.verbs.unhold", "unhold", "Let updates through that are held back."),
    "uninstall": (
        "image_automation.cli.verbs.uninstall",
        "uninstall",
        "Take the service off a cluster; what users made stays.",
    ),
    "unpin": ("image_automation.cli.verbs.steering.pin", "unpin", "Let a pinned policy choose again."),
    "update": (
        "image_automation.cli.verbs.update",
        "update",
        "Rewrite the marked images of a folder, without a cluster.",
    ),
    "v1": ("image_automation.cli.verbs.v1.v1", "v1", "Verbs of fluxctl, for who follows an article about Flux v1."),
    "version": (
        "image_automation.cli.verbs.version",
        "version",
        "Print the versions of this program, and of what is installed.",
    ),
}

#: Verbs of flux that are not here, and what to do instead.
_ABSENT: Mapping[str, str] = {"plugin": "call the program itself; nothing is added to this one"}


class LazyGroup(flags.Group):
    """A group that knows its verbs' names and help, and imports a verb when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs, in order."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb."""
        del ctx
        if cmd_name not in VERBS:
            return None
        module, attribute, _ = VERBS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        _spread(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb. Raises UsageError where it takes no option that was given before it, or is not here."""
        if args and args[0] in _ABSENT and not ctx.resilient_parsing:
            raise click.UsageError(f"flux's '{args[0]}' is not here: {_ABSENT[args[0]]}", ctx)
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and not ctx.resilient_parsing:
            for option in cluster.elsewhere(ctx):
                if option not in _taken(_follow(command, rest)):
                    raise click.UsageError(f"'{name}' takes no option '--{option}'.", ctx)
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in VERBS.items()])


def _follow(command: click.Command, words: Sequence[str]) -> click.Command:
    """Return the command below a group that the words lead to, as far as they do."""
    for word in words:
        if isinstance(command, click.Group) and word in command.commands:
            command = command.commands[word]
    return command


def _taken(command: click.Command) -> set[str]:
    """Return the options of a cluster that a command takes, or one below it."""
    taken = {str(each.name) for each in command.params if isinstance(each, cluster.Anywhere)}
    below = command.commands.values() if isinstance(command, click.Group) else ()
    return taken.union(*map(_taken, below))


def _spread(command: click.Command) -> None:
    """Let a group's words stand behind the options of a cluster that its commands take: `get -n apps all`."""
    if not isinstance(command, click.Group):
        return
    taken = _taken(command) - {str(each.name) for each in command.params}
    for option in cluster.parameters():
        if option.name in taken and isinstance(option, cluster.Anywhere):
            option.hidden, option.expose_value = True, False
            command.params.append(option)
    for each in command.commands.values():
        _spread(each)


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from image_automation.cli.verbs import version  # noqa: PLC0415 - only here

        output.text(f"image-automation version {version.program().removeprefix('v')}")
        context.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    params=[
        *cluster.parameters(),
        click.Option(
            ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=_print_version,
            help="Print the version of this program.",
        ),
    ],
)  # fmt: skip
def root(**_: Any) -> None:
    """Image update automation for GitOps: from a pushed image tag to a commit to the cluster.

    The options of a cluster may stand here or behind the verb.
    """


def _worded(error: click.UsageError) -> str:
    """Word an error of use; where flux has the option, say what to do instead."""
    said = error.format_message()
    if isinstance(error, click.NoSuchOption):
        from image_automation.cli import advice  # noqa: PLC0415 - only here

        instead = advice.instead_of(error.option_name)
        return f"No such option '{error.option_name}': {instead}" if instead else said
    return said


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. Errors of use are one line behind `✗` and exit with 1."""
    if os.environ.get(_COMPLETE, "").startswith("powershell"):
        from image_automation.cli import powershell  # noqa: PLC0415 - only there

        powershell.register()
    try:
        result = root.main(
            args=list(arguments) if arguments is not None else None, prog_name="image-automation", standalone_mode=False
        )
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.UsageError as error:
        output.failure(_worded(error))
        if error.ctx is not None:
            click.echo(f"Run '{error.ctx.command_path} --help' to see what it takes.", err=True)
        return 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    return result if isinstance(result, int) else 0
