"""Any causal language model of transformers, loaded for reading its heads: no logits, no layers above the top one.

A folder is read from disk. A hub name is read from the hub's cache on this machine, and fetched only when it is not
there: whoever configured the name asked for that.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import transformers

from ..memory.errors import RerankError
from .attention import prepare

if TYPE_CHECKING:
    from transformers import PreTrainedModel

T = TypeVar("T")

# transformers is typed in part only, so it is Any here and typed from here on
_transformers: Any = transformers

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a model's configuration says: how many layers and heads it has, and how many tokens it can read."""

    layers: int
    heads_per_layer: int
    window: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """A prepared base model and its tokenizer; `shape` is that of the whole model, also where it is cut."""

    name: str
    model: "PreTrainedModel"
    tokenizer: Any  # transformers' tokenizers are typed in part only
    shape: Shape

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device


def read_shape(name: str) -> Shape:
    """Return the shape of a model, by hub name or folder, without its weights; raises RerankError."""
    return _shape(name, _config(name))


def load_decoder(
    name: str, *, top: int | None = None, device: str | None = None, dtype: str | None = None
) -> Decoder:
    """Load a model by hub name or folder, in evaluation mode and prepared for capture.

    Layers above `top` are not loaded. `device` None is the first CUDA device if there is one, else the CPU; `dtype`
    ("float32", "bfloat16", "float16") None is half precision on CUDA and fp32 elsewhere.
    Raises RerankError when it cannot be loaded, lacks weights, or has no tokenizer that tells where tokens stand.
    """
    config = _config(name)
    shape = _shape(name, config)
    if top is not None and top + 1 < shape.layers:
        text = config.get_text_config()
        text.num_hidden_layers = top + 1
        if getattr(text, "layer_types", None):
            text.layer_types = list(text.layer_types)[: top + 1]
    chosen = _device(device)
    with _quiet():
        tokenizer = _loaded(name, "tokenizer", _transformers.AutoTokenizer.from_pretrained)
        model = _weights(name, config, _dtype(dtype, chosen))
    if not tokenizer.is_fast:
        raise RerankError(f"The tokenizer of {name} does not tell where tokens stand; choose another model.")
    try:
        model.to(chosen)
    except RuntimeError as error:
        raise RerankError(f"{name} cannot be moved to {chosen}: {error}. Set rerank.device to cpu.") from error
    return Decoder(name=name, model=prepare(model.eval()), tokenizer=tokenizer, shape=shape)


def _weights(name: str, config: Any, dtype: torch.dtype) -> Any:
    """Load the weights that the configuration asks for; those it leaves out are not read."""

    def load(**where: Any) -> Any:
        return _transformers.AutoModel.from_pretrained(**where, config=config, dtype=dtype, output_loading_info=True)

    model, told = _loaded(name, "weights", load)
    if missing := sorted(told["missing_keys"]):  # transformers would go on with random ones
        raise RerankError(
            f"The weights of {name} lack {len(missing)} tensors, {missing[0]} among them; fetch it again."
        )
    return model


def _shape(name: str, config: Any) -> Shape:
    text = config.get_text_config()
    try:
        return Shape(
            layers=int(text.num_hidden_layers),
            heads_per_layer=int(text.num_attention_heads),
            window=int(text.max_position_embeddings),
        )
    except (AttributeError, TypeError) as error:
        raise RerankError(f"{name} is no decoder whose heads can be read ({error}); choose another model.") from error


def _config(name: str) -> Any:
    with _quiet():
        return _loaded(name, "configuration", _transformers.AutoConfig.from_pretrained)


def _loaded(name: str, what: str, load: Callable[..., T]) -> T:
    """Load from a folder or the hub's cache, else from the hub."""
    folder = Path(name).expanduser()
    is_path = folder.is_dir() or name.startswith(("/", ".", "~")) or name.count("/") > 1
    place = str(folder) if is_path else name
    try:
        if is_path:
            if not folder.is_dir():
                raise FileNotFoundError(f"there is no folder {folder}")
            return load(pretrained_model_name_or_path=place, local_files_only=True)
        try:
            return load(pretrained_model_name_or_path=place, local_files_only=True)
        except OSError:
            return load(pretrained_model_name_or_path=place)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        reason = str(error).strip().splitlines() or [repr(error)]
        raise RerankError(
            f"Cannot load the {what} of the rerank model {name!r}: {reason[0]}. Check rerank.model: a folder with a "
            "model of transformers, or a hub name, which needs a network the first time."
        ) from error


def _device(name: str | None) -> torch.device:
    try:
        chosen = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        reason = str(error).strip().splitlines()[0]
        raise RerankError(f"The device {name!r} cannot be used ({reason}); set rerank.device to cpu.") from error
    return chosen


def _dtype(name: str | None, device: torch.device) -> torch.dtype:
    if name is not None:
        if name not in _DTYPES:
            raise RerankError(f"{name!r} is no dtype of a model; choose one of {', '.join(_DTYPES)}.")
        return _DTYPES[name]
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


@contextmanager
def _quiet() -> Generator[None]:
    """Keep transformers from drawing bars and from listing the weights that are left out on purpose."""
    logs = _transformers.utils.logging
    level, has_bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    try:
        yield
    finally:
        logs.set_verbosity(level)
        if has_bars:
            logs.enable_progress_bar()
