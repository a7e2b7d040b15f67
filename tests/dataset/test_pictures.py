"""Every kind of picture file that users have: what training sees of it, or the reason why it can't be used."""

import io
import random
import struct
import zlib
from pathlib import Path

import pytest
from PIL import ExifTags, Image, ImageChops, ImageCms, ImageFile

from trainer.contract.errors import UserError
from trainer.dataset.pictures import MAX_PIXELS, PictureError, Size, decode, glance, load, measure, opacity

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)

# Pillow remarks on damaged metadata; the application ignores that, and so must the tests of it.
tolerant = pytest.mark.filterwarnings("ignore::UserWarning")


def encoded(picture: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def see(data: bytes) -> Image.Image:
    return decode(data, Path("picture")).picture


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, bits: int, colour: int, pixels: bytes, *more: bytes, late: bytes = b"") -> bytes:
    """A PNG written by hand, `pixels` being its rows without their filter bytes."""
    row = (width * bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] + 7) // 8
    rows = b"".join(b"\0" + pixels[at : at + row] for at in range(0, len(pixels), row))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + body + late + chunk(b"IEND", b"")


def corners() -> Image.Image:
    """48 x 32 with a colour of its own in each quarter: red, green above blue, white."""
    picture = Image.new("RGB", (48, 32))
    for place, colour in {(0, 0): RED, (24, 0): GREEN, (0, 16): BLUE, (24, 16): WHITE}.items():
        picture.paste(colour, (*place, place[0] + 24, place[1] + 16))
    return picture


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = orientation
    return tags


