"""Images and masks as people have them: colour, few bits, GIF, EXIF, masks nearly right; and pairs that do not go together."""

import struct
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image, ImageDraw

from cedice.data import pictures, reading
from cedice.data.cases import Case, to_labels
from cedice.data.intensity import Intensity
from cedice.errors import CediceError

GREY = Intensity("window", 0, 255)
RANDOM = np.random.default_rng(0)
COLOURS = RANDOM.integers(0, 256, (9, 7, 3), dtype=np.uint8)
SMALL = RANDOM.integers(0, 4, (9, 7), dtype=np.uint8)


def png(path: Path, samples: np.ndarray, bits: int) -> Path:
    """A PNG of (height, width) greys or (height, width, channels) colours of 1 to 16 bits, which Pillow cannot write."""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[1 if samples.ndim == 2 else samples.shape[2]]
    rows = samples.reshape(len(samples), -1)
    if bits == 16:
        lines = [row.astype(">u2").tobytes() for row in rows]
    else:
        spread = (rows[..., None] >> np.arange(bits - 1, -1, -1)) & 1
        lines = [np.packbits(row.reshape(-1)).tobytes() for row in spread]
    chunks = (
        (b"IHDR", struct.pack(">2I5B", samples.shape[1], samples.shape[0], bits, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"".join(b"\0" + line for line in lines))),
        (b"IEND", b""),
    )
    framed = (struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(framed))
    return path


def tiff(path: Path, samples: np.ndarray, bits: int, photometric: int, order: str) -> Path:
    """A TIFF of (height, width) greys; ``photometric`` 0: zero is white, 1: black, -1: it does not say; ``order`` < or >."""
    height, width = samples.shape
    if bits == 16:
        body = samples.astype(f"{order}u2").tobytes()
    else:
        spread = (samples[..., None] >> np.arange(bits - 1, -1, -1)) & 1
        body = np.packbits(spread.reshape(height, -1), axis=1).tobytes()
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: height, 279: len(body)}
    entries = [struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags.items() if value >= 0]
    start = struct.pack(f"{order}HI", 42, 8 + len(body))
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)
    path.write_bytes((b"II" if order == "<" else b"MM") + start + body + directory)
    return path


def saved(path: Path, pixels: np.ndarray | Image.Image, **options: object) -> Path:
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_one_channel_of_a_colour_image(tmp_path, suffix):
    path = saved(tmp_path / f"a.{suffix}", COLOURS)
    for number, channel in enumerate(("red", "green", "blue")):
        np.testing.assert_array_equal(pictures.read(path, channel), COLOURS[..., number])
    luminance = COLOURS @ np.array([0.299, 0.587, 0.114])  # ITU-R 601
    assert np.abs(pictures.read(path, "grey") - luminance).max() <= 1
    assert reading.scan(path, "green").image.shape == (1, 9, 7)
    with pytest.raises(CediceError, match=r"in colour, .*set `channel` \(grey, red, green or blue\)"):
        pictures.read(path)
    with pytest.raises(CediceError, match="in colour, but a mask needs one number a pixel"):
        pictures.read_mask(path)
    same = saved(tmp_path / "b.png", np.repeat(SMALL[..., None], 3, axis=2))
    for channel in (None, "grey", "red"):
        np.testing.assert_array_equal(pictures.read(same, channel), SMALL)


def test_alpha_that_hides_nothing_is_left_out(tmp_path):
    alpha = np.full((9, 7, 1), 255, np.uint8)
    path = saved(tmp_path / "a.png", np.concatenate([COLOURS, alpha], axis=2))
    np.testing.assert_array_equal(pictures.read(path, "blue"), COLOURS[..., 2])
    grey = saved(tmp_path / "b.png", Image.fromarray(SMALL).convert("LA"))
    np.testing.assert_array_equal(pictures.read_mask(grey), SMALL)
    alpha[4, 4] = 0
    saved(tmp_path / "c.png", np.concatenate([COLOURS, alpha], axis=2))
    for read in (pictures.read, pictures.read_mask):
        with pytest.raises(CediceError, match="transparent in parts"):
            read(tmp_path / "c.png")


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_colours_of_16_bits_are_refused(tmp_path, channels):
    path = png(tmp_path / "a.png", np.full((4, 5, channels), 3000), 16)
    for read in (pictures.read, pictures.read_mask):
        with pytest.raises(CediceError, match="16 bits a colour"):
            read(path)


