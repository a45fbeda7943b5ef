"""The rewriter beside its limit, reading the bytes, and beside its peer, ruamel.yaml's round trip.

Prints, for a folder of 10,000 files with 500 markers, the run beside a raw scan of the same files for the marker's
bytes; and for a file of 5 MB with 121 markers the edit beside ruamel's load and dump, which is measured on a sample and
scaled to the size, because it takes most of a minute.
"""

import io
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ruamel.yaml import YAML

from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from image_automation.update import marker, rewrite
from image_automation.writing import folder, tree

FILES, MARKED, BIG, BIG_MARKED, SAMPLE = 10_000, 500, 5_000_000, 121, 60
DOCUMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-{n}
  namespace: team-{n}
  labels: {{app.kubernetes.io/name: app-{n}}}
spec:
  replicas: 3
  template:
    spec:
      containers:
        - name: app
          image: registry.example.com/team/app-{n}:1.0.{n}{mark}
          env:
            - name: LISTEN
              value: "0.0.0.0:8080"
{filler}"""
FILLER = "".join(f"            - name: VARIABLE_{n}\n              value: 'the value number {n}'\n" for n in range(24))
BOT = Person("Bench", "bench@example.com")
MARK = '  # {"$imagepolicy": "flux-system:app"}'


def document(n: int, *, marked: bool) -> str:
    """Return a Deployment of about two kilobytes."""
    return DOCUMENT.format(n=n, mark=MARK if marked else "", filler=FILLER)


def best(repetitions: int, work: Callable[[], object]) -> float:
    """Return the least seconds of some repetitions."""
    seconds = []
    for _ in range(repetitions):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def scan(root: Path) -> int:
    """Read every file and look for the marker."""
    return sum(marker.NEEDLE in path.read_bytes() for path in folder.files(root))


def setters(version: str) -> dict[str, str]:
    """Return the value of the one policy."""
    return {"flux-system:app": f"registry.example.com/team/app:{version}"}


def a_folder() -> None:
    """Measure a folder."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for n in range(FILES):
            path = root / f"d{n // 100}" / f"f{n}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(document(n, marked=n % (FILES // MARKED) == 0))
        limit = best(3, lambda: scan(root))
        ours = best(3, lambda: list(folder.rewritten(root, setters("2.0"))))
        for found in folder.rewritten(root, setters("2.0")):
            assert found.result.content is not None
            folder.replace(found.path, found.result.content)
        again = best(3, lambda: list(folder.rewritten(root, setters("2.0"))))
    print(f"{FILES} files, {MARKED} markers: raw scan {limit * 1e3:7.0f} ms")
    print(f"  every marker changes        rewrite  {ours * 1e3:7.0f} ms  {ours / limit:5.2f} x the scan (target <= 3)")
    print(f"  nothing changes             rewrite  {again * 1e3:7.0f} ms  {again / limit:5.2f} x the scan")


def a_repository() -> None:
    """Measure the same files in the object database of a mirror, without a work tree."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        files = {f"d{n // 100}/f{n}.yaml": document(n, marked=n % (FILES // MARKED) == 0) for n in range(FILES)}
        seed(root / "remote.git", files)
        mirror = Mirrors(root / "mirrors").open(f"file://{root / 'remote.git'}")
        commit, known = mirror.fetch("refs/heads/main"), tree.Known(root / "marks.db")
        blobs = [entry.blob_id for entry in mirror.files(commit)]
        limit = best(
            3, lambda: sum(marker.NEEDLE in data for _, data in mirror.read_each(blobs, limit=1 << 20) if data)
        )
        first = best(1, lambda: tree.apply(mirror, commit, "", setters("2.0"), known))
        edits = tree.apply(mirror, commit, "", setters("2.0"), known).edits
        updated = mirror.commit(commit, edits, BOT, "update", datetime.now(UTC))
        tree.apply(mirror, updated, "", setters("2.0"), known)
        again = best(3, lambda: tree.apply(mirror, updated, "", setters("2.0"), known))
        restarted = best(1, lambda: tree.apply(mirror, updated, "", setters("2.0"), tree.Known(root / "marks.db")))
        one = {"d5/f500.yaml": document(7, marked=True).encode()}
        changed = mirror.commit(updated, one, BOT, "one", datetime.now(UTC))
        single = best(1, lambda: tree.apply(mirror, changed, "", setters("2.0"), known))
    print(f"the same {FILES} files in a bare mirror: raw scan {limit * 1e3:7.0f} ms")
    print(
        f"  first run, every marker changes      {first * 1e3:7.0f} ms  {first / limit:5.2f} x the scan (target <= 2)"
    )
    print(f"  after a restart, nothing changes     {restarted * 1e3:7.1f} ms, no file is read")
    print(f"  nothing changes                      {again * 1e3:7.1f} ms")
    print(f"  one file is new                      {single * 1e3:7.1f} ms  (target <= 10)")


def a_big_file() -> None:
    """Measure one big file."""
    count = BIG // len(document(0, marked=False))
    every = count // BIG_MARKED
    documents = [document(n, marked=n % every == 0 and n // every < BIG_MARKED) for n in range(count)]
    data = "---\n".join(documents).encode()
    ours = best(3, lambda: rewrite.rewrite("big.yaml", data, setters("2.0")))
    sample = "---\n".join(documents[:SAMPLE])

    def round_trip() -> None:
        yaml = YAML()
        yaml.preserve_quotes = True
        yaml.dump_all(list(yaml.load_all(sample)), io.StringIO())

    peer = best(1, round_trip) * len(data) / len(sample)
    print(f"one file of {len(data) / 1e6:.1f} MB, {BIG_MARKED} markers in {count} documents")
    print(f"  rewrite                              {ours * 1e3:7.0f} ms  (target <= 100)")
    print(f"  ruamel round trip, scaled sample     {peer * 1e3:7.0f} ms  {peer / ours:5.0f} x ours")


if __name__ == "__main__":
    a_folder()
    a_repository()
    a_big_file()
