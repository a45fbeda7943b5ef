"""`bootstrap`: the verb with its nouns."""

from image_automation.cli import flags
from image_automation.cli.verbs.bootstrap import git, hosted

bootstrap = flags.Group(
    "bootstrap",
    help="Let a cluster deploy what a repository holds, itself included; again it is the upgrade.",
    commands=[git.git, *map(hosted.command, (hosted.GITHUB, hosted.GITLAB, hosted.GITEA, hosted.BITBUCKET_SERVER))],
)
