"""Every head of a decoder as a retriever, for detection: what each gives to each passage (METHODS 5.2, step 7)."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from ..rerank.decoder import Decoder
from ..rerank.prompt import NULL_QUESTION, Passage, build, frame_of
from ..rerank.prompt_tokens import PromptTokens, marks_of, neutral, tokenised
from ..rerank.qr import WINDOW_TOKENS
from ..rerank.qr_reading import attention_drawn
from ..rerank.scoring import detection_scores
from .qr_detection import PromptTooLong

_SAMPLED = 256
"""How many numbers of each tensor go into a fingerprint: training changes nearly all of them."""


class DecoderScorer:
    """A whole decoder (`load_decoder` without `top`) that reads passages in QRHead's prompt, every row to the end.

    With `calibrate`, what the question "N/A" draws is subtracted, and outliers are dropped in each head by itself;
    the passages are read once for both questions. A prompt has at most `window_tokens`, or what the model can read.
    """

    def __init__(self, decoder: Decoder, *, calibrate: bool, window_tokens: int = WINDOW_TOKENS) -> None:
        self._decoder = decoder
        self._calibrate = calibrate
        self._window = min(window_tokens, decoder.shape.window)
        self._marks = marks_of(decoder.tokenizer)
        self._heads = [(la, he) for la in range(self.shape[0]) for he in range(self.shape[1])]
        self._fingerprint = _fingerprint(decoder, self._window)

    @property
    def fingerprint(self) -> str:
        """A hash of the shape, of numbers from every tensor, and of the window."""
        return self._fingerprint

    @property
    def shape(self) -> tuple[int, int]:
        """Layers and heads a layer."""
        return self._decoder.shape.layers, self._decoder.shape.heads_per_layer

    def scores(self, question: str, passages: Sequence[Passage]) -> Tensor:
        """Return float32 (layers, heads, passages) on the CPU; raises PromptTooLong and RerankError."""
        asked = self._tokens(question, passages)
        null = self._tokens(NULL_QUESTION, passages) if self._calibrate else None
        drawn = attention_drawn(self._decoder, self._heads, asked, null)
        return detection_scores(drawn, asked.passages, drop_outliers=self._calibrate).view(*self.shape, -1)

    def _tokens(self, question: str, passages: Sequence[Passage]) -> PromptTokens:
        shown = [Passage(title=self._plain(one.title), text=self._plain(one.text)) for one in passages]
        prompt = build(self._plain(question), shown, form="qrhead", frame=frame_of(self._marks))
        tokens = tokenised(prompt, self._decoder.tokenizer, rows="to-the-end")
        if len(tokens.ids) > self._window:
            raise PromptTooLong(f"A prompt has {len(tokens.ids)} tokens; {self._window} are read.")
        return tokens

    def _plain(self, text: str) -> str:
        return neutral(text, self._marks)


def _fingerprint(decoder: Decoder, window: int) -> str:
    digest = hashlib.blake2b(f"{decoder.shape} {window}".encode(), digest_size=16)
    for name, tensor in decoder.model.named_parameters():
        numbers = tensor.detach().flatten()
        places = torch.linspace(0, len(numbers) - 1, min(_SAMPLED, len(numbers)), dtype=torch.float64).long()
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(numbers[places.to(numbers.device)].float().cpu().numpy().tobytes())
    return digest.hexdigest()
