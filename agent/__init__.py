"""One chat turn: recall, rerank, prompt, answer, cite, store."""
