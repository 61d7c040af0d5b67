"""What is made of somebody else's image, and what is refused."""

import contextlib
import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageStat

from tests.support.pictures import draw
from veilleur.infra.images import LONGEST_SIDE, ImageRefused, make_views


def read(data):
    with Image.open(BytesIO(data)) as image:
        image.load()
        return image


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_both_views_are_small_jpegs_of_the_same_shape(kind):
    views = make_views(draw(2_048, 1_024, kind))
    for view in (views.full, views.blurred):
        image = read(view)
        assert (image.format, image.size) == ("JPEG", (LONGEST_SIDE, LONGEST_SIDE // 2))


def test_a_small_image_keeps_its_size():
    assert read(make_views(draw(64, 48)).full).size == (64, 48)


def test_nothing_fine_survives_the_blur():
    stripes = Image.new("L", (512, 512), "white")
    for column in range(0, 512, 8):
        stripes.paste("black", (column, 0, column + 4, 512))
    written = BytesIO()
    stripes.save(written, "PNG")
    views = make_views(written.getvalue())
    assert ImageStat.Stat(read(views.full).convert("L")).stddev[0] > 100
    assert ImageStat.Stat(read(views.blurred).convert("L")).stddev[0] < 10


def test_what_is_transparent_is_white_and_metadata_are_left_behind():
    clear = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    exif = Image.Exif()
    exif[0x010E] = "where it was taken"
    written = BytesIO()
    clear.save(written, "PNG", exif=exif)
    full = make_views(written.getvalue()).full
    assert read(full).getpixel((5, 5)) == (255, 255, 255)
    assert b"where it was taken" not in full


def test_a_turned_photograph_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    written = BytesIO()
    Image.new("RGB", (64, 32)).save(written, "JPEG", exif=exif)
    assert read(make_views(written.getvalue()).full).size == (32, 64)


def test_a_decompression_bomb_is_refused_by_its_header():
    for side in (6_500, 60_000):
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
        data = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
        with pytest.raises(ImageRefused) as refused:
            make_views(b"\x89PNG\r\n\x1a\n" + chunk + data)
        assert refused.value.reason == "too_large"


@pytest.mark.parametrize("body", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", draw(kind="TIFF")])
def test_what_is_no_image_of_the_web_is_refused(body):
    with pytest.raises(ImageRefused) as refused:
        make_views(body)
    assert refused.value.reason == "not_an_image"


def test_half_an_image_is_unreadable():
    with pytest.raises(ImageRefused) as refused:
        make_views(draw(640, 480, "PNG")[:100])
    assert refused.value.reason == "unreadable"


@given(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP"]), st.data())
def test_damaged_bytes_are_refused_or_shown_never_anything_else(kind, data):
    damaged = bytearray(draw(16, 16, kind))
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=8)):
        damaged[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ImageRefused):
        assert read(make_views(bytes(damaged)).full).format == "JPEG"
