"""The soundtrack: what a page plays and what a request names, as one sound plan, and that plan in the store."""

from fractions import Fraction

import pytest

from helios_crds.request import AudioRequest, AudioTrackRequest
from helios_worker.artifacts.blobs import Blobs
from helios_worker.artifacts.store import ArtifactStore
from helios_worker.encode.audio.sound_plan import Envelope, Loop, Piece, SoundEncoding, SoundPlan, SoundSource
from helios_worker.errors import CorruptArtifact, CorruptBlob, UserError
from helios_worker.jobs.layout import sound_key
from helios_worker.jobs.sounds import heard_part, load_sound_plan, sound_files, store_sound_plan
from helios_worker.jobs.spec import FilmSpec
from helios_worker.planning.soundtrack import soundtrack
from helios_worker.planning.tracks import Track
from tests.unit.encode.builders import settings

MUSIC, VOICE = SoundSource(sha256="ab" * 32, name="music.mp3"), SoundSource(sha256="cd" * 32, name="voice.wav")
PAGE = SoundPlan(
    fps=30,
    end=300,
    sources=(VOICE,),
    pieces=(Piece(source=0, start=2, duration=3, envelope=0),),
    envelopes=(Envelope(tick=Fraction(1, 30), points=((0, 0.5),)),),
)


def film(first: int = 0, end: int = 300) -> FilmSpec:
    """A film of 10 s, of which these frames are rendered."""
    return FilmSpec(
        frames=300,
        first=first,
        end=end,
        capture="jpeg",
        quality=95,
        stateful=False,
        page_errors="fail",
        encoder=settings(),
    )


def track(source: SoundSource = MUSIC, length: Fraction | int = 60, **asked: object) -> Track:
    return Track(AudioTrackRequest.model_validate({"url": source.name, **asked}), source, Fraction(length))


def test_a_film_in_which_nothing_is_heard_has_none():
    assert soundtrack(film(), AudioRequest(), [], None) is None
    assert soundtrack(film(), AudioRequest(codec="none"), [track()], PAGE) is None


def test_page_and_request_are_heard_together():
    audio = AudioRequest(codec="opus", bitrate=96, loudness=-14)
    plan = soundtrack(film(60, 120), audio, [track(), track(VOICE, gainDb=-20), track()], PAGE)
    assert plan is not None
    assert (plan.first, plan.end, plan.fps) == (60, 120, Fraction(30))
    assert plan.sources == (VOICE, MUSIC)  # each once
    assert [piece.source for piece in plan.pieces] == [0, 1, 0, 1]
    assert plan.pieces[0] == PAGE.pieces[0]
    assert plan.envelopes == PAGE.envelopes
    assert plan.pieces[2].gain == pytest.approx(0.1)
    assert plan.encoding == SoundEncoding(codec="opus", bitrate=96, loudness=-14)


@pytest.mark.parametrize(
    ("asked", "length", "piece"),
    [
        ({}, 60, Piece(source=0, start=0, duration=10)),
        ({}, Fraction(5, 2), Piece(source=0, start=0, duration=Fraction(5, 2))),
        ({"start": 1.1}, 60, Piece(source=0, start=Fraction(11, 10), duration=Fraction(89, 10))),
        ({"trim": 2}, 5, Piece(source=0, start=0, duration=3, position=2)),
        ({"duration": 0.04}, 0, Piece(source=0, start=0, duration=Fraction(1, 25))),
        ({"duration": 8}, 5, Piece(source=0, start=0, duration=5)),
        ({"loop": True}, 5, Piece(source=0, start=0, duration=10, loop=Loop())),
        (
            {"loop": True, "trim": 1, "duration": 7},
            5,
            Piece(source=0, start=0, duration=7, position=1, loop=Loop(start=1)),
        ),
        ({"fadeIn": 1, "fadeOut": 0.5}, 3, Piece(source=0, start=0, duration=3, fadeIn=1, fadeOut=Fraction(1, 2))),
    ],
)
def test_a_track_is_a_piece(asked, length, piece):
    plan = soundtrack(film(), AudioRequest(), [track(length=length, **asked)], None)
    assert plan is not None
    assert plan.pieces == (piece,)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"start": 10}, "the sound music.mp3 starts at 10 s, and the film ends at 10 s"),
        ({"trim": 60}, "the sound music.mp3 is 60 s long, and 60 s of its beginning are left out"),
    ],
)
def test_a_track_that_is_never_heard_is_refused(asked, says):
    with pytest.raises(UserError, match=says):
        soundtrack(film(), AudioRequest(), [track(**asked)], None)


@pytest.fixture
def store(tmp_path):
    return ArtifactStore((tmp_path / "artifacts").as_uri())


def test_a_plan_in_the_store_is_proven_by_its_digest(store):
    digest = store_sound_plan(store, PAGE)
    assert load_sound_plan(store, digest) == PAGE
    store.put(sound_key(digest), PAGE.content.replace(b'"duration":"3"', b'"duration":"4"'))
    with pytest.raises(CorruptArtifact, match="has been altered"):
        load_sound_plan(store, digest)
    with pytest.raises(CorruptArtifact, match="is not in"):
        load_sound_plan(store, digest)


def test_a_source_that_is_missing_in_the_store_is_named(store, tmp_path):
    with pytest.raises(CorruptBlob, match=r"voice\.wav is missing in the artifacts"):
        sound_files(store, PAGE, Blobs(tmp_path))


@pytest.mark.parametrize(
    ("first", "end", "heard"), [(0, 300, [0, 1, 2]), (60, 90, [1]), (90, 120, [1, 2]), (0, 15, [0])]
)
def test_only_what_the_frames_hear_is_fetched(tmp_path, first, end, heard):
    store = ArtifactStore((tmp_path / "store").as_uri())
    contents = (b"one", b"two", b"three")
    digests = []
    for content in contents:
        (tmp_path / "file").write_bytes(content)
        digests.append(store.put_content("blobs", tmp_path / "file")[1])
    spans = ((0, 1), (Fraction(1, 2), 5), (3, 2))
    plan = SoundPlan(
        fps=30,
        first=first,
        end=end,
        sources=tuple(SoundSource(sha256=digest, name=digest) for digest in digests),
        pieces=tuple(Piece(source=place, start=start, duration=length) for place, (start, length) in enumerate(spans)),
    )
    for place in {0, 1, 2} - set(heard):
        store.delete(f"blobs/{digests[place]}")
    part = heard_part(plan)
    files = sound_files(store, part, Blobs(tmp_path))
    assert [file.read_bytes() for file in files] == [contents[place] for place in heard]
    assert [part.sources[piece.source] for piece in part.pieces] == [plan.sources[place] for place in heard]
    assert (part.first_sample, part.samples) == (plan.first_sample, plan.samples)
