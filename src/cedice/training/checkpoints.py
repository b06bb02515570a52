"""Where an interrupted training goes on: the newest state and the one before it, believed only if they fit exactly.

The files' name is a hash of everything that decides the result (`key`), so that a checkpoint of other parameters, other
slices or other code is never picked up. They are safetensors: the tensors of `State`, and in the header the history as JSON
and a SHA-256 of all that, since safetensors themselves do not notice a changed byte. There is no random state to keep: the
only random draws after the start are the orders of the epochs, and each is drawn from the seed and the epoch's number alone.
"""

import hashlib
import json
import math
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from cedice.errors import CediceError
from cedice.files import replacing
from cedice.training.adam import Adam
from cedice.training.averaging import Average
from cedice.training.provenance import code
from cedice.training.weights import tensors_sha256

SCRATCH = Path(".cedice/checkpoints")  # ignored by Git, unknown to DVC
SAVING_SHARE = 0.05  # of the time may go into checkpoints: one of 64 channels is 370 MB


def key(settings: dict[str, Any]) -> str:
    """A hash of ``settings``, of the code that trains, and of the library that computes."""
    texts = [file.read_text(encoding="utf-8") for file in code()]
    return hashlib.sha256(json.dumps([settings, texts, torch.__version__], sort_keys=True).encode()).hexdigest()[:32]


def path(name: str) -> Path:
    """The newest checkpoint file of a `key`."""
    return SCRATCH / f"{name}.safetensors"


@dataclass(frozen=True)
class State:
    """All that changes while a network is trained: the network, its average, the optimiser, the history's rows so far, and
    the counts of the last validations, (readouts, N, classes, 3) int32 for each."""

    model: nn.Module
    average: Average
    optimizer: Adam
    history: list[dict[str, Any]]
    counts: list[torch.Tensor]


class Checkpointer:
    """Writes the checkpoints of one training beside it, in a thread, so often that writing takes at most `SAVING_SHARE` of
    the time. As a context, it ends when the last one is written; CediceError then for one that the disk refused."""

    def __init__(self, file: Path, state: State):
        self.file, self.state = file, state
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._writing: Future[None] | None = None
        self._saved = -math.inf  # when the last one was written
        self._cost = 0.0  # seconds that it took

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._thread.shutdown()
        if error is None:
            self._wait()

    def due(self) -> bool:
        """Whether none is being written, and the next one may be."""
        written = self._writing is None or self._writing.done()
        return written and time.perf_counter() - self._saved >= self._cost / SAVING_SHARE

    def save(self) -> None:
        """Begin to `save` the state as it is now, once the one before is written; CediceError where the disk refused that."""
        self._wait()
        begun = time.perf_counter()
        self._writing = self._thread.submit(self._save, begun, copied(self.state), list(self.state.history))

    def _wait(self) -> None:
        if self._writing:
            self._writing.result()

    def _save(self, begun: float, tensors: dict[str, torch.Tensor], history: list[dict[str, Any]]) -> None:
        save(self.file, tensors, history)
        self._saved = time.perf_counter()
        self._cost = self._saved - begun


def copied(state: State) -> dict[str, torch.Tensor]:
    """Contiguous copies on the CPU of all tensors of ``state``, which may go on."""
    tensors = {f"model.{name}": tensor for name, tensor in state.model.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in state.average.state_dict().items()}
    tensors |= {f"optimizer.{name}": tensor for name, tensor in state.optimizer.state_dict().items()}
    tensors |= {"counts": torch.stack(state.counts)} if state.counts else {}
    return {name: tensor.to("cpu", copy=True, memory_format=torch.contiguous_format) for name, tensor in tensors.items()}


def save(file: Path, tensors: dict[str, torch.Tensor], history: list[dict[str, Any]]) -> None:
    """Make the `copied` state with its history the newest, and what was the newest the previous one.

    Whenever the process dies, at least one whole file is left. CediceError where the disk refuses the new one.
    """
    try:
        with replacing(file) as new:
            told = json.dumps(history)
            save_file(tensors, new, metadata={"history": told, "sha256": tensors_sha256(tensors, told)})
            if file.exists():
                file.replace(_previous(file))
    except (SafetensorError, OSError) as error:
        raise CediceError(
            f"{file}: cannot write the checkpoint of epoch {len(history)} ({error}); the one before is intact: make "
            "room, then give the same command again"
        ) from error


def load(file: Path, state: State) -> None:
    """Make ``state``, which is that of a new training, the one of the newest whole file; without any it stays as it is. A
    damaged file is set aside with a line."""
    for candidate in (file, _previous(file)):
        if not candidate.exists():
            continue
        try:
            with safe_open(candidate, framework="pt") as stored:
                told, digest = (stored.metadata()[entry] for entry in ("history", "sha256"))
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  (not a dict)
            if tensors_sha256(tensors, told) != digest:
                raise ValueError("its bytes are not those that were written")
            history = json.loads(told)
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            aside = candidate.with_suffix(".damaged")
            candidate.replace(aside)
            print(f"checkpoint {candidate} is damaged ({error}); set aside as {aside.name}", flush=True)
            continue
        state.history[:] = history
        _restore(tensors, state)
        return


def discard(file: Path) -> None:
    """Remove the files of a training whose results are written."""
    for candidate in (file, _previous(file), file.with_suffix(".damaged"), _previous(file).with_suffix(".damaged")):
        candidate.unlink(missing_ok=True)


def _previous(file: Path) -> Path:
    return file.with_name(f"{file.stem}-previous{file.suffix}")


def _restore(tensors: dict[str, torch.Tensor], state: State) -> None:
    for kind, of in (("model.", state.model), ("average.", state.average), ("optimizer.", state.optimizer)):
        of.load_state_dict({name.removeprefix(kind): value for name, value in tensors.items() if name.startswith(kind)})
    state.counts[:] = tensors.get("counts", ())  # there are none before the first validation
