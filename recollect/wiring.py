"""The one place that chooses concrete classes: from a configuration to a memory or an agent."""

import os
import tempfile
import weakref
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from . import locations
from .agent.agent import Agent
from .agent.long_term_memory import LongTermMemory
from .config import Config, load_config
from .memory.archive import Archive
from .memory.context import ContextBuilder
from .memory.errors import ConfigError, InvalidInput
from .memory.recall import RecallOptions
from .memory.store import Store
from .rerank.base import FirstStageOrder, Reranker
from .wiring_hosted import hosted_endpoint, hosted_generator

if TYPE_CHECKING:
    from .agent.ports import Generator, Summarizer
    from .agent.session_summaries import SessionSummaries
    from .memory.embedder import MiniLmEmbedder, WordPieceCounter
    from .memory.ports import Embedder
    from .memory.types import Turn
    from .rerank.line_reader import LineReader
    from .rerank.prefilled_qr import TurnsOf

IN_MEMORY = ":memory:"

_MOST_TURNS = 10_000
"""Of a conversation that may stay read; as many take more tokens than any window of ours holds."""


def open_memory(
    path: str | Path | None = None,
    *,
    user: str | None = None,
    conversation: str | None = None,
    config: Config | None = None,
    embedder: "Embedder | None" = None,
) -> LongTermMemory:
    """Open the memory of one user in the store at `path`, creating it when absent.

    `path` None is the configured store; ":memory:" is a store that is deleted when closed. `user` None is the
    configured user. `config` None reads `config.toml` and `RECOLLECT_*`. `embedder` None is the configured one; one
    that is given can be shared by several stores. Offline unless an endpoint is configured.
    Raises StoreError, EmbedderMismatch, ConfigError and their kin (all RecollectError).
    """
    config = config or load_config()
    store = _open_store(path, config)
    try:
        embedder = embedder or make_embedder(config, dimensions=_remembered_dimensions(store, config))
        archive = Archive(
            store, embedder, recall=RecallOptions(fusion=config.fusion, dense_weight=config.dense_weight)
        )
        memory = LongTermMemory(
            archive,
            make_reranker(config, turns_of=partial(_turns_of, store)),
            ContextBuilder(_token_counter()),
            user=config.user if user is None else user,
            conversation=conversation,
            summaries=make_summaries(config, archive),
        )
    except BaseException:
        (_delete_store if str(path) == IN_MEMORY else Store.close)(store)
        raise
    if str(path) == IN_MEMORY:
        weakref.finalize(archive, _delete_store, store)  # several users' memories may share it
    return memory


def open_agent(
    path: str | Path | None = None,
    *,
    user: str | None = None,
    conversation: str | None = None,
    config: Config | None = None,
) -> Agent:
    """Open an agent over the memory of one user; offline unless a model is configured. See `open_memory`."""
    config = config or load_config()
    memory = open_memory(path, user=user, conversation=conversation, config=config)
    try:
        generator = make_generator(config, memory.archive.embedder, asker=speaker_of(memory.user))
    except BaseException:
        memory.close()
        raise
    return Agent(
        memory,
        generator,
        speaker=speaker_of(memory.user),
        assistant=config.assistant,
        budget=config.context_budget,
        window_turns=config.window_turns,
        session_turns=config.session_max_turns or None,
    )


def open_archive(
    path: str | Path | None = None, *, config: Config | None = None, check_embedder: bool = True
) -> Archive:
    """Open a store with its indexes and the configured embedder, for upkeep that concerns no single user.

    `check_embedder` False opens a store that another embedder wrote, so that it can be embedded again.
    """
    config = config or load_config()
    store = _open_store(path, config)
    try:
        return Archive(store, make_embedder(config), check_embedder=check_embedder)
    except BaseException:
        store.close()
        raise


def store_path(path: str | Path | None, config: Config) -> Path:
    """Return where the store lies: as named, as configured, or in the user's data folder."""
    if path is not None and str(path) == IN_MEMORY:
        return Path(tempfile.mkdtemp(prefix="recollect-")) / "memory.db"
    if path is not None and not str(path).strip():
        raise InvalidInput("The path of the store is empty; name a file, or pass None for the configured store.")
    chosen = path if path is not None else config.store
    return Path(chosen).expanduser() if chosen else locations.default_store()


def _open_store(path: str | Path | None, config: Config) -> Store:
    return Store(store_path(path, config), session_gap_s=60.0 * config.session_gap_minutes)


def _delete_store(store: Store) -> None:
    store.close()
    folder = store.file.path.parent
    for file in folder.iterdir():
        file.unlink(missing_ok=True)
    folder.rmdir()


def _remembered_dimensions(store: Store, config: Config) -> int | None:
    """Return the size of the store's vectors if the configured model made them, so that its server may be down."""
    if store.fact("embedder") != config.embedder_model:
        return None
    return int(store.fact("embedder_dimensions") or 0) or None


def make_embedder(config: Config, *, dimensions: int | None = None) -> "Embedder":
    """Return the configured embedder; its weights are loaded when they are first used.

    `dimensions` is the size of an endpoint's vectors where the configuration does not tell it.
    """
    if config.embedder == "minilm":
        return _minilm()
    if config.embedder == "sentence-transformers":
        from .memory.embedder import SentenceTransformerEmbedder

        if not config.embedder_model:
            raise ConfigError("embedder.model is not set; name a sentence-transformers model or folder.")
        return SentenceTransformerEmbedder(config.embedder_model)
    from .memory.endpoint import Endpoint
    from .memory.endpoint_embedder import EndpointEmbedder

    endpoint = Endpoint(
        model=config.embedder_model or "",
        base_url=config.embedder_base_url,
        api_key=os.environ.get(config.embedder_key_variable),
        key_variable=config.embedder_key_variable,
        section="embedder",
        timeout_s=config.hosted_timeout_s,
        max_retries=config.hosted_max_retries,
    )
    return EndpointEmbedder(endpoint, dimensions=config.embedder_dimensions or dimensions)


