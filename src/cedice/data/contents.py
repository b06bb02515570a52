"""What a file is by its first bytes, where it is not what its name says, and what to do with it."""

FIRST = 1024  # bytes, enough for every kind
_COMPRESSED = "unpack it first"
_KINDS: tuple[tuple[int, bytes, str], ...] = (  # where in the file, which bytes, what they tell
    (0, b"version https://git-lfs", "it is a Git LFS pointer, which stands for the file; get the file by `git lfs pull`"),
    (0, b"/annex/objects/", "it is a git-annex pointer, which stands for the file; get the file by `git annex get`"),
    (128, b"DICM", "it is a DICOM file; convert the whole series to NIfTI (dcm2niix does)"),
    (344, b"n+1\0", "it is a NIfTI volume; name it .nii or .nii.gz"),
    (4, b"n+2\0\r\n\032\n", "it is a NIfTI-2 volume; name it .nii or .nii.gz"),
    (0, b"PK\3\4", f"it is a zip archive; {_COMPRESSED}"),
    (0, b"7z\xbc\xaf\x27\x1c", f"it is a 7z archive; {_COMPRESSED}"),
    (0, b"Rar!", f"it is a RAR archive; {_COMPRESSED}"),
    (0, b"\xfd7zXZ\0", f"it is compressed by xz; {_COMPRESSED}"),
    (0, b"BZh", f"it is compressed by bzip2; {_COMPRESSED}"),
    (0, b"\x28\xb5\x2f\xfd", f"it is compressed by zstd; {_COMPRESSED}"),
    (0, b"\x1f\x8b", f"it is compressed by gzip; {_COMPRESSED}, or name it .nii.gz if it is a volume"),
    (257, b"ustar", f"it is a tar archive; {_COMPRESSED}"),
    (0, b"\x89PNG", "it is a PNG image; name it .png"),
    (0, b"\xff\xd8\xff", "it is a JPEG image; name it .jpg"),
    (0, b"II*\0", "it is a TIFF image; name it .tif"),
    (0, b"MM\0*", "it is a TIFF image; name it .tif"),
    (0, b"GIF8", "it is a GIF image; name it .gif"),
    (4, b"ftyp", "it is a HEIC image or a video; save it as PNG"),
    (0, b"BM", "it is a BMP image; save it as PNG"),
    (8, b"WEBP", "it is a WebP image; save it as PNG"),
    (0, b"NRRD", "it is an NRRD file; convert it to NIfTI"),
    (0, b"ObjectType", "it is a MetaImage header; convert it to NIfTI"),
    (0, b"\x89HDF", "it is an HDF5 file (or MINC, or MATLAB 7.3); convert it to NIfTI"),
    (0, b"MATLAB 5.0", "it is a MATLAB file; convert it to NIfTI"),
    (0, b"\x93NUMPY", "it is a NumPy array; save it as NIfTI with its voxel size"),
    (0, b"\0\0\0\1", "it is a FreeSurfer volume; convert it to NIfTI (mri_convert does)"),
    (0, b"%PDF", "it is a PDF; get the file itself"),
)
_READ_AS = {
    "volume": ("a NIfTI volume", "a NIfTI-2 volume", "by gzip"),
    "image": ("a PNG image", "a JPEG image", "a TIFF image", "a GIF image"),
}


def advice(first: bytes, kind: str) -> str:
    """What the first `FIRST` bytes of a file that could not be read as a ``kind`` ("volume", "image") tell: "it is …; do …".

    "" where they tell nothing: an unknown kind of file, or a damaged one of the right kind.
    """
    if not first:
        return "it is empty; copy or download it again"
    if not first.strip(b"\0"):
        return "it begins with nothing but zeros, as a copy that was broken off does; get it again"
    start = first.lstrip(b"\xef\xbb\xbf \t\r\n")[:256].lower()
    if start.startswith(b"<") and (b"html" in start or b"<error" in start):
        return "it is a web page, as comes where a login is asked for; download the file again, logged in"
    if len(first) in (348, 540):
        return "it is the header alone of a pair (.hdr and .img); convert both to one .nii.gz"
    for offset, signature, told in _KINDS:
        if first[offset : offset + len(signature)] == signature:
            return "" if any(name in told for name in _READ_AS[kind]) else told
    words = " ".join(first[:256].decode("ascii", "replace").split())
    return f"it is a text that begins {words[:40]!r}; get the file itself" if words.isprintable() and words.isascii() else ""
