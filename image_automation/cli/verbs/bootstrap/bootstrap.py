"""`bootstrap`: the verb with its nouns."""

from image_automation.cli import flags
from image_automation.cli.verbs.bootstrap import forges, git, hosted

bootstrap = flags.Group(
    "bootstrap",
    help="Let a cluster deploy what a repository holds, itself included; again it is the upgrade.",
    commands=[git.git, *map(hosted.command, forges.ALL)],
)
