"""Every error Recollect raises on purpose, so that a caller can catch one, some or all of them.

RecollectError
├── InvalidInput            what the caller passed cannot be stored or searched
│   └── InvalidTurn         one turn of a batch; nothing of the batch was stored
├── StoreError              the SQLite file cannot be used as asked
│   ├── StoreTooNew         written by a newer Recollect
│   ├── NotAStore           a file that is no Recollect store, or a damaged one
│   ├── StoreReadOnly       the file or its folder cannot be written
│   ├── StoreFull           no space is left on the device
│   └── StoreBusy           another process held the write lock for too long
├── EmbedderError           vectors cannot be computed
│   ├── WeightsCorrupt      a model file differs from its published checksum
│   ├── EmbedderMismatch    the store was written with another embedder
│   └── InvalidVectors      wrong shape, NaN or infinite values
├── RerankError             a reranker cannot be loaded or cannot score these candidates
├── SnapshotError           an index file cannot be used (the index is rebuilt from SQLite)
├── GenerationError         no answer could be generated
│   ├── EndpointUnreachable refused, dropped or timed-out connection
│   ├── EndpointRefused     the server answered with an error
│   └── ModelNotConfigured  a hosted model is asked for and its settings are missing
├── ConfigError             an unknown key or a value of the wrong kind
├── DataFormatError         a file to import or to evaluate is not in the documented format
├── RunError                the folder of an evaluation cannot be used as asked
└── ClosedError             the memory or the agent was used after `close`
"""


class RecollectError(Exception):
    """Root of everything Recollect raises on purpose; the message says what failed, on what, what to do."""


class InvalidInput(RecollectError):
    """What the caller passed cannot be stored or searched."""


class InvalidTurn(InvalidInput):
    """One turn of a batch cannot be stored; nothing of that batch was stored."""


class StoreError(RecollectError):
    """The SQLite file cannot be used as asked."""


class StoreTooNew(StoreError):
    """The store was written by a newer Recollect."""


class NotAStore(StoreError):
    """The file is no Recollect store, or is damaged."""


class StoreReadOnly(StoreError):
    """The store's file or folder cannot be written."""


class StoreFull(StoreError):
    """No space is left on the device; the transaction was rolled back."""


class StoreBusy(StoreError):
    """Another process held the write lock longer than the busy timeout."""


class EmbedderError(RecollectError):
    """Vectors cannot be computed."""


class WeightsCorrupt(EmbedderError):
    """A model file differs from its published checksum."""


class EmbedderMismatch(EmbedderError):
    """The store was written with another embedder."""


class InvalidVectors(EmbedderError):
    """Vectors of the wrong shape, or with NaN or infinite values."""


class RerankError(RecollectError):
    """A reranker cannot be loaded, or cannot score what it was given."""


class SnapshotError(RecollectError):
    """An index file cannot be used; the index is rebuilt from SQLite."""


class GenerationError(RecollectError):
    """No answer could be generated; what was said is stored."""


class EndpointUnreachable(GenerationError):
    """The server refused or dropped the connection, or did not answer in time."""


class EndpointRefused(GenerationError):
    """The server answered with an error."""


class ModelNotConfigured(GenerationError):
    """A hosted model is asked for and its settings are missing."""


class ConfigError(RecollectError):
    """An unknown configuration key, or a value of the wrong kind."""


class DataFormatError(RecollectError):
    """A file to import or to evaluate is not in the documented format."""


class RunError(RecollectError):
    """The folder of an evaluation is in use, belongs to another run, or cannot be written."""


class ClosedError(RecollectError):
    """The memory or the agent was used after `close`."""
