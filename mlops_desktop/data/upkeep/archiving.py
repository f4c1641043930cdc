"""Take versions out of sight, or out of the workspace into one file, and bring them back.

An archive's file is a ZIP without compression (its objects are compressed): `objects/ab/cdef…` as in the workspace,
`version.json` with what is recorded about the version, and `SHA256SUMS`, which `sha256sum -c` checks once unpacked.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from mlops_desktop.core.datasets import DatasetVersion, Marks
from mlops_desktop.core.errors import AppError, Conflict, Damaged, EnvironmentProblem, InvalidInput, NotFound
from mlops_desktop.core.ids import new_id, sha256_hex
from mlops_desktop.core.progress import Progress, no_progress, part_of
from mlops_desktop.data.schema import to_arrow
from mlops_desktop.data.upkeep.collection import objects_of
from mlops_desktop.data.upkeep.removal import check_unneeded
from mlops_desktop.data.versions.manifests import read_manifest
from mlops_desktop.data.versions.store import check_dataset_name, version_content_id
from mlops_desktop.registry import Registry
from mlops_desktop.registry.objects import StoredFile

_FORMAT = 1
_VERSION, _SUMS = "version.json", "SHA256SUMS"
_OBJECT = re.compile(r"objects/([0-9a-f]{2})/([0-9a-f]{62})")
_LARGEST = 2 << 30
_ENCRYPTED = 0x1


class Packed(Struct, frozen=True):
    """What `version.json` says. `workspace` is the id of the one that the version's references are about."""

    format: int
    version: DatasetVersion
    note: str = ""
    tags: tuple[str, ...] = ()
    workspace: str = ""


def archive(
    registry: Registry, reference: str, to: Path | None = None, *, reason: str = "", progress: Progress = no_progress
) -> Marks:
    """Leave a version out of lists and of `@latest`; with `to`, write it to that file and let its rows be collected.

    With `to`, raises `Conflict` where an alias or a deployed model reaches it, as `delete` does; and `InvalidInput` for
    a file that exists, `Damaged`, `EnvironmentProblem`.
    """
    if to is None:
        return registry.datasets.archive(reference, reason=reason)
    version = check_unneeded(registry, reference)
    marks = registry.datasets.marks(version.reference)
    if marks.packed:
        raise Conflict(f"The rows of {version.reference} are in {marks.packed} already.", hint="Copy that file.")
    target = to.resolve()
    if target.exists():
        raise InvalidInput(f"{target} exists already.", hint="Choose another name for the archive.")
    if target.is_relative_to(registry.objects.folder.resolve()):
        raise InvalidInput(
            f"{target.parent} is the content store, which frees what it does not know.", hint="Choose another folder."
        )
    with registry.objects.in_use(), _beside(target) as temporary:
        _write(registry, version, marks, temporary, part_of(progress, 0.0, 0.6))
        sha256 = _checked(temporary, version, part_of(progress, 0.6, 1.0))
        size = temporary.stat().st_size
        temporary.replace(target)
        _sync_folder(target.parent)  # a collection may free the rows in the workspace at once
        try:
            with registry.transaction():
                check_unneeded(registry, version.reference)
                return registry.datasets.archive(
                    version.reference, reason=reason, packed=str(target), sha256=sha256, size=size
                )
        except BaseException:
            target.unlink(missing_ok=True)
            raise


