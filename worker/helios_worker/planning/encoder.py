"""The encoder's part of a request, checked as far as the request goes: before a browser is started."""

from fractions import Fraction

from pydantic import ValidationError

from helios_crds.numbers import shown
from helios_crds.request import RenderRequest
from helios_worker.encode.video.settings import EncoderSettings, default_unit_frames
from helios_worker.errors import UserError

FITS_ALWAYS = 64
"""A side length that no codec refuses, used where only the page knows the real one."""


def check_encoder(request: RenderRequest) -> None:
    """Refuses settings that are wrong whatever the page declares.

    Raises:
        UserError: the codec, crf, preset or a given size is invalid; the message begins with the field.
    """
    video = request.video
    encoder_settings(request, video.width or FITS_ALWAYS, video.height or FITS_ALWAYS, Fraction(video.fps or 30))


def encoder_settings(request: RenderRequest, width: int, height: int, fps: Fraction) -> EncoderSettings:
    """The encoder's settings for a film.

    Raises:
        UserError: the encoder cannot do what the request asks for.
    """
    try:
        return EncoderSettings(
            codec=request.video.codec,
            width=width,
            height=height,
            fps=fps,
            crf=request.video.crf,
            preset=request.video.preset,
            unit_frames=request.video.unitFrames or default_unit_frames(fps),
        )
    except ValidationError as error:
        raise UserError(_message(error)) from None


def _message(error: ValidationError) -> str:
    """The first problem. Messages of our own already name the field."""
    first = error.errors()[0]
    if first["type"] == "value_error":
        return first["msg"].removeprefix("Value error, ")
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}, not {shown(first['input'])}"
