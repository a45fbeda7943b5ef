"""What kustomize gets to see of a source: written anew from what was checked, or a manifest as it is; nothing else.

Every file that decides what is read (kustomizations, plugins' configurations, the files that configure kustomize) is
read once, here. Its fields are taken apart by `shapes`, its names by `references`, and what comes out is a plan: texts
to write, files to lay beside them. kustomize sees no byte of such a file that did not pass through this, so how it
would have read the original does not matter. Answers to the walk of kustomize's `KustTarget`.
"""

import itertools
import posixpath
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from deploy.kustomize.building import canonical, encrypted, references, shapes
from deploy.kustomize.building.bases import address, remote
from deploy.kustomize.building.bases.fetching import NoRemoteBases
from deploy.kustomize.building.bases.remote import Allows, Remote
from deploy.kustomize.building.canonical import Value
from deploy.kustomize.building.references import ForbiddenReference, Reference
from deploy.kustomize.building.shapes import Role
from deploy.kustomize.building.source import Source, TooLarge
from deploy.kustomize.decryption.formats import Format

_MOST_DIRECTORIES = 1000
_USED_AS_IT_IS = frozenset({Role.DATA, Role.KEYED, Role.PATCH})


@dataclass(frozen=True, slots=True)
class Plan:
    """A tree: texts by their path, and paths whose files are those of the source at another or the same path.

    `decryptable` are the files of the source that may be encrypted, and the format that their names say. `missing` are
    remote bases that have to be fetched before the plan is made anew.
    """

    directories: frozenset[str]
    texts: Mapping[str, str]
    files: Mapping[str, str]
    decryptable: Mapping[str, Format] = field(default_factory=dict)
    missing: frozenset[Remote] = frozenset()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a field stands, and the directory from which kustomize follows what it names."""

    file: str
    base: str
    field: str = ""

    def inner(self, name: str) -> "_Place":
        """Return the place of a field in this one."""
        return _Place(self.file, self.base, f"{self.field}.{name}" if self.field else name)

    def __str__(self) -> str:
        return f"{self.file}: {self.field}" if self.field else self.file


@dataclass(frozen=True, slots=True)
class _Inline:
    """Objects in place of a name. The text has no slash: what does not read as objects is tried as a path."""

    objects: list[Value]

    def text(self) -> str:
        """Return the objects as text."""
        return canonical.write_documents(self.objects or [{}]).replace("/", "\\u002f")


@dataclass(slots=True)
class _Config:
    """A file that is written anew: what was read of it, once for every way in which it is used."""

    use: str
    readings: list[list[Value]] = field(default_factory=list)
    prefix: str = ""


def make(
    source: Source, directory: str, file_name: str, content: dict[str, Value], *, allows: Allows | None = None
) -> Plan:
    """Plan the tree for the kustomization of a directory of the source, which may name remote bases that are allowed.

    Raises ForbiddenReference for what must not be named, and canonical.Unreadable for what cannot be read.
    """
    walk = _Walk(source, allows or NoRemoteBases())
    walk.start(directory, file_name, content)
    return walk.plan()


class _Walk:
    """One way through a source: what was found, and the directories that are still to be visited."""

    def __init__(self, source: Source, allows: Allows) -> None:
        self._source = source
        self._allows = allows
        self._missing: set[Remote] = set()
        self._budget = canonical.Budget()
        self._waiting: deque[str] = deque()
        self._directories: set[str] = set()
        self._configs: dict[str, _Config] = {}
        self._as_they_are: set[str] = set()
        self._uses: list[Reference] = []
        self._decryptable: dict[str, Format] = {}

    def start(self, directory: str, file_name: str, content: dict[str, Value]) -> None:
        """Take the kustomization to build, and everything that it leads to."""
        self._directories.add(directory)
        path = posixpath.normpath(posixpath.join(directory, file_name))
        self._check_alone(directory, [name for name in self._kustomizations(directory) if name != path] + [path])
        self._kustomization(path, directory, content)
        while self._waiting:
            self._visit(self._waiting.popleft())

    def plan(self) -> Plan:
        """Return the plan, once everything was visited."""
        files = {path: path for path in self._as_they_are if not self._is_written_anew(path)}
        taken = files.keys() | self._configs.keys() | self._directories
        beside: dict[tuple[str, str], str] = {}
        numbers = itertools.count()
        for use in self._uses:
            if self._is_written_anew(use.target):
                if (use.base, use.target) not in beside:
                    beside[use.base, use.target] = next(
                        path for path in _paths_beside(use, numbers) if path not in taken
                    )
                use.move(beside[use.base, use.target])
        files |= {path: target for (_, target), path in beside.items()}
        texts = {path: _rendered(path, config) for path, config in self._configs.items()}
        return Plan(frozenset(self._directories), texts, files, self._decryptable, frozenset(self._missing))

    def _is_written_anew(self, path: str) -> bool:
        """Tell whether a file's bytes must not lie at its own place: who visits the directory would read them."""
        return path in self._configs or posixpath.basename(path) in references.FILE_NAMES

    def _visit(self, directory: str) -> None:
        found = self._kustomizations(directory)
        self._check_alone(directory, found)
        for path in found:
            values = self._read(path)
            if values and not isinstance(values[0], dict):
                raise ForbiddenReference(f"{path}: not a mapping")
            self._kustomization(path, directory, values[0] if values else {})

    def _kustomizations(self, directory: str) -> list[str]:
        paths = (posixpath.normpath(posixpath.join(directory, name)) for name in references.FILE_NAMES)
        return [path for path in paths if self._source.kind(path) == "file"]

    def _check_alone(self, directory: str, found: list[str]) -> None:
        if len(found) > 1:
            listed = ", ".join(found)
            raise ForbiddenReference(f"Found multiple kustomization files under: {directory}, keep one of {listed}")

    def _kustomization(self, path: str, directory: str, content: Value) -> None:
        reading = self._shaped(_Place(path, directory), shapes.KUSTOMIZATION, content)
        self._put(path, "a kustomization", [reading])
        if remote.tree_of(directory):
            return  # nobody encrypts for us in somebody else's repository
        for target, kind in encrypted.candidates(reading):
            self._decryptable.setdefault(target, kind)

    def _put(self, path: str, use: str, reading: list[Value], prefix: str = "") -> None:
        config = self._configs.setdefault(path, _Config(use, prefix=prefix))
        if config.use != use:
            raise ForbiddenReference(f"{path}: used as {config.use} and as {use}, give each use a file of its own")
        config.readings.append(reading)

    def _read(self, path: str) -> list[Value]:
        try:
            return canonical.read(self._source.read(path), self._budget)
        except (canonical.Unreadable, TooLarge) as error:
            raise ForbiddenReference(f"{path}: {error}") from None

    def _shaped(self, place: _Place, shape: shapes.Shape, value: Value) -> Value:
        """Return a value in its shape, its names read. Raises ForbiddenReference."""
        if canonical.is_null(value) or isinstance(shape, shapes.Free):
            return value
        match shape:
            case shapes.Forbidden(reason):
                if value not in ({}, []):
                    raise ForbiddenReference(f"{place}: {reason}")
                return value
            case shapes.Fields():
                return self._fields(place, shape, value)
            case shapes.ListOf(item):
                if not isinstance(value, list):
                    raise ForbiddenReference(f"{place}: not a list")
                return [self._shaped(place, item, inner) for inner in value]
            case shapes.Name(role):
                return self._name(place, role, _text(place, value))

    def _fields(self, place: _Place, shape: shapes.Fields, value: Value) -> Value:
        if not isinstance(value, dict):
            raise ForbiddenReference(f"{place}: not a mapping")
        try:
            known = shapes.known_as(value, shape)
        except shapes.ShapeError as error:
            raise ForbiddenReference(f"{place}: {error}") from None
        return {name: self._shaped(place.inner(name), shape.known[name], value[given]) for given, name in known.items()}

    def _name(self, place: _Place, role: Role, entry: str) -> Value:
        if role in {Role.PATCH, Role.PLUGIN} and references.is_inline(entry):
            return self._inline(place, role, entry)
        if not entry and role in {Role.DATA, Role.CONFIGURATION}:
            return entry  # as good as left out
        if role in {Role.RESOURCE, Role.COMPONENT} and references.is_remote(entry):
            found = self._remote(place, role, entry)
            if found is None:
                return entry  # this plan is not used
            reference = found
        else:
            reference = references.local(str(place), role, place.base, entry)
        kind = self._source.kind(reference.target)
        if kind == "none":
            raise ForbiddenReference(
                f"{place}: '{entry[:200]}' is not in the source, check how it is spelled and that it is committed"
            )
        if kind == "directory":
            self._directory(place, reference, entry)
        elif posixpath.basename(reference.target) in references.FILE_NAMES and role not in _USED_AS_IT_IS:
            self._file_of_directory(place, reference, entry)
        else:
            self._file(place, reference)
        return reference

    def _remote(self, place: _Place, role: Role, entry: str) -> Reference | None:
        """Return the name under which a remote base lies here, None where it has to be fetched first."""
        told = references.shown(entry)
        try:
            wanted = address.parse(entry)
        except address.BadAddress as error:
            raise ForbiddenReference(f"{place}: '{told}' is remote and {error}") from None
        if refused := self._allows.refusal(wanted):
            raise ForbiddenReference(f"{place}: '{told}' {refused}")
        if self._source.kind(wanted.place) == "none":
            self._missing.add(wanted)
            return None
        return references.mounted(role, place.base, wanted.target)

    def _directory(self, place: _Place, reference: Reference, entry: str) -> None:
        if reference.role is Role.PLUGIN:
            raise ForbiddenReference(f"{place}: '{entry[:200]}' is a directory, name the files in it")
        if reference.role not in {Role.RESOURCE, Role.COMPONENT}:
            raise ForbiddenReference(f"{place}: '{entry[:200]}' is a directory, name a file")
        if reference.target in self._directories:
            return
        if len(self._directories) >= _MOST_DIRECTORIES:
            raise ForbiddenReference(f"{place}: more than {_MOST_DIRECTORIES} directories are referred to")
        self._directories.add(reference.target)
        self._waiting.append(reference.target)

    def _file_of_directory(self, place: _Place, reference: Reference, entry: str) -> None:
        """Take a kustomization that is named as if it were another file: it stays what it is."""
        if reference.role is not Role.RESOURCE:
            raise ForbiddenReference(f"{place}: '{entry[:200]}' is a kustomization, give the content another name")
        directory = posixpath.dirname(reference.target) or "."
        if directory not in self._directories:
            self._directories.add(directory)
            self._waiting.append(directory)

    def _file(self, place: _Place, reference: Reference) -> None:
        target = reference.target
        match reference.role:
            case Role.COMPONENT:
                raise ForbiddenReference(f"{place}: '{target}' is a file, name the component's directory")
            case Role.PLUGIN:
                inner = _Place(target, place.base)
                values = list(self._plugins(inner, place.field, self._read(target)))
                self._put(target, "the configuration of a plugin", values)
            case Role.CONFIGURATION:
                self._configuration(target)
            case Role.RESOURCE:
                self._as_it_is(target)
            case Role.DATA | Role.KEYED | Role.PATCH:
                self._as_it_is(target)
                self._uses.append(reference)

    def _as_it_is(self, target: str) -> None:
        """Take a file whose bytes are handed on: it names nothing, but its aliases could stand for gigabytes."""
        if target not in self._as_they_are:
            self._as_they_are.add(target)
            try:
                canonical.check_aliases(self._source.read(target))
            except canonical.Unreadable as error:
                raise ForbiddenReference(f"{target}: {error}") from None
            except TooLarge:
                pass  # content can be large; what reads it has limits of its own

    def _configuration(self, target: str) -> None:
        """Take a file that is one document, for kustomize to read as JSON where it is JSON."""
        use = "the configuration of kustomize"
        try:
            data = self._source.read(target)
            if data.startswith(b"{"):
                self._put(target, use, [canonical.read_json(data, self._budget)])
                return
        except TooLarge as error:
            raise ForbiddenReference(f"{target}: {error}") from None
        except canonical.Unreadable:
            pass  # other YAML that begins with a brace
        self._put(target, use, self._read(target)[:1], prefix="---\n")

    def _inline(self, place: _Place, role: Role, entry: str) -> Value:
        try:
            objects = canonical.read(entry, self._budget)
        except canonical.Unreadable as error:
            raise ForbiddenReference(f"{place}: neither the name of a file nor objects: {error}") from None
        if not all(isinstance(value, dict) for value in objects):
            raise ForbiddenReference(f"{place}: neither the name of a file nor objects")
        return _Inline(list(self._plugins(place, "", objects)) if role is Role.PLUGIN else objects)

    def _plugins(self, place: _Place, named_by: str, values: Iterable[Value]) -> Iterator[Value]:
        """Yield plugins' configurations, lists of them taken apart, in the fields that their kinds have."""
        place = place.inner(named_by) if named_by else place
        for value in _flat(values):
            if not isinstance(value, dict):
                raise ForbiddenReference(f"{place}: not the configuration of a plugin")
            kind, version = value.get("kind"), value.get("apiVersion")
            shape = shapes.PLUGINS.get(kind) if isinstance(kind, str) else None
            if kind == "HelmChartInflationGenerator":
                raise ForbiddenReference(f"{place}: Helm charts are not rendered by kustomize builds here")
            if shape is None or version != "builtin":
                named = f"{str(kind)[:100]!r} of {str(version)[:100]!r}"
                raise ForbiddenReference(f"{place}: {named} is no plugin that is built in, and no others run")
            yield self._shaped(place, shape, value)


