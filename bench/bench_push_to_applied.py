"""How long from a pushed tag to the applied Deployment, on the embedded defaults, and where the time goes.

Everything runs in this process on two cores: registry, Git server over HTTP, control plane, service; images are scanned
every second, so half a second of the way is, on average, waiting for the next scan. The limit measured beside it is
what no implementation can leave out: one Git push and one kustomize build of the same repository. Each push comes when
the one before has been found healthy: a revision waits until the one before it has rolled out.
"""

import asyncio
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import pygit2

from deploy.kustomize.building.build import find_command
from gotk.runtime import logging
from image_automation.app.demo import playground, scenario, timeline
from image_automation.app.demo.view import Plain

RUNS = 20
TARGET_SECONDS = 2.0


class Silent(Plain):
    """Says nothing while the clock runs."""

    def step(self, text: str) -> None:
        """Keep quiet."""

    def begin(self, title: str, stages: object) -> None:
        """Keep quiet."""

    def reached(self, reached: timeline.Reached, diff: str) -> None:
        """Keep quiet."""


def limit(ground: playground.Playground, work: Path) -> tuple[float, float]:
    """Measure one push over the same HTTP server and one build with the same program; seconds each, medians of five."""
    clone = work / "clone"
    credentials = pygit2.UserPass("demo", ground.variables["password"])
    callbacks = pygit2.RemoteCallbacks(credentials=credentials)
    repository = pygit2.clone_repository(ground.git.url("apps.git"), str(clone), callbacks=callbacks)
    pushes, builds = [], []
    for index in range(5):
        (clone / "note.txt").write_text(str(index))
        repository.index.add("note.txt")
        who = pygit2.Signature("bench", "bench@example.com")
        began = time.perf_counter()
        repository.create_commit("HEAD", who, who, "note", repository.index.write_tree(), [repository.head.target])
        repository.remotes["origin"].push([f"HEAD:refs/heads/bench-{index}"], callbacks=callbacks)
        pushes.append(time.perf_counter() - began)
        began = time.perf_counter()
        subprocess.run([*find_command(), str(clone / "apps")], check=True, capture_output=True)
        builds.append(time.perf_counter() - began)
    return statistics.median(pushes), statistics.median(builds)


async def main() -> None:
    """Run and print."""
    logging.configure(level="error", encoding="console")
    with tempfile.TemporaryDirectory() as name:
        async with playground.open_playground(Path(name)) as ground:
            await scenario.prepare(ground, Silent())
            tracks = []
            for index in range(RUNS):
                tracks.append(await scenario.travel(ground, Silent(), f"1.1.{index}"))
                await scenario.settle(ground, f"1.1.{index}")
            push, build = limit(ground, Path(name))
    print(f"push to applied, {RUNS} runs, seconds\n")
    print(f"{'stage':<12}{'median at':>12}{'median of it':>14}{'slowest':>10}")
    for index, stage in enumerate(timeline.MANIFESTS):
        at = [track.reached[index].seconds for track in tracks]
        part = [
            each - (track.reached[index - 1].seconds if index else 0.0) for each, track in zip(at, tracks, strict=True)
        ]
        print(f"{stage.name:<12}{statistics.median(at):>12.3f}{statistics.median(part):>14.3f}{max(part):>10.3f}")
    total = statistics.median(track.reached[-1].seconds for track in tracks)
    scan = statistics.median(track.reached[0].seconds for track in tracks)
    print(f"\nmedian {total:.3f} s, target {TARGET_SECONDS} s: {total / TARGET_SECONDS:.2f} of it")
    after, floor = total - scan, push + build
    print(f"after the scan {after:.3f} s: {after / floor:.2f} x push and build ({push:.3f} + {build:.3f} s)")


if __name__ == "__main__":
    asyncio.run(main())
