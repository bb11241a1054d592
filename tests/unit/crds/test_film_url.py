"""What `kubectl apply` says about a film's URL; tests/integration/operator asks the API server the same."""

import pytest
from pydantic import ValidationError

from helios_crds.film_url import MAX_NAME
from helios_crds.renderjob import Output

BAD = [
    pytest.param("s3://media", "name a file", id="a bucket"),
    pytest.param("s3://media/", "name a file", id="the top of a bucket"),
    pytest.param("file:///", "name a file", id="the top of a file system"),
    pytest.param("file:///artifacts/out/", "name a file", id="a folder"),
    pytest.param("s3://media//a.mp4", "in two ways", id="two slashes"),
    pytest.param("s3://media/a.mp4?x=1", "in two ways", id="a query"),
    pytest.param("s3://media/a.mp4#t", "in two ways", id="a fragment"),
    pytest.param("s3://media/a\\b.mp4", "in two ways", id="a backslash"),
    pytest.param("s3://media/../other/a.mp4", "in two ways", id="up"),
    pytest.param("s3://media/out/..", "in two ways", id="up at the end"),
    pytest.param("file:///artifacts/./a.mp4", "in two ways", id="here"),
    pytest.param("s3://media/100%.mp4", "in two ways", id="a percent sign"),
    pytest.param("s3://media/a%20b.mp4", "in two ways", id="an escape in a bucket"),
    pytest.param("file:///artifacts/%2e%2e/a.mp4", "in two ways", id="escaped dots"),
    pytest.param("file:///artifacts/out%2Fa.mp4", "in two ways", id="an escaped slash"),
    pytest.param("file:///artifacts/out%5ca.mp4", "in two ways", id="an escaped backslash"),
    pytest.param("file:///artifacts/a%2.mp4", "in two ways", id="half an escape"),
    pytest.param(f"s3://media/{'a' * (MAX_NAME + 1)}", "more than 220 bytes", id="a long name"),
    pytest.param(f"s3://media/{'a' * 300}/a.mp4", "more than 220 bytes", id="a long folder"),
    pytest.param(f"s3://media/{'é' * 111}", "more than 220 bytes", id="a long name in bytes"),
]
GOOD = [
    "s3://media/a.mp4",
    "gs://media/out/teaser.v2..mp4",
    "file:///artifacts/out/my%20film.mp4",
    "az://c/.hidden/a",
    f"s3://media/{'a' * MAX_NAME}",
    f"s3://media/{'é' * 110}",
]


@pytest.mark.parametrize(("url", "says"), BAD)
def test_what_no_file_can_be(url, says):
    with pytest.raises(ValidationError, match=says):
        Output(url=url)


@pytest.mark.parametrize("url", GOOD)
def test_what_a_file_can_be(url):
    assert Output(url=url).url == url
