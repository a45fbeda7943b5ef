"""The story of an image's tags and the policy that chooses among them, for `posted_events.play`."""

from gotk.oci import image
from tests.e2e.posted_events import Steps, Story

IMAGES = "image.toolkit.fluxcd.io/v1"
REPOSITORY = (IMAGES, "ImageRepository", "web")
POLICY = (IMAGES, "ImagePolicy", "web")


async def _push(story: Story, tag: str) -> None:
    await image.push_image(story.registry.url, "team/web", tag, image.build_image(files={"version": tag.encode()}))


async def begin(story: Story) -> None:
    await _push(story, "1.0.0")
    spec = {"image": f"{story.registry.address}/team/web", "interval": "1h", "insecure": True}
    await story.create(*REPOSITORY, spec, annotations={"event.toolkit.fluxcd.io/team": "web"})
    await story.ready(*REPOSITORY)
    await story.create(*POLICY, {"imageRepositoryRef": {"name": "web"}, "policy": {"semver": {"range": "1.x"}}})
    await story.ready(*POLICY)


async def again(story: Story) -> None:
    await story.patch(*REPOSITORY)
    await story.ready(*REPOSITORY)


async def newer(story: Story) -> None:
    await _push(story, "1.0.1")
    await story.patch(*REPOSITORY)
    await story.chosen(*POLICY, "1.0.1")


async def other(story: Story) -> None:
    await _push(story, "other")
    await story.patch(*REPOSITORY)
    await story.ready(*REPOSITORY)


async def no_match(story: Story) -> None:
    await story.patch(*POLICY, policy={"semver": {"range": "2.x"}})
    await story.ready(*POLICY, status="False")


async def match(story: Story) -> None:
    await story.patch(*POLICY, policy={"semver": {"range": "1.x"}})
    await story.ready(*POLICY)


async def bad_range(story: Story) -> None:
    await story.patch(*POLICY, policy={"semver": {"range": "*-*"}})
    await story.ready(*POLICY, status="False")


async def no_secret(story: Story) -> None:
    await story.patch(*REPOSITORY, secretRef={"name": "nobody"})
    await story.ready(*REPOSITORY, status="False")


async def secret_gone(story: Story) -> None:
    await story.patch(*REPOSITORY, secretRef=None)
    await story.ready(*REPOSITORY)


async def bad_name(story: Story) -> None:
    await story.patch(*REPOSITORY, image="https://registry.example/web")
    await story.ready(*REPOSITORY, status="False")


STEPS: Steps = {
    "an image and a policy": begin,
    "another scan without a change": again,
    "a newer tag": newer,
    "a tag that the policy does not choose": other,
    "a policy that no tag meets": no_match,
    "a policy that a tag meets again": match,
    "a policy that is wrong": bad_range,
    "the policy is right again": match,
    "a secret that is not there": no_secret,
    "no secret any more": secret_gone,
    "a name that is none": bad_name,
}
