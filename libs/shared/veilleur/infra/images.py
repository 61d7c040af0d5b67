"""Two views of somebody else's image: in full but no larger than a screen needs, and blurred beyond recognition.

What is read is hostile until shown otherwise: formats are few, sizes are looked at before anything is decoded, and
whatever a decoder trips over is a refusal. What is written is new: no metadata, no animation, no second payload.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from PIL import Image, ImageFilter, ImageOps

Refusal = Literal["not_an_image", "too_large", "unreadable"]

LONGEST_SIDE = 1_024
MOST_PIXELS = 40_000_000
"""Beyond that decoding costs more memory than a worker has to spare: 40 million are 160 MB."""
MEDIA_TYPE = "image/jpeg"

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_BLURRED_SIDE = 24
"""What a blurred view knows of its image: no more than so many points a side."""

# Pillow's own fuse, for what claims one size in its header and another further in.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS


class ImageRefused(Exception):  # noqa: N818
    """These bytes are not shown; `reason` says why in a word."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason: Refusal = reason


@dataclass(frozen=True, slots=True)
class Views:
    """Both as JPEG."""

    full: bytes
    blurred: bytes


def make_views(data: bytes) -> Views:
    """Both views of an image. Slow: a thread's work. Raises `ImageRefused`."""
    try:
        image = Image.open(BytesIO(data), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageRefused("too_large") from None
    except Exception:  # noqa: BLE001 - decoders raise anything at hostile bytes
        raise ImageRefused("not_an_image") from None
    with image:
        if image.width * image.height > MOST_PIXELS:
            raise ImageRefused("too_large")
        try:
            full = _shrink(image)
        except Exception:  # noqa: BLE001 - as above
            raise ImageRefused("unreadable") from None
    return Views(_write(full), _write(_blur(full)))


def _shrink(image: Image.Image) -> Image.Image:
    """The first frame, upright, on white where it is transparent."""
    image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        layered = upright.convert("RGBA")
        ground = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(ground, layered).convert("RGB")
    return upright.convert("RGB")


def _blur(image: Image.Image) -> Image.Image:
    """By way of a few points, so that no filter brings back what was there."""
    points = image.copy()
    points.thumbnail((_BLURRED_SIDE, _BLURRED_SIDE))
    smooth = points.filter(ImageFilter.GaussianBlur(1))
    return smooth.resize(image.size, Image.Resampling.BICUBIC)


def _write(image: Image.Image) -> bytes:
    written = BytesIO()
    image.save(written, "JPEG", quality=85)
    return written.getvalue()