def restore(
    registry: Registry, reference: str, from_: Path | None = None, *, progress: Progress = no_progress
) -> DatasetVersion:
    """Bring an archived version back: into sight, or with its rows from the file it was packed into.

    With a file, `reference` may name a dataset alone, also one of another workspace than the version came from: a
    version of it with that content which was archived comes back; where there is none, the file's is its next version.
    Each object is checked. Raises `InvalidInput` for what is not an archive of a version, `Damaged`, `NotFound`,
    `Conflict` where the version is another one.
    """
    if from_ is None:
        version = registry.datasets.get(reference)
        marks = registry.datasets.marks(version.reference)
        if not marks.packed:
            registry.datasets.unarchive(version.reference)
            return version
        reference, from_ = version.reference, Path(marks.packed)
    dataset = reference.partition("@")[0]
    check_dataset_name(dataset)
    with registry.objects.in_use(), _opened(from_) as file:
        packed = _described(file, from_)
        same = _same_version(registry, reference, packed.version, from_)
        _unpack(registry, file, from_, packed.version, progress)
        if same is not None:
            registry.datasets.unarchive(same.reference, origin=str(from_))
            return same
        return _added(registry, dataset, packed)


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A file to be written and then renamed to `target`; nothing is left of it where that fails."""
    temporary = target.with_name(f".{new_id()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
    except OSError as error:
        raise EnvironmentProblem(
            f"The archive {target} cannot be written ({error.strerror or error}).",
            hint="Choose another place; nothing in the workspace was changed.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _write(registry: Registry, version: DatasetVersion, marks: Marks, path: Path, progress: Progress) -> None:
    names = sorted(objects_of(registry, version, is_packed=False))
    packed = Packed(_FORMAT, version, marks.note, marks.tags, registry.meta("id"))
    described = msgspec.json.format(msgspec.json.encode(packed), indent=2)
    sums = [f"{sha256_hex(described)}  {_VERSION}"]
    with path.open("wb") as raw:
        with zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as file:
            file.writestr(_VERSION, described)
            for done, name in enumerate(names, 1):
                file.writestr(_path_of(name), registry.objects.read_bytes(name))
                sums.append(f"{name}  {_path_of(name)}")
                progress(done / len(names), f"{done:,} of {len(names):,} objects written")
            file.writestr(_SUMS, "\n".join(sums) + "\n")
        raw.flush()
        os.fsync(raw.fileno())


def _sync_folder(folder: Path) -> None:
    """Have a name in a folder survive a loss of power, where the system can do that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _checked(path: Path, version: DatasetVersion, progress: Progress) -> str:
    """Read an archive back; its SHA-256. Raises `Damaged` where something in it is not as it was written."""
    with _opened(path) as file:
        packed = _described(file, path)
        members = [name for name in file.namelist() if name not in (_VERSION, _SUMS)]
        for done, member in enumerate(members, 1):
            _content(file, member, path)
            progress(done / len(members), f"{done:,} of {len(members):,} objects read back")
        if packed.version != version or set(_sums(file)) != {*members, _VERSION}:
            raise _broken(path, "it does not list what it holds")
    with path.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """An archive with none but the members that it may have."""
    try:
        with zipfile.ZipFile(path) as file:
            for member in file.infolist():
                is_known = member.filename in (_VERSION, _SUMS) or _OBJECT.fullmatch(member.filename)
                is_plain = member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & _ENCRYPTED
                if not is_known or not is_plain or not 0 <= member.file_size <= _LARGEST:
                    raise InvalidInput(
                        f"{path} is not the archive of a version: it holds {member.filename!r}.",
                        hint="Choose a file that `data archive` wrote.",
                    )
            yield file
    except FileNotFoundError:
        raise NotFound(
            f"There is no archive {path}.", hint="If it was moved, say where it is now: `--from FILE`."
        ) from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise _broken(path, str(error)) from error
    except OSError as error:
        raise EnvironmentProblem(f"{path} cannot be read ({error.strerror}).", hint="Check its permissions.") from error


def _described(file: zipfile.ZipFile, path: Path) -> Packed:
    try:
        content = file.read(_VERSION)
        packed = msgspec.json.decode(content, type=Packed)
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path} is not the archive of a version.", hint="Choose a file that `data archive` wrote."
        ) from error
    if packed.format != _FORMAT:
        raise InvalidInput(f"{path} was written by a newer version of the program.", hint="Update the program.")
    if _sums(file).get(_VERSION) != sha256_hex(content):
        raise _broken(path, f"{_VERSION} was changed")
    return packed


def _sums(file: zipfile.ZipFile) -> dict[str, str]:
    """The hashes that the archive lists, by member."""
    try:
        lines = file.read(_SUMS).decode("ascii").splitlines()
    except (KeyError, UnicodeDecodeError):
        return {}
    return {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines)}