@lru_cache(maxsize=1)
def _minilm() -> "MiniLmEmbedder":
    """The offline embedder, one a process: its weights take 45 MB and half a second to load."""
    from .memory.embedder import MiniLmEmbedder

    return MiniLmEmbedder()


@lru_cache(maxsize=2)
def _line_reader(*, orders: bool) -> "LineReader":
    """The reader of lines that puts memories in order, or that of the generator."""
    from .rerank.line_reader import LineReader
    from .rerank.span_weights import second_look_weights, shipped_weights

    return LineReader(_minilm(), shipped=second_look_weights if orders else shipped_weights)


def make_reranker(config: Config, *, turns_of: "TurnsOf | None" = None) -> Reranker:
    """Return the configured reranker; weights are loaded when they are first used.

    `turns_of` tells the turns of a conversation, for rerankers that keep conversations read.
    """
    if config.rerank in ("block", "block_heads"):
        from .rerank.block import BlockReranker
        from .rerank.second_look import SecondLook

        heads = BlockReranker(_minilm())
        return SecondLook(heads, _line_reader(orders=True)) if config.rerank == "block" else heads
    if config.rerank == "qr":
        return _qr(config, turns_of)
    if config.rerank == "cross_encoder":
        from .rerank.cross_encoder import SUGGESTED_MODEL, CrossEncoderReranker

        if not config.rerank_model:
            raise ConfigError(
                "rerank.name is 'cross_encoder' and rerank.model is not set; name a hub model or a folder: "
                f"recollect config set rerank.model {SUGGESTED_MODEL}"
            )
        return CrossEncoderReranker(config.rerank_model, device=config.rerank_device)
    if config.rerank == "listwise_llm":
        from .rerank.listwise_llm import ListwiseReranker

        return ListwiseReranker(hosted_endpoint(config, "rerank.name is 'listwise_llm'"))
    return FirstStageOrder()


def _qr(config: Config, turns_of: "TurnsOf | None") -> Reranker:
    """Return the ranker over a decoder's heads, which is loaded with the first question."""
    from .rerank.prefilled_qr import PrefilledQr
    from .rerank.qr import QrOptions, QrReranker

    if not config.rerank_model:
        raise ConfigError(
            "rerank.name is 'qr' and rerank.model is not set; name a folder or a hub model whose heads are known "
            "(recollect heads list): recollect config set rerank.model Qwen/Qwen3-4B-Instruct-2507"
        )
    calibrate = {"auto": None, "yes": True, "no": False}[config.rerank_calibrate]
    options = QrOptions(rows=config.rerank_rows, calibrate=calibrate, device=config.rerank_device)
    ranker = QrReranker(config.rerank_model, heads=config.rerank_heads, options=options)
    if config.rerank_prefill == "no" or turns_of is None:
        return ranker
    return PrefilledQr(ranker, turns_of, budget_bytes=config.rerank_prefill_mib * 2**20)


def _turns_of(store: Store, user: str, conversation: str) -> "list[Turn]":
    """Return the turns of a conversation as they were stored, at most as many as no model's window holds."""
    scope = store.scope(user, conversation)
    return [] if scope is None else store.latest_turns(scope, _MOST_TURNS)


def speaker_of(user: str) -> str:
    """Return who the user's own chat turns are said by: the user, unless nobody gave a name."""
    return "User" if user == Config().user else user


def make_generator(config: Config, embedder: "Embedder", *, asker: str = "", is_brief: bool = False) -> "Generator":
    """Return the configured generator; `asker` is who "I" in a question is.

    With `is_brief` the words that answer are said and nothing else, as evaluations want it.

    Raises ModelNotConfigured when a hosted one has no model.
    """
    if config.generator == "extractive":
        from .agent.generators.extractive import ExtractiveGenerator
        from .agent.read_answers import shipped_model
        from .agent.span_reader import SpanReader

        return ExtractiveGenerator(
            embedder,
            asker=asker,
            reader=SpanReader(_line_reader(orders=False)),
            reader_model=shipped_model(ranked_by_block=config.rerank == "block"),
            is_brief=is_brief,
        )
    if config.generator == "bart":
        from .wiring_reader import local_reader

        return local_reader(config)
    return hosted_generator(config, style="short" if is_brief else "chat")


def make_summaries(config: Config, archive: Archive) -> "SessionSummaries | None":
    """Return what draws events from sessions that are over, or None where nobody is to."""
    from .agent.session_summaries import SessionSummaries

    summarizer = make_summarizer(config, archive)
    if summarizer is None:
        return None
    idle_s = 60.0 * config.session_gap_minutes
    return SessionSummaries(archive, summarizer, idle_s=idle_s, count=_token_counter())


def make_summarizer(config: Config, archive: Archive) -> "Summarizer | None":
    """Return the configured summariser, None where it is "none"; weights are loaded when they are first used."""
    from .wiring_summaries import chosen_summarizer

    return chosen_summarizer(config, archive, hosted_endpoint)


@lru_cache(maxsize=1)
def _token_counter() -> "WordPieceCounter":
    from .memory.embedder import WordPieceCounter

    return WordPieceCounter()
