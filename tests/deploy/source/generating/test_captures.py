import pytest

from deploy.source.generating import captures
from deploy.source.generating.captures import Unexpandable
from gotk.api.source_extensions import CopyOperation, OutputArtifact

BELOW = ["Auth", "Auth/envs", "Auth/envs/prod", "web", "web/envs", "web/envs/dev"]
FOLDERS = ["apps", *(f"apps/{each}" for each in BELOW)]


def template(name: str = "{app}-{env}", source: str = "@repo/apps/{app}/envs/{env}/**") -> OutputArtifact:
    return OutputArtifact(name=name, copy=(CopyOperation(from_=source, to="@artifact/{app}/"),))


def test_each_folder_gives_an_artifact_with_names_in_lower_case_and_paths_as_they_are() -> None:
    made = captures.expand("apps/{app}/envs/{env}", [template()], FOLDERS)
    assert [(each.artifact.name, dict(each.labels)) for each in made] == [
        ("auth-prod", {"app": "auth", "env": "prod"}),
        ("web-dev", {"app": "web", "env": "dev"}),
    ]
    assert made[0].artifact.copy[0].from_ == "@repo/apps/Auth/envs/prod/**"
    assert made[0].artifact.copy[0].to == "@artifact/Auth/"


@pytest.mark.parametrize(
    ("pattern", "artifact", "folders", "complaint"),
    [
        ("apps/{app", template("x"), FOLDERS, "invalid capture starting at offset 5: missing closing brace"),
        ("apps/app}", template("x"), FOLDERS, "invalid capture ending at offset 8: missing opening brace"),
        ("apps/{}", template("x"), FOLDERS, "empty capture variable"),
        ("apps/{1a}", template("x"), FOLDERS, 'capture variable "1a" must be a valid capture name'),
        ("{a}/{a}", template("x"), FOLDERS, 'duplicate capture variable "a"'),
        ("apps/{app}", template("{app}"), FOLDERS, 'capture variable "env" is not defined by pathPattern'),
        ("apps/{app}", template("same", "@repo/"), ["apps/a", "apps/b"], 'both resolve to artifact name "same"'),
        ("apps/{app}", template("{app}", "@repo/"), ["apps/.hidden"], 'captured value ".hidden" for variable "app"'),
        ("apps/{app}", template("{app}", "@repo/"), ["apps/a_b"], "is not a valid Kubernetes object name"),
    ],
)
def test_what_cannot_be_expanded_is_named(
    pattern: str, artifact: OutputArtifact, folders: list[str], complaint: str
) -> None:
    with pytest.raises(Unexpandable) as raised:
        captures.expand(pattern, [artifact], folders)
    assert complaint in str(raised.value)


def test_folders_without_end_are_bounded() -> None:
    folders = [f"apps/a{number}" for number in range(captures.MOST + 1)]
    with pytest.raises(Unexpandable, match="more than 1000 artifacts"):
        captures.expand("apps/{app}", [template("{app}", "@repo/")], folders)