def test_16_bit_grey_keeps_its_numbers(tmp_path):
    deep = RANDOM.integers(0, 2**16, (9, 7))
    np.testing.assert_array_equal(pictures.read(png(tmp_path / "a.png", deep, 16)), deep)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", [0, 1, -1])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_tiff_whose_zero_is_white(tmp_path, bits, photometric, order):
    """A mask's numbers are those in the file; an image is bright where it shows bright, whatever Pillow turns over."""
    samples = RANDOM.integers(0, 2**bits, (9, 7))
    path = tiff(tmp_path / "a.tif", samples, bits, photometric, order)
    if (bits, order) == (16, ">") and photometric < 1:  # Pillow has no such kind
        for read in (pictures.read, pictures.read_mask):
            with pytest.raises(CediceError, match="16 bits whose 0 is white; save it anew, with 0 as black"):
                read(path)
        return
    np.testing.assert_array_equal(pictures.read_mask(path), samples)
    if bits > 1:  # an image of 1 bit is none
        white = 2**bits - 1
        shown = white - samples if photometric == 0 else samples
        np.testing.assert_array_equal(pictures.read(path), shown * (255 // white if bits < 8 else 1))


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_masks_of_few_bits_have_their_own_numbers(tmp_path, bits):
    labels = RANDOM.integers(0, min(2**bits, 9), (9, 7))
    np.testing.assert_array_equal(pictures.read_mask(png(tmp_path / "a.png", labels, bits)), labels)
    if bits < 16:
        palette = Image.fromarray(labels.astype(np.uint8), mode="P")
        palette.putpalette(COLOURS.reshape(-1)[: 3 * 2 ** min(bits, 4)].tobytes())
        np.testing.assert_array_equal(pictures.read_mask(saved(tmp_path / "b.png", palette, bits=min(bits, 8))), labels)


def test_gif(tmp_path):
    """A grey one is grey however few greys its palette has; in colour an image's colours count, a mask's numbers."""
    binary = (SMALL > 1).astype(np.uint8) * np.uint8(255)
    for pixels in (binary, RANDOM.integers(0, 256, (9, 7), dtype=np.uint8)):
        path = saved(tmp_path / "a.gif", pixels)
        np.testing.assert_array_equal(pictures.read(path), pixels)
        np.testing.assert_array_equal(pictures.read_mask(path), pixels)
    labels = Image.fromarray(SMALL, mode="P")
    labels.putpalette(bytes([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255]))
    path = saved(tmp_path / "b.gif", labels, optimize=False)
    np.testing.assert_array_equal(pictures.read_mask(path), SMALL)
    np.testing.assert_array_equal(pictures.read(path, "green"), (SMALL == 2) * 255)
    saved(tmp_path / "c.gif", binary, save_all=True, append_images=[Image.fromarray(255 - binary)])
    with pytest.raises(CediceError, match="2 pages"):
        pictures.read(tmp_path / "c.gif")
    case = Case("v", "p", "", 1, None, tmp_path / "a.gif", tmp_path / "b.gif")
    np.testing.assert_array_equal(reading.picture(case, GREY, ((0,), (1,), (2,), (3,))).mask[0], SMALL)


def turned(path: Path, pixels: np.ndarray, orientation: int | None) -> Path:
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    return saved(path, pixels, exif=exif)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_pair_is_turned_together_or_refused(tmp_path, suffix):
    image, labels = COLOURS[:, :, 0], SMALL

    def pair(of_image: int | None, of_mask: int | None) -> Case:
        return Case(
            "v", "p", "", 1, None,
            turned(tmp_path / f"i.{suffix}", COLOURS, of_image), turned(tmp_path / f"m.{suffix}", labels, of_mask),
        )  # fmt: skip

    groups = ((0,), (1,), (2,), (3,))
    for same in ((None, None), (1, None), (None, 1), (1, 1)):
        volume = reading.picture(pair(*same), GREY, groups, "red")
        np.testing.assert_array_equal(volume.image[0], image)
        np.testing.assert_array_equal(volume.mask[0], labels)
    both = reading.picture(pair(6, 6), GREY, groups, "red")  # 6: to be turned clockwise by a quarter
    np.testing.assert_array_equal(both.image[0], np.rot90(image, -1))
    np.testing.assert_array_equal(both.mask[0], np.rot90(labels, -1))
    for one in ((6, None), (None, 6), (3, 1), (6, 8), (2, None)):
        with pytest.raises(CediceError, match=r"its EXIF data turn it|not so its mask"):
            reading.picture(pair(*one), GREY, groups, "red")


NAMED = ((0,), (1,), (2,), (3,))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_labels_within_a_thousandth_of_a_whole_number_are_that_number(kind, tmp_path):
    near = np.array([[[0, 2.9999999, 1.0005], [-0.0005, 2, 3.0009]]], kind)
    np.testing.assert_array_equal(to_labels(near, Path("m.nii"), NAMED), [[[0, 3, 1], [0, 2, 3]]])
    with pytest.raises(CediceError, match=r"1 voxels hold .* the first is 2\.99; there are fractions"):
        (tmp_path / "m.nii").touch()
        to_labels(np.array([[[2.99, 1]]], kind), tmp_path / "m.nii", NAMED)


def test_labels_saved_with_a_slope(tmp_path):
    """As nibabel saves float64 under a whole-number header: 3 comes back as 2.9999…"""
    labels = np.repeat(SMALL[..., None], 3, axis=2)
    mask = nibabel.Nifti1Image(labels.astype(float), np.diag([1, 1, 3, 1]))
    mask.set_data_dtype(np.uint16)
    mask.to_filename(tmp_path / "m.nii.gz")
    nibabel.Nifti1Image(labels.astype(np.int16) * 9, np.diag([1, 1, 3, 1])).to_filename(tmp_path / "i.nii.gz")
    case = Case("v", "p", "", 1, None, tmp_path / "i.nii.gz", tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(reading.volume(case, Intensity("percentiles", 0, 100), NAMED).mask, labels.T)


def smoothed() -> np.ndarray:
    image = Image.new("L", (400, 400))
    ImageDraw.Draw(image).ellipse((50, 50, 300, 350), fill=255)
    return np.asarray(image.resize((100, 100), Image.Resampling.BILINEAR))


MASKS = {
    "JPEG": ("m.jpg", lambda: (SMALL > 1) * np.uint8(255), ((0,), (255,)), "a JPEG changes the values that are saved in it"),
    "JPEG, as PNG": ("m.png", lambda: (SMALL > 1) * np.uint8(255), ((0,), (255,)), "a JPEG changes the values that are saved"),
    "smoothed": ("m.png", smoothed, ((0,), (255,)), "it was smoothed at its borders; export or resize it with the nearest"),
    "0 and 255": ("m.png", lambda: (SMALL > 1) * np.uint8(255), ((0,), (1,)), "it holds 0, 255: name each of these under"),
    "0 and 1": ("m.png", lambda: (SMALL > 1) * np.uint8(1), ((0,), (255,)), "it holds 0, 1: name each of these under"),
}


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_with_other_values_is_told_what_it_is(tmp_path, name):
    file, pixels, groups, line = MASKS[name]
    mask = saved(tmp_path / file, np.kron(pixels(), np.ones((4, 4), np.uint8)), format="JPEG" if "JPEG" in name else "PNG")
    image = saved(tmp_path / "i.png", np.asarray(Image.open(mask)))
    with pytest.raises(CediceError) as caught:
        reading.picture(Case("v", "p", "", 1, None, image, mask), GREY, groups)
    assert line in str(caught.value)
    assert str(mask) in str(caught.value)


def test_a_volume_and_a_picture_are_no_pair(tmp_path):
    nibabel.Nifti1Image(SMALL.T, np.eye(4)).to_filename(tmp_path / "a.nii.gz")
    saved(tmp_path / "a.png", SMALL)
    volume, picture = tmp_path / "a.nii.gz", tmp_path / "a.png"
    with pytest.raises(CediceError, match=r"a picture, but its image a\.nii\.gz is a volume; save the mask as NIfTI"):
        reading.volume(Case("v", "p", "", 1, None, volume, picture), GREY, NAMED)
    with pytest.raises(CediceError, match=r"a volume, but its image a\.png is a picture; save the mask as PNG"):
        reading.picture(Case("v", "p", "", 1, None, picture, volume), GREY, NAMED)