def _paths_beside(use: Reference, numbers: Iterator[int]) -> Iterator[str]:
    """Yield other paths for a file, in the directory from which it is named."""
    for number in numbers:
        name = f".as-it-is-{number}-{posixpath.basename(use.target)}"
        yield posixpath.normpath(posixpath.join(use.base, name))


def _rendered(path: str, config: _Config) -> str:
    texts = {config.prefix + canonical.write_documents(reading) + "\n" for reading in config.readings}
    if len(texts) > 1:
        raise ForbiddenReference(
            f"{path}: used from directories that it does not fit alike, give each a file of its own"
        )
    return texts.pop()


def _text(place: _Place, value: Value) -> str:
    text = canonical.as_text(value)
    if text is None:
        raise ForbiddenReference(f"{place}: not a text, write it in quotes")
    return text


def _flat(values: Iterable[Value]) -> Iterator[Value]:
    """Yield the objects in values, as kustomize takes lists of objects apart: those inside come last."""
    waiting = deque(values)
    while waiting:
        value = waiting.popleft()
        if value == {} or canonical.is_null(value):
            continue
        items = value.get("items") if isinstance(value, dict) and str(value.get("kind")).endswith("List") else None
        if items is None:
            yield value
        elif isinstance(items, list):
            waiting.extend(items)
