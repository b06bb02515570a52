"""The members of a zip or tar that came from elsewhere: listed and checked before any is unpacked, each within limits."""

import errno
import lzma
import re
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from cedice.data import trailing
from cedice.errors import CediceError

MEMBERS_LIMIT = 100_000
TOTAL_LIMIT = 16 * 2**30  # bytes, unpacked; ACDC with its 4-D series takes some 5 GB
_NAME_LIMIT = 255  # bytes of a file's or folder's name
_TRAILING_LIMIT = 2**20  # bytes after a tar's last member
# What the two libraries raise for damage; RuntimeError also for an unknown compression, IndexError for an empty name.
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    IndexError,
)


@dataclass(frozen=True)
class Member:
    """A file in an archive; ``size`` in bytes, as declared. zipfile and tarfile never give more than that."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


@contextmanager
def members(archive: Path) -> Iterator[tuple[list[Member], str]]:
    """(The files of a zip or tar (gzip, bzip2, xz or plain), in its order, to be read while the block lasts; "" or a line on
    what follows its end.)

    Raises CediceError, also for what is found while reading, where the archive is damaged, encrypted, empty or no archive, and
    where any member at all has an absolute path or one with "..", is a link or device, has the name of another (upper or
    lower case alike), or is beyond the limits.
    """
    try:
        with ExitStack() as opened:
            remark = ""
            if zipfile.is_zipfile(archive):
                found = _zipped(archive, opened)
            elif tarfile.is_tarfile(archive):
                found, remark = _tarred(archive, opened)
            else:
                raise CediceError(f"{archive}: not a whole, readable zip or tar; get it again")
            if not found:
                raise CediceError(f"{archive}: holds no files; get it again")
            yield found, remark
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # that one: a seek before the start
            raise  # the disk's, not the archive's
        raise CediceError(f"{archive}: not a whole, readable zip or tar ({error}); get it again") from error


def _zipped(archive: Path, opened: ExitStack) -> list[Member]:
    file = opened.enter_context(zipfile.ZipFile(archive))
    guard, found = _Guard(archive), []
    for info in file.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on Unix
        name = _zip_name(info)
        folder = name.endswith("/")
        guard.check(name, info.file_size, folder, kind in (0, stat.S_IFREG, stat.S_IFDIR))
        if info.flag_bits & 1:
            raise CediceError(f"{archive}: {name} is encrypted; get an archive without a password")
        if not folder:
            found.append(Member(name, info.file_size, partial(file.open, info)))
    return found


def _zip_name(info: zipfile.ZipInfo) -> str:
    r"""With / between folders, where some systems write \; in UTF-8, also where the archive does not say that it is."""
    name = info.filename
    if not info.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _tarred(archive: Path, opened: ExitStack) -> tuple[list[Member], str]:
    file = opened.enter_context(tarfile.open(archive))  # noqa: SIM115
    guard, found = _Guard(archive), []
    for info in file:
        guard.check(info.name, info.size, info.isdir(), info.isreg() or info.isdir())
        if not info.isdir():
            found.append(Member(PurePosixPath(info.name).as_posix(), info.size, partial(file.extractfile, info)))  # type: ignore[arg-type]  # a plain file: never None
    assert file.fileobj is not None
    follows, remark = trailing.read(
        file.fileobj.read, _TRAILING_LIMIT
    )  # to the compression's checksum, before which tarfile stops
    if follows == _TRAILING_LIMIT:
        raise CediceError(f"{archive}: goes on after its last member; get it again")
    return found, remark


class _Guard:
    """What may not be in an archive, asked member by member, so that a bomb is refused before the next is looked for."""

    def __init__(self, archive: Path):
        self.archive, self.total, self.count = archive, 0, 0
        self.seen: set[str] = set()

    def check(self, name: str, size: int, folder: bool, plain: bool) -> None:
        parts = PurePosixPath(name.replace("\\", "/")).parts
        key = unicodedata.normalize("NFC", "/".join(parts)).casefold()
        self.count, self.total = self.count + 1, self.total + size
        if name.startswith(("/", "\\")) or ".." in parts or re.match("[A-Za-z]:", name):
            self._refuse(name, "leads out of the archive's folder")
        if not plain:
            self._refuse(name, "is a link or a device, not a file")
        if any(len(part.encode(errors="surrogateescape")) > _NAME_LIMIT for part in parts):
            self._refuse(name, f"has a name of more than the {_NAME_LIMIT} bytes that disks take")
        if key in self.seen and not folder:
            self._refuse(name, "is there twice (upper and lower case alike)")
        if self.total > TOTAL_LIMIT or self.count > MEMBERS_LIMIT:
            self._refuse(name, f"brings it to {self.count} members and {self.total} bytes, more than any real archive has")
        self.seen.add(key)

    def _refuse(self, name: str, why: str) -> None:
        raise CediceError(f"{self.archive}: {name!r:.200} {why}; the archive is refused")
