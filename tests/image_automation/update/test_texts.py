"""Which text files are opted in, and what is said of patterns that make no sense."""

import pytest

from image_automation.update import texts


@pytest.mark.parametrize(
    ("given", "path", "kind"),
    [
        pytest.param("Dockerfile", "Dockerfile", "a Dockerfile", id="a name at the root"),
        pytest.param("Dockerfile", "a/b/Dockerfile", "a Dockerfile", id="a name in any folder"),
        pytest.param("/Dockerfile", "a/Dockerfile", None, id="a leading slash means the root"),
        pytest.param("./Dockerfile *.tf", "infra/main.tf", "an HCL file", id="blanks between"),
        pytest.param("x,\n  deploy/*.sh", "deploy/run.sh", "a shell script", id="commas and line breaks between"),
        pytest.param("deploy/*.sh", "a/deploy/run.sh", None, id="a path begins at the folder"),
        pytest.param("**", "images.txt", "a text file", id="everything"),
        pytest.param("**", "apps/web.yaml", None, id="YAML is read as YAML"),
        pytest.param("", "Dockerfile", None, id="nothing is opted in"),
    ],
)
def test_patterns_opt_files_in(given: str, path: str, kind: str | None):
    found = texts.read(given).kind(path)
    assert (found.title if found else None) == kind


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Containerfile", "a Dockerfile"),
        ("dockerfile.prod", "a Dockerfile"),
        ("web.Dockerfile", "a Dockerfile"),
        (".env", "an .env file"),
        (".env.local", "an .env file"),
        ("prod.env", "an .env file"),
        ("GNUmakefile", "a Makefile"),
        ("rules.mk", "a Makefile"),
        ("web.container", "a systemd unit"),
        ("docker-bake.hcl", "an HCL file"),
        ("main.k", "a KCL file"),
        ("values.cue", "a CUE file"),
        ("pyproject.toml", "a TOML file"),
        ("devcontainer.json", "a JSON file with comments"),
        ("schema.sql", "a file whose comments begin with `--`"),
        ("app.properties", "a properties file"),
        ("README", "a text file"),
        ("env", "a text file"),
    ],
)
def test_a_name_says_what_a_file_is(name: str, title: str):
    found = texts.of(["**"]).kind(f"some/folder/{name}")
    assert found is not None
    assert found.title == title


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("!a", "'!a' begins with `!`: name the files to look into, none to leave out"),
        ("../a", "'../a' names no file below update.path: write one such as `docker/*.env`"),
        ("a//b", "'a//b' names no file below update.path: write one such as `docker/*.env`"),
        ("/", "'/' names no file below update.path: write one such as `docker/*.env`"),
        (" ".join(map(str, range(65))), "65 patterns are more than 64: write fewer or wider ones"),
        ("a" * 4097, "4097 characters are more than 4096: write fewer or wider patterns"),
    ],
)
def test_patterns_that_make_no_sense_are_refused(given: str, message: str):
    with pytest.raises(texts.InvalidPatterns) as refused:
        texts.read(given)
    assert str(refused.value) == message
