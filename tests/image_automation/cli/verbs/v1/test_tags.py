"""The tags of an image as the service explains them, drawn without a cluster."""

from image_automation.cli.verbs.v1 import tags
from image_automation.cli.verbs.v1.watched import Image
from image_automation.explanation import Explanation, TagVerdict

FOUND = Explanation(
    policy="flux-system/web",
    chosen="1.2.0",
    tags=(
        TagVerdict(tag="1.2.0", verdict="chosen", reason="Chosen", message=""),
        TagVerdict(tag="1.1.0", verdict="eligible", reason="Older", message=""),
        TagVerdict(tag="latest", verdict="refused", reason="NotAVersion", message=""),
    ),
)


def test_every_tag_stands_with_what_the_policy_makes_of_it() -> None:
    drawn = list(tags.rows("a:deployment/web", "web", Image.parse("nginx:1.1.0"), tags.explained(FOUND), 0))
    assert drawn == [
        ("a:deployment/web", "web", "nginx", ""),
        ("", "", "|   1.2.0", "chosen by flux-system/web"),
        ("", "", "'-> 1.1.0", "eligible"),
        ("", "", "    latest", "refused: NotAVersion"),
    ]


def test_a_digest_and_a_port_are_no_tag() -> None:
    pinned = Image.parse("localhost:5000/web:1.0@sha256:" + "0" * 64)
    assert (pinned.spelt, pinned.tag) == ("localhost:5000/web", "1.0")
    untagged = Image.parse("localhost:5000/web")
    assert (untagged.spelt, untagged.tag) == ("localhost:5000/web", "")