def _content(file: zipfile.ZipFile, member: str, path: Path) -> bytes:
    """An object of the archive, checked against its name."""
    try:
        content = file.read(member)
    except KeyError:
        raise _broken(path, f"{member} is missing") from None
    if _path_of(sha256_hex(content)) != member:
        raise _broken(path, f"{member} was changed")
    return content


def _same_version(registry: Registry, reference: str, held: DatasetVersion, path: Path) -> DatasetVersion | None:
    """The version in this workspace that the archive holds, None where it has to be made. Raises `Conflict`."""
    dataset, _, selector = reference.partition("@")
    if selector:
        try:
            named = registry.datasets.get(reference)
        except NotFound:  # it was deleted, or is of another workspace
            return None
        if named.content_id != held.content_id:
            raise Conflict(
                f"{path} holds {held.reference} with other content than {named.reference} has.",
                hint=f"To make it the next version, restore it as `{dataset}` without a number.",
            )
        if not _has_all(registry, named, held):
            raise Conflict(
                f"{path} holds the rows of {named.reference}, but in other objects than that version names.",
                hint=f"Restore it from {registry.datasets.marks(named.reference).packed}, "
                f"or as `{dataset}` without a number.",
            )
        return named
    lines = registry.datasets.lines(dataset, include_archived=True)
    archived = [line.reference for line in lines if line.content_id == held.content_id and line.is_archived]
    same = (registry.datasets.get(reference) for reference in archived)
    return next((version for version in same if _has_all(registry, version, held)), None)


def _has_all(registry: Registry, version: DatasetVersion, held: DatasetVersion) -> bool:
    """Whether a version with the same content has its rows once those of `held` are stored: the same rows may be stored
    in other objects, as slices of what an earlier version has."""
    return version.manifest == held.manifest or not registry.datasets.marks(version.reference).packed


def _unpack(registry: Registry, file: zipfile.ZipFile, path: Path, held: DatasetVersion, progress: Progress) -> None:
    """Put all objects of a version into the store, and check that they are what its content id says."""
    for name in (held.manifest, held.profile):
        _store(registry, _content(file, _path_of(name), path), name)
    try:
        manifest = read_manifest(registry, held)
        content_id = version_content_id(to_arrow(manifest.schema), [chunk.content_id for chunk in manifest.chunks])
    except (msgspec.DecodeError, AppError, ValueError) as error:
        raise _broken(path, f"its manifest cannot be read ({error})") from error
    if (content_id, manifest.schema, manifest.rows) != (held.content_id, held.schema, held.rows):
        raise _broken(path, "its manifest is not that of its content id")
    for done, stored in enumerate(manifest.objects, 1):
        _store(registry, _content(file, _path_of(stored.sha256), path), stored.sha256)
        progress(done / len(manifest.objects), f"{done:,} of {len(manifest.objects):,} objects restored")


def _store(registry: Registry, content: bytes, name: str) -> None:
    """Store an object; one that is there but damaged is replaced."""
    try:
        registry.objects.read_bytes(name)
    except Damaged:
        registry.objects.remove(StoredFile(name, registry.objects.path(name), 0))
    except NotFound:
        pass
    registry.objects.put_bytes(content)


def _added(registry: Registry, dataset: str, packed: Packed) -> DatasetVersion:
    held = packed.version
    manifest = read_manifest(registry, held)
    is_own = packed.workspace in ("", registry.meta("id"))  # another workspace's `flights@3` is not this one's
    return registry.datasets.add_version(
        dataset=dataset,
        content_id=held.content_id,
        manifest=held.manifest,
        profile=held.profile,
        rows=held.rows,
        size=held.size,
        schema=held.schema,
        origin=held.origin if is_own else msgspec.structs.replace(held.origin, parents=()),
        chunks=len(manifest.chunks),
        new_chunks=0,
        added_bytes=0,
        seconds=0.0,
        contract=held.contract if is_own else "",
        note=packed.note,
        tags=packed.tags,
    )


def _path_of(sha256: str) -> str:
    return f"objects/{sha256[:2]}/{sha256[2:]}"


def _broken(path: Path, problem: str) -> Damaged:
    return Damaged(f"The archive {path} is damaged: {problem}.", hint="Use another copy of the file.")
