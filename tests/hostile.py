"""Archives that are out to do harm: what one holds beside the sound files of a data set, as zip and as tar."""

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from cedice.data import packed

ZIP: dict[str, tuple[Callable[[zipfile.ZipFile], None], str]] = {
    "absolute path": (lambda z: z.writestr("/etc/cedice", "x"), "leads out"),
    "drive letter": (lambda z: z.writestr("C:/cedice", "x"), "leads out"),
    "parent folder": (lambda z: z.writestr("database/../../out", "x"), "leads out"),
    "parent folder, backslashes": (lambda z: z.writestr("database\\..\\..\\out", "x"), "leads out"),
    "link": (lambda z: z.writestr(_zip_info("database/link", stat.S_IFLNK), "/etc/passwd"), "link or a device"),
    "device": (lambda z: z.writestr(_zip_info("database/device", stat.S_IFCHR), ""), "link or a device"),
    "twice": (lambda z: [z.writestr("database/a.txt", text) for text in "ab"], "is there twice"),
    "other case": (lambda z: [z.writestr(f"database/{name}.txt", "x") for name in "aA"], "is there twice"),
    "other Unicode": (lambda z: [z.writestr(f"database/{name}.txt", "x") for name in ("\u00e9", "e\u0301")], "is there twice"),
    "a name that no disk takes": (lambda z: z.writestr(f"database/{'é' * 128}.txt", "x"), "name of more than the 255 bytes"),
    "bomb": (lambda z: z.writestr("database/zeros", bytes(packed.TOTAL_LIMIT)), "more than any real archive"),
    "too many": (lambda z: [z.writestr(f"{n}", "") for n in range(packed.MEMBERS_LIMIT + 1)], "more than any real archive"),
}


def _zip_info(name: str, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o644) << 16
    return info


def _tar_file(tar: tarfile.TarFile, name: str, content: bytes = b"x") -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _tar_special(tar: tarfile.TarFile, kind: bytes) -> None:
    info = tarfile.TarInfo("database/special")
    info.type, info.linkname = kind, "/etc/passwd"
    tar.addfile(info)


TAR: dict[str, tuple[Callable[[tarfile.TarFile], None], str]] = {
    "absolute path": (lambda t: _tar_file(t, "/etc/cedice"), "leads out"),
    "parent folder": (lambda t: _tar_file(t, "database/../../out"), "leads out"),
    "symbolic link": (lambda t: _tar_special(t, tarfile.SYMTYPE), "link or a device"),
    "hard link": (lambda t: _tar_special(t, tarfile.LNKTYPE), "link or a device"),
    "device": (lambda t: _tar_special(t, tarfile.BLKTYPE), "link or a device"),
    "pipe": (lambda t: _tar_special(t, tarfile.FIFOTYPE), "link or a device"),
    "twice": (lambda t: [_tar_file(t, "database/a.txt") for _ in "ab"], "is there twice"),
    "other case": (lambda t: [_tar_file(t, f"database/{name}.txt") for name in "aA"], "is there twice"),
    "a name that no disk takes": (lambda t: _tar_file(t, f"database/{'n' * 256}/a.txt"), "name of more than the 255 bytes"),
    "bomb": (lambda t: _tar_file(t, "database/zeros", bytes(packed.TOTAL_LIMIT)), "more than any real archive"),
    "too many": (lambda t: [_tar_file(t, f"{n}") for n in range(packed.MEMBERS_LIMIT + 1)], "more than any real archive"),
}


def make(kind: str, evil: str, folder: Path, archive: Path) -> str:
    """Pack ``folder`` and, first, the evil; what the one line must say."""
    add, message = (ZIP if kind == "zip" else TAR)[evil]
    archive.parent.mkdir(parents=True, exist_ok=True)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if kind == "zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
            add(opened)
            for path in files:
                opened.write(path, path.relative_to(folder))
    else:
        with tarfile.open(archive, "w:gz") as opened:
            add(opened)
            for path in files:
                opened.add(path, path.relative_to(folder))
    return message
