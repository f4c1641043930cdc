"""Chunks by what they are made of: slices of stored objects, and how they go into a manifest and come out of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from mlops_desktop.core.datasets import Chunk, Manifest, Piece, Schema, StoredObject


class Slice(Struct, frozen=True):
    """`rows` consecutive rows of a stored object, from its row `start`."""

    object: StoredObject
    start: int
    rows: int


class PlacedChunk(Struct, frozen=True):
    """A chunk as `core.datasets.Chunk` describes it, with its slices in place of positions in a manifest."""

    content_id: str
    rows: int
    last: int
    slices: tuple[Slice, ...]

    @property
    def whole_object(self) -> StoredObject | None:
        """The object that is this chunk and nothing else; None where there is none."""
        is_whole = len(self.slices) == 1 and self.slices[0].rows == self.slices[0].object.rows == self.rows
        return self.slices[0].object if is_whole else None


def placed(manifest: Manifest) -> list[PlacedChunk]:
    """The chunks of a manifest, in order."""
    return [
        PlacedChunk(
            chunk.content_id,
            chunk.rows,
            chunk.last,
            tuple(Slice(manifest.objects[piece.object], piece.start, piece.rows) for piece in chunk.pieces),
        )
        for chunk in manifest.chunks
    ]


def slices_of(manifest: Manifest) -> Iterator[Slice]:
    """All slices of a manifest, in order."""
    for chunk in manifest.chunks:
        for piece in chunk.pieces:
            yield Slice(manifest.objects[piece.object], piece.start, piece.rows)


def to_manifest(schema: Schema, chunks: Sequence[PlacedChunk]) -> Manifest:
    """Inverse of `placed`; objects are listed once, in the order of their first use."""
    positions: dict[str, int] = {}
    objects: list[StoredObject] = []
    listed = []
    for chunk in chunks:
        pieces = []
        for part in chunk.slices:
            position = positions.setdefault(part.object.sha256, len(objects))
            if position == len(objects):
                objects.append(part.object)
            pieces.append(Piece(position, part.start, part.rows))
        listed.append(Chunk(chunk.content_id, chunk.rows, chunk.last, tuple(pieces)))
    return Manifest(schema, tuple(objects), tuple(listed))
