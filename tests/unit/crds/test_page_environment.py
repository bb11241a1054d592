"""Time zone, locale, colour scheme and what a page waits for: what is accepted, and what leaves a film as it was."""

import hashlib

import pytest
from pydantic import ValidationError

from helios_crds.mapping import render_request
from helios_crds.renderjob import RenderJobSpec
from helios_crds.request import CompositionRequest
from helios_worker.jobs.spec import chunk_key
from helios_worker.planning.asked_film import plan_id
from tests.unit.worker import builders
from tests.unit.worker.test_asked_film import REQUEST, SNAPSHOT

USUAL = {"timeZone": "etc/utc", "locale": "en-us", "colorScheme": "light"}
GIVEN = {"timeZone": "Europe/Berlin", "locale": "de-de", "colorScheme": "dark", "waitFor": "#ready"}


def page(**fields: str) -> CompositionRequest:
    return CompositionRequest.model_validate({"url": "/page", **fields})


def test_what_is_not_chosen_is_nowhere():
    """A request, a plan, a job and a chunk without these fields have the bytes and keys that they had before them."""
    assert page(**USUAL) == page()
    assert not set(page().model_dump()) & GIVEN.keys()
    request = hashlib.sha256(REQUEST.model_dump_json().encode()).hexdigest()
    assert request == "0812dc24c2efaba36d1a1a55d772685e0309bc59071817f078f47c7053672b4e"
    plan = plan_id(REQUEST, builders.ENGINE, SNAPSHOT)
    assert plan == "72ccbd2c4d1b18921d710cbda36d3e341e5475e668a29d2257b49dc6458d97d4"
    chunk = chunk_key(builders.ENGINE, builders.film(300), 60, 60)
    assert chunk == "643879cddb4850eead46125cf6010052cb3b973b"


def test_each_is_written_in_one_way():
    assert page(**GIVEN).model_dump(include=set(GIVEN)) == {
        "timeZone": "Europe/Berlin",
        "locale": "de-DE",
        "colorScheme": "dark",
        "waitFor": "#ready",
    }


def test_a_render_job_asks_for_the_same():
    spec = RenderJobSpec.model_validate({"composition": {"url": "s3://media/a/", **GIVEN}})
    assert render_request(spec, "s3://media/out.mp4").composition.model_dump(include=set(GIVEN)) == page(
        **GIVEN
    ).model_dump(include=set(GIVEN))


@pytest.mark.parametrize("field", GIVEN)
def test_each_is_another_film(field):
    film = builders.film(300)
    other = film.model_copy(update={field: getattr(page(**GIVEN), field)})
    assert chunk_key(builders.ENGINE, other, 60, 60) != chunk_key(builders.ENGINE, film, 60, 60)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("timeZone", "+02:00", "must be the name of a time zone, such as"),
        ("locale", "de_DE", "write de-DE"),
        ("locale", "german", "must be a language with its region, such as"),
        ("colorScheme", "Dark", "'light' or 'dark'"),
        ("waitFor", " ", "must be a CSS selector"),
        ("waitFor", "#a\n#b", "must be one line"),
    ],
)
def test_what_is_refused(field, value, says):
    with pytest.raises(ValidationError, match=says):
        page(**{field: value})
