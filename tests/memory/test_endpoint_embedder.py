"""Vectors from a server: right ones come through unit length and in order, wrong ones never."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from recollect.memory.endpoint import Endpoint
from recollect.memory.endpoint_embedder import EndpointEmbedder
from recollect.memory.errors import ConfigError, EmbedderError, InvalidVectors
from tests.openai_server import Act, OpenAIServer, drops, embeds, hangs, refuses, running, sends, unused_url

KEY = "sk-the-secret"


def length_and_one(text: str) -> list[float]:
    """A vector that tells its text by its direction, and is not of unit length."""
    return [float(len(text)), 1.0, 0.0]


def embedder_on(server: OpenAIServer, **options: int) -> EndpointEmbedder:
    endpoint = Endpoint(model="embed-1", base_url=server.url, api_key=KEY, timeout_s=0.3, max_retries=1)
    return EndpointEmbedder(endpoint, **options)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with running(embeds(length_and_one, is_shuffled=True)) as server:
        yield server


def test_vectors_are_float32_of_unit_length_and_in_the_order_of_the_texts(server: OpenAIServer) -> None:
    texts = ["a", "bbb", "cc"]
    vectors = embedder_on(server).embed(texts, kind="passage")
    assert vectors.dtype == np.float32
    expected = [[len(text) / math.hypot(len(text), 1), 1 / math.hypot(len(text), 1), 0] for text in texts]
    np.testing.assert_allclose(vectors, expected, rtol=1e-6)


def test_the_model_and_the_key_are_sent(server: OpenAIServer) -> None:
    embedder_on(server).embed(["a"], kind="query")
    (request,) = server.requests
    assert request.path == "/v1/embeddings"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body["model"] == "embed-1"
    assert request.body["encoding_format"] == "float"


def test_many_texts_travel_in_batches_of_at_most_128(server: OpenAIServer) -> None:
    texts = ["x" * (1 + index) for index in range(300)]
    vectors = embedder_on(server).embed(texts, kind="passage")
    assert [len(request.body["input"]) for request in server.requests] == [128, 128, 44]
    ratios = vectors[:, 0] / vectors[:, 1]
    np.testing.assert_allclose(ratios, np.arange(1, 301), rtol=1e-4)


def test_long_texts_make_smaller_batches_and_are_cut(server: OpenAIServer) -> None:
    embedder_on(server).embed(["y" * 1_000_000] * 30, kind="passage")
    assert [len(request.body["input"]) for request in server.requests] == [25, 5]
    assert {len(text) for request in server.requests for text in request.body["input"]} == {8_000}


def test_empty_texts_and_lone_surrogates_are_sent_as_something_a_server_takes(server: OpenAIServer) -> None:
    embedder_on(server).embed(["", "a\ud800b"], kind="passage")
    assert server.requests[0].body["input"] == [" ", "a?b"]


def test_no_texts_give_no_rows_of_the_right_width(server: OpenAIServer) -> None:
    vectors = embedder_on(server).embed([], kind="passage")
    assert vectors.shape == (0, 3)
    assert vectors.dtype == np.float32


def test_dimensions_are_asked_for_once(server: OpenAIServer) -> None:
    embedder = embedder_on(server)
    assert (embedder.dimensions, embedder.dimensions) == (3, 3)
    assert len(server.requests) == 1


def test_dimensions_learnt_from_texts_or_given_need_no_question(server: OpenAIServer) -> None:
    embedder = embedder_on(server)
    embedder.embed(["a"], kind="passage")
    assert embedder.dimensions == 3
    assert embedder_on(server, dimensions=7).dimensions == 7
    assert len(server.requests) == 1


def test_the_fingerprint_tells_models_servers_and_dimensions_apart() -> None:
    def fingerprint(model: str = "m", url: str = "http://a/v1", dimensions: int = 3) -> str:
        return EndpointEmbedder(Endpoint(model=model, base_url=url), dimensions=dimensions).fingerprint

    same = {fingerprint(), fingerprint(url="http://a/v1/"), fingerprint(url="http://me:pw@a/v1")}
    assert len(same) == 1
    others = {fingerprint(model="n"), fingerprint(url="http://b/v1"), fingerprint(dimensions=4)}
    assert len(others | same) == 4


@pytest.mark.parametrize(
    "act",
    [
        embeds(lambda text: [float("nan"), 1.0, 0.0]),
        embeds(lambda text: [float("inf"), 1.0, 0.0]),
        embeds(lambda text: [0.0, 0.0, 0.0]),
        embeds(lambda text: [None, 1.0, 0.0]),
        embeds(lambda text: []),
        embeds(lambda text: [1.0] * len(text)),
        sends(b'{"object": "list", "data": []}'),
        sends(b'{"data": [{"index": 0, "embedding": [1, 2, 3]}]}'),
        sends(b'{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]}'),
        sends(b'{"data": [{"index": 0, "embedding": [1]}, {"index": 2, "embedding": [1]}]}'),
        sends(b'{"data": [[1, 2], [3, 4]]}'),
        sends(b'{"embeddings": [[1, 2], [3, 4]]}'),
        sends(b"[]"),
        sends(b"{not json"),
        sends(b"<html>welcome</html>", content_type="text/html"),
    ],
)
def test_vectors_that_cannot_be_used_are_refused(act: Act) -> None:
    with running(act) as server, pytest.raises(InvalidVectors, match="embed-1"):
        embedder_on(server).embed(["a", "bb"], kind="passage")


def test_vectors_of_another_width_than_given_are_refused(server: OpenAIServer) -> None:
    with pytest.raises(InvalidVectors, match=r"\[3, 4\] dimensions"):
        embedder_on(server, dimensions=4).embed(["a"], kind="passage")


def test_batches_of_different_widths_are_refused() -> None:
    with (
        running(embeds(length_and_one), embeds(lambda text: [1.0, 2.0])) as server,
        pytest.raises(InvalidVectors, match=r"\[2, 3\] dimensions"),
    ):
        embedder_on(server).embed(["a"] * 129, kind="passage")


def test_a_passing_trouble_is_tried_again() -> None:
    with running(refuses(500), embeds(length_and_one)) as server:
        assert embedder_on(server).embed(["a"], kind="passage").shape == (1, 3)
        assert len(server.requests) == 2


def test_a_refused_key_names_the_variable_and_never_the_key() -> None:
    with running(refuses(401, f"bad key {KEY}")) as server, pytest.raises(EmbedderError) as caught:
        embedder_on(server).embed(["a"], kind="passage")
    assert "OPENAI_API_KEY" in str(caught.value)
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(("act", "words"), [(drops(), "failed"), (hangs(), "sent nothing for 0.3 s")])
def test_a_dropped_or_silent_connection_is_an_embedder_error(act: Act, words: str) -> None:
    with running(act) as server, pytest.raises(EmbedderError, match=words) as caught:
        EndpointEmbedder(Endpoint(model="embed-1", base_url=server.url, timeout_s=0.3, max_retries=0)).embed(
            ["a"], kind="passage"
        )
    assert server.url in str(caught.value)


def test_a_server_that_is_not_there_is_named() -> None:
    url = unused_url()
    embedder = EndpointEmbedder(Endpoint(model="embed-1", base_url=url, section="embedder", max_retries=0))
    with pytest.raises(EmbedderError, match=r"refused.*`embedder\.base_url`") as caught:
        embedder.embed(["a"], kind="query")
    assert url in str(caught.value)


def test_a_closed_embedder_connects_again_when_asked(server: OpenAIServer) -> None:
    embedder = embedder_on(server)
    embedder.embed(["a"], kind="query")
    embedder.close()
    assert embedder.embed(["a"], kind="query").shape == (1, 3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": " "}, "hosted.model"),
        ({"base_url": "localhost:8000"}, "hosted.base_url"),
        ({"base_url": "ftp://localhost"}, "hosted.base_url"),
        ({"timeout_s": 0.0}, "hosted.timeout_s"),
        ({"max_retries": -1}, "hosted.max_retries"),
        ({"api_key": f"{KEY}\n"}, "OPENAI_API_KEY"),
    ],
)
def test_an_endpoint_that_cannot_be_meant_is_refused(options: dict[str, str | float], words: str) -> None:
    wanted: dict[str, object] = {"model": "m", "base_url": "http://localhost/v1", **options}
    with pytest.raises(ConfigError, match=words) as caught:
        Endpoint(**wanted)  # type: ignore[arg-type]  # wrong on purpose
    assert KEY not in str(caught.value)


def test_an_endpoint_shows_neither_key_nor_password() -> None:
    endpoint = Endpoint(model="m", base_url="https://me:pw@host:8443/v1/?key=q", api_key=KEY)
    assert endpoint.url == "https://host:8443/v1"
    assert KEY not in repr(endpoint)
    assert "pw" not in repr(endpoint)
