"""Keep uploaded files in PostgreSQL, in parts, where web and workers on different hosts both find them."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler
from django.db.models.functions import Now

from contacts.models import ImportJob, ImportPart, ImportState
from workspaces.models import Workspace

PART = 2**20  # bytes
BLOCK = 64 * 1024  # bytes read of a body at once


class TooLarge(Exception):
    """The file has more bytes than one that is imported may have."""

    def __init__(self) -> None:
        super().__init__(f"The file is larger than {settings.IMPORT_LIMIT // 2**20} MB.")


def check_length(length: str) -> None:
    """By what a body says of itself before it comes. Raises TooLarge."""
    if length.isdigit() and int(length) > settings.IMPORT_LIMIT + 2**20:  # a form has more to it than the file
        raise TooLarge


def begin(workspace: Workspace, started_by: str) -> ImportJob:
    return ImportJob.objects.create(workspace=workspace, started_by=started_by, state=ImportState.UPLOADING)


class Upload:
    """Takes a file in, piece by piece, and holds no more than a part of it. Raises TooLarge."""

    def __init__(self, job: ImportJob) -> None:
        self.job, self.size, self.number = job, 0, 0
        self._digest = hashlib.blake2b(digest_size=32)
        self._held = bytearray()

    def take(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > settings.IMPORT_LIMIT:
            raise TooLarge
        self._digest.update(data)
        self._held += data
        while len(self._held) >= PART:
            self._keep(bytes(self._held[:PART]))
            del self._held[:PART]

    def finish(self) -> None:
        """The job learns what it is to be known again by."""
        if self._held:
            self._keep(bytes(self._held))
            self._held.clear()
        self.job.size, self.job.digest = self.size, self._digest.digest()
        self.job.save(update_fields=["size", "digest", "file_name"])

    def _keep(self, data: bytes) -> None:
        ImportPart.objects.create(job=self.job, number=self.number, data=data)
        ImportJob.objects.filter(pk=self.job.pk).update(updated_at=Now())  # still coming
        self.number += 1


class FormHandler(FileUploadHandler):
    """Puts a file of a form where it is to be kept, as it comes."""

    chunk_size = BLOCK

    def __init__(self, upload: Upload) -> None:
        super().__init__()
        self.upload, self.files = upload, 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.files += 1
        self.upload.job.file_name = (self.file_name or "")[:255]

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        if self.files == 1:
            self.upload.take(raw_data)
        return None

    def file_complete(self, file_size: int) -> Any:
        return None


class _Parts(io.RawIOBase):
    """An uploaded file, read from its parts."""

    def __init__(self, job: ImportJob) -> None:
        self._job, self._place = job, 0
        self._part: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._job.size}[whence]
        self._place = max(start + offset, 0)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: object) -> int:
        number, offset = divmod(self._place, PART)
        if self._part[0] != number:
            found = ImportPart.objects.filter(job=self._job, number=number).values_list("data", flat=True).first()
            self._part = number, bytes(found or b"")
        view = memoryview(cast(bytearray, buffer))
        data = self._part[1][offset : offset + len(view)]
        view[: len(data)] = data
        self._place += len(data)
        return len(data)


@contextmanager
def opened(job: ImportJob) -> Iterator[BinaryIO]:
    """The file that was uploaded for an import."""
    with io.BufferedReader(_Parts(job), PART) as file:
        yield cast(BinaryIO, file)