def quarters(picture: Image.Image) -> list[str]:
    names = {RED: "R", GREEN: "G", BLUE: "B", WHITE: "W"}
    width, height = picture.size
    at = [(width // 4, height // 4), (width * 3 // 4, height // 4)]
    at += [(x, height * 3 // 4) for x, _ in at]
    return [min(names.items(), key=lambda one: _distance(one[0], picture.getpixel(place)))[1] for place in at]


def _distance(one: tuple[int, int, int], other: object) -> int:
    assert isinstance(other, tuple)
    return sum(abs(a - b) for a, b in zip(one, other, strict=True))


# What EXIF 2.32 says the eight values mean, as the quarters seen: top left, top right, bottom left, bottom right.
UPRIGHT = {1: "RGBW", 2: "GRWB", 3: "WBGR", 4: "BWRG", 5: "RBGW", 6: "BRWG", 7: "WGBR", 8: "GWRB"}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_pictures_are_turned_upright(format: str, orientation: int, tmp_path: Path) -> None:
    path = tmp_path / "turned"
    path.write_bytes(encoded(corners(), format, exif=exif(orientation)))
    picture = load(path)
    assert "".join(quarters(picture)) == UPRIGHT[orientation]
    assert measure(path) == picture.size == ((48, 32) if orientation < 5 else (32, 48))


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_means_nothing_is_ignored(value: int) -> None:
    assert "".join(quarters(see(encoded(corners(), "JPEG", exif=exif(value))))) == "RGBW"


def test_orientation_after_the_pixels_of_a_png(tmp_path: Path) -> None:
    tags = exif(6).tobytes().removeprefix(b"Exif\0\0")
    path = tmp_path / "late.png"
    path.write_bytes(png(3, 2, 8, 2, bytes(18), late=chunk(b"eXIf", tags)))
    assert load(path).size == measure(path) == Size(2, 3)
    path.write_bytes(png(3, 2, 8, 2, bytes(18)))
    assert load(path).size == measure(path) == Size(3, 2)


@tolerant
@pytest.mark.parametrize(
    "tags",
    [
        b"Exif\0\0",
        b"Exif\0\0garbage",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x03ab\0\0\0\0\0\0",
        b"Exif\0\0" + bytes(range(256)),
    ],
)
def test_broken_exif_costs_nothing(tags: bytes, tmp_path: Path) -> None:
    for format in ("JPEG", "PNG", "WEBP"):
        path = tmp_path / format
        path.write_bytes(encoded(corners(), format, exif=tags))
        assert "".join(quarters(load(path))) == "RGBW"
        assert measure(path) == Size(48, 32)


@tolerant
def test_xmp_that_is_not_utf8_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(encoded(corners(), "JPEG", xmp=b'<x:xmpmeta \xff\xfe\x9d tiff:Orientation="6"/>'))
    assert measure(path) == load(path).size
    data = png(3, 2, 8, 2, bytes(18), chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0\xff\xfe\x9d"))
    assert see(data).size == (3, 2)


def test_sixteen_bits_become_the_upper_eight() -> None:
    values = [0, 255, 256, 32767, 32768, 65535]
    grey = png(6, 1, 16, 0, struct.pack(">6H", *values))
    assert [see(grey).getpixel((x, 0)) for x in range(6)] == [(value >> 8,) * 3 for value in values]
    colours = png(2, 1, 16, 2, struct.pack(">6H", *values))
    assert [see(colours).getpixel((x, 0)) for x in range(2)] == [(0, 0, 1), (127, 128, 255)]
    for order in ("<", ">"):
        tiff = _tiff_of_16_bits(values, order)
        assert [see(tiff).getpixel((x, 0)) for x in range(6)] == [(value >> 8,) * 3 for value in values]


def _tiff_of_16_bits(values: list[int], order: str) -> bytes:
    """A TIFF of one grey row, written by hand in either byte order."""
    tags = [(256, len(values)), (257, 1), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1)]
    tags.append((279, len(values) * 2))
    pixels = struct.pack(f"{order}{len(values)}H", *values)
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + len(pixels))
    entries = b"".join(struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    return head + pixels + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize(
    ("inks", "seen"),
    [
        ((0, 0, 0, 0), WHITE),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((0, 255, 255, 0), RED),
        ((255, 0, 255, 0), GREEN),
    ],
)
def test_cmyk_with_adobes_inversion_keeps_its_colours(inks: tuple[int, ...], seen: tuple[int, int, int]) -> None:
    data = encoded(Image.new("CMYK", (16, 16), inks), "JPEG", quality=100)
    assert b"Adobe" in data[:64], "Adobe's marker stands for inverted inks"
    assert _distance(seen, see(data).getpixel((8, 8))) <= 6
    assert _distance(seen, see(encoded(Image.new("CMYK", (16, 16), inks), "TIFF")).getpixel((8, 8))) == 0


def test_what_is_transparent_is_white() -> None:
    clear = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    for format in ("PNG", "WEBP", "TIFF"):
        options = {"lossless": True, "exact": True} if format == "WEBP" else {}
        assert see(encoded(clear, format, **options)).getpixel((0, 0)) == WHITE
        assert see(encoded(half, format, **options)).getpixel((0, 0)) == (127, 127, 127)
    assert see(encoded(Image.new("LA", (4, 4), (0, 0)), "PNG")).getpixel((0, 0)) == WHITE
    palette = Image.new("P", (2, 1))
    palette.putpalette([*RED, *BLUE])
    palette.putpixel((1, 0), 1)
    seen = see(encoded(palette, "PNG", transparency=0))
    assert [seen.getpixel((x, 0)) for x in range(2)] == [WHITE, BLUE]
    seen = see(encoded(palette, "PNG", transparency=b"\x80\xff"))
    assert [seen.getpixel((x, 0)) for x in range(2)] == [(255, 127, 127), BLUE]
    key = png(2, 1, 8, 2, bytes([*RED, *BLUE]), chunk(b"tRNS", struct.pack(">3H", *RED)))
    assert [see(key).getpixel((x, 0)) for x in range(2)] == [WHITE, BLUE]


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_opacity_is_turned_upright_as_the_picture_is(format: str, orientation: int) -> None:
    """Where it is clear the picture is white, and its white quarter alone is clear."""
    clear = corners().convert("RGBA")
    clear.putalpha(Image.new("L", clear.size, 255))
    clear.paste((255, 255, 255, 0), (clear.width // 2, clear.height // 2, clear.width, clear.height))
    data = encoded(clear, format, exif=exif(orientation), **({"lossless": True} if format == "WEBP" else {}))
    found, picture = opacity(data, Path("clear")), see(data)
    assert found is not None
    assert found.size == picture.size
    width, height = found.size
    places = [(x, y) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    assert [found.getpixel(place) for place in places] == [0 if name == "W" else 255 for name in UPRIGHT[orientation]]


def test_a_picture_without_transparency_has_no_opacity() -> None:
    assert opacity(encoded(corners(), "JPEG"), Path("whole")) is None
    with pytest.raises(PictureError, match="damaged"):
        opacity(encoded(corners().convert("RGBA"), "PNG")[:-30], Path("cut"))


def test_one_bit_and_palette_and_grey() -> None:
    bit = Image.new("1", (9, 1))
    bit.putpixel((8, 0), 1)
    for format in ("PNG", "TIFF", "BMP"):
        assert [see(encoded(bit, format)).getpixel((x, 0)) for x in (0, 8)] == [(0, 0, 0), WHITE]
    assert see(encoded(Image.new("L", (2, 2), 77), "JPEG")).getpixel((0, 0)) == (77, 77, 77)
    assert see(encoded(corners().convert("P"), "GIF")).mode == "RGB"


@pytest.mark.parametrize(("mode", "words"), [("F", "floating-point"), ("I", "32-bit"), ("LAB", "Lab")])
def test_numbers_without_a_white_are_refused(mode: str, words: str) -> None:
    with pytest.raises(PictureError, match=words):
        see(encoded(Image.new(mode, (2, 2)), "TIFF"))


def test_wide_colours_become_srgb() -> None:
    """A profile whose red and green are exchanged must exchange them in what is seen."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = bytearray(srgb.replace(b"sRGB", b"tRGB").replace("sRGB".encode("utf-16-be"), "tRGB".encode("utf-16-be")))
    places = {swapped[at : at + 4].decode(): at for at in range(132, 132 + 12 * swapped[131], 12)}
    red, green = places["rXYZ"], places["gXYZ"]
    swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"
    picture = Image.new("RGB", (4, 4), RED)
    assert _distance(GREEN, see(encoded(picture, "PNG", icc_profile=bytes(swapped))).getpixel((0, 0))) <= 6
    assert see(encoded(picture, "PNG", icc_profile=srgb)).getpixel((0, 0)) == RED


def test_a_linear_profile_that_bears_the_name_of_srgb_is_applied() -> None:
    """As image editors write when they work in linear light: 55 of 255 of the light is a middle grey."""
    linear = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (tags,) = struct.unpack_from(">I", linear, 128)
    for at in range(132, 132 + 12 * tags, 12):
        name, offset = struct.unpack_from(">4sI", linear, at)
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            struct.pack_into(">4sIHHi", linear, offset, b"para", 0, 0, 0, 1 << 16)  # gamma 1
    picture = Image.new("RGB", (8, 8), (55, 55, 55))
    seen = see(encoded(picture, "PNG", icc_profile=bytes(linear))).getpixel((0, 0))
    assert _distance((128, 128, 128), seen) <= 3


@pytest.mark.parametrize(
    "profile", [b"", b"nonsense", bytes(16) + b"RGB " + bytes(200), bytes(16) + b"GRAY" + bytes(99)]
)
def test_a_broken_profile_is_ignored(profile: bytes) -> None:
    for mode in ("RGB", "CMYK"):
        data = encoded(Image.new(mode, (4, 4)), "TIFF", icc_profile=profile.replace(b"RGB ", mode.ljust(4).encode()))
        assert see(data).getpixel((0, 0)) == ((0, 0, 0) if mode == "RGB" else WHITE)


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_of_several_frames_the_first_is_used_and_said(format: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE, GREEN)]
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:])
    decoded = decode(data, Path("a"))
    assert _distance(RED, decoded.picture.getpixel((4, 4))) <= 12
    assert decoded.remarks == ("It has several frames or pages; only the first is used.",)
    assert decode(encoded(frames[0], format), Path("a")).remarks == ()


def test_a_damaged_second_frame_does_not_cost_the_first() -> None:
    frames = [Image.effect_noise((16, 16), 80).convert("P") for _ in range(2)]
    whole = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    first = encoded(frames[0], "GIF")
    for end in range(len(first), len(whole), 7):
        assert see(whole[:end]).tobytes() == see(whole).tobytes()


def test_a_phones_picture_with_a_second_one_inside_is_a_jpeg() -> None:
    data = encoded(corners(), "MPO", save_all=True, append_images=[corners()])
    decoded = decode(data, Path("a.jpg"))
    assert (decoded.format, decoded.remarks, decoded.picture.size) == ("JPEG", (), (48, 32))


@pytest.mark.parametrize("side", [20_000, 12_000])
def test_a_bomb_is_refused_before_it_is_decoded(side: int, tmp_path: Path) -> None:
    """Above twice Pillow's limit it raises by itself, above once it would only warn."""
    assert side * side > MAX_PIXELS
    path = tmp_path / "bomb.png"
    path.write_bytes(png(side, side, 1, 0, b""))
    for opened in (load, measure):
        with pytest.raises(PictureError, match="million pixels") as caught:
            opened(path)
        assert "smaller" in caught.value.fix


@pytest.mark.filterwarnings("ignore")
def test_a_bomb_is_refused_where_warnings_are_off() -> None:
    with pytest.raises(PictureError, match="12000 x 12000 pixels"):
        see(png(12_000, 12_000, 1, 0, b""))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
@tolerant
def test_a_truncated_picture_is_refused(format: str, share: float, tmp_path: Path) -> None:
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    picture = Image.effect_noise((64, 64), 80).convert("P" if format == "GIF" else "RGB")
    data = encoded(picture, format)
    path = tmp_path / "cut.png"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(PictureError, match=r"The picture .*cut\.png can't be used: (it is damaged|the file holds no)"):
        load(path)


def test_flipped_bits_in_a_png_are_noticed() -> None:
    data = bytearray(encoded(Image.effect_noise((64, 64), 80), "PNG"))
    data[len(data) // 2] ^= 1
    with pytest.raises(PictureError, match="damaged"):
        see(bytes(data))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture"),
        (b"\0\0\0\x20ftypisom\0\0\0\0", "a video"),
        (b"\xff\x0a\xfa\x1f\x41", "a JPEG XL picture"),
        (b"8BPS\0\1", "a Photoshop document"),
        (b'<?xml version="1.0"?><svg><image href="file:///etc/passwd"/></svg>', "SVG or a web page"),
        (b"\xef\xbb\xbf \n<!DOCTYPE html>", "SVG or a web page"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a PostScript document"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
        (b"PK\x03\x04", "a ZIP archive"),
        (bytes(100), "the file holds no picture"),
    ],
)
def test_other_files_are_named_for_what_they_are(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    for opened in (load, measure):
        with pytest.raises(PictureError, match=words) as caught:
            opened(path)
        assert isinstance(caught.value, UserError)
        assert str(path) in caught.value.title
        assert caught.value.fix


def test_the_content_decides_not_the_extension(tmp_path: Path) -> None:
    path = tmp_path / "really a jpeg, \x1b[31m 狐.png"
    path.write_bytes(encoded(corners(), "JPEG"))
    assert "".join(quarters(load(path))) == "RGBW"
    path.write_bytes(b"")
    with pytest.raises(PictureError) as caught:
        load(path)
    assert "\x1b" not in caught.value.title


def test_gone_and_locked_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for opened in (load, measure):
        with pytest.raises(PictureError, match="disappeared"):
            opened(tmp_path / "gone.png")

    def locked(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", locked)
    for opened in (load, measure):
        with pytest.raises(PictureError, match="can't be opened"):
            opened(tmp_path / "locked.png")


@tolerant
def test_damage_never_escapes_as_anything_but_a_reason(tmp_path: Path) -> None:
    rng = random.Random(2)
    noise = Image.effect_noise((24, 20), 60).convert("RGB")
    seeds = [encoded(noise, format, exif=exif(6)) for format in ("PNG", "JPEG", "WEBP", "AVIF")]
    seeds += [encoded(noise.convert("P"), format) for format in ("GIF", "BMP", "PNG")]
    frames = [noise.convert("P"), noise.rotate(90).convert("P")]
    seeds += [encoded(frames[0], format, save_all=True, append_images=frames[1:]) for format in ("GIF", "PNG", "WEBP")]
    path = tmp_path / "damaged"
    outcomes = {"seen": 0, "refused": 0}
    for trial in range(600):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 2, 20))):
            # The heads of the files, where parsers live; but not the sizes, which only make the test slow.
            data[rng.choice((rng.randrange(34, min(len(data), 300)), rng.randrange(34, len(data))))] = rng.randrange(
                256
            )
        path.write_bytes(data[: rng.randrange(34, len(data))] if trial % 5 == 0 else data)
        for opened in (load, measure) if trial % 4 == 0 else (load,):
            try:
                opened(path)
                outcomes["seen"] += 1
            except PictureError:
                outcomes["refused"] += 1
    assert min(outcomes.values()) > 50


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_a_glance_shows_the_same_picture_smaller(format: str, orientation: int) -> None:
    picture = Image.linear_gradient("L").resize((640, 360)).convert("RGB")
    picture.paste(RED, (0, 0, 200, 100))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = encoded(picture, format, exif=exif)
    seen, whole = glance(data, Path("picture"), 160), see(data)
    assert seen.size == whole.size
    assert seen.format == format
    assert max(seen.picture.size) == (160 if format == "JPEG" else 640)
    shrunk = whole.resize(seen.picture.size, Image.Resampling.BOX)
    difference = ImageChops.difference(shrunk, seen.picture.convert("RGB")).resize((8, 8), Image.Resampling.BOX)
    assert max(high for _, high in difference.getextrema()) < 12  # type: ignore[misc]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_glance_refuses_what_decoding_refuses(format: str) -> None:
    data = encoded(Image.effect_noise((300, 300), 60).convert("RGB"), format)
    for damaged in (b"", data[: len(data) * 2 // 3]):
        with pytest.raises(PictureError) as refused:
            glance(damaged, Path("picture"), 64)
        with pytest.raises(PictureError) as expected:
            see(damaged)
        assert refused.value.reason == expected.value.reason
