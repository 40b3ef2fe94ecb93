"""The files that a LeRobotDataset is spread over: many episodes each, up to a size."""

from __future__ import annotations

from dataclasses import dataclass

DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"


@dataclass(frozen=True)
class FileSizes:
    """When to begin another file; LeRobot's defaults."""

    files_per_chunk: int = 1000
    data_mb: int = 100
    video_mb: int = 200


class FileSeries:
    """Which file of a series is being written, and how many frames it holds.

    Example, with two files to a chunk: chunk-000/file-000, chunk-000/file-001, chunk-001/file-000.
    """

    def __init__(self, template: str, files_per_chunk: int, key: str = "") -> None:
        self._template, self._key = template, key
        self._files_per_chunk = files_per_chunk
        self._file = 0
        self.frames = 0

    def is_full(self, more: int, size: int, limit_mb: float) -> bool:
        """Whether `more` frames, as large as those in a file of `size` bytes, exceed the limit."""
        return size / 2**20 * (1 + more / max(self.frames, 1)) >= limit_mb

    def advance(self) -> None:
        """Go on to the next file, which is empty."""
        self._file += 1
        self.frames = 0

    @property
    def place(self) -> dict[str, int]:
        """chunk_index and file_index of the file."""
        chunk, file = divmod(self._file, self._files_per_chunk)
        return {"chunk_index": chunk, "file_index": file}

    @property
    def path(self) -> str:
        """Of the file, in the dataset's folder."""
        return self._template.format(video_key=self._key, **self.place)
