"""Where an interrupted training goes on: one file, written after every epoch, believed only if it fits exactly.

The file's name is a hash of everything that decides the result (`key`), so that a checkpoint of other parameters, other
slices or other code is never picked up. It is safetensors: the tensors of model and optimiser, and the history as JSON in
the header. There is no random state to keep: the only random draws after the start are the orders of the epochs, and
each is drawn from the seed and the epoch's number alone.
"""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from cedice.files import replacing

SCRATCH = Path(".cedice/checkpoints")  # ignored by Git, unknown to DVC
_CODE = ("training.py", "unet.py", "losses.py", "metrics.py", "checkpoints.py")


def key(settings: dict[str, object]) -> str:
    """A hash of ``settings``, of the code that trains, and of the library that computes."""
    code = [(Path(__file__).parent / name).read_text(encoding="utf-8") for name in _CODE]
    return hashlib.sha256(json.dumps([settings, code, torch.__version__], sort_keys=True).encode()).hexdigest()[:32]


def path(name: str) -> Path:
    """The checkpoint file of a `key`."""
    return SCRATCH / f"{name}.safetensors"


def save(file: Path, model: nn.Module, optimizer: torch.optim.Optimizer, history: list[dict[str, float]]) -> None:
    """Replace ``file`` by the state after the last row of ``history``."""
    tensors = {f"model.{name}": tensor.contiguous() for name, tensor in model.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": tensor.contiguous() for name, tensor in state.items()}
    with replacing(file) as new:
        save_file(tensors, new, metadata={"history": json.dumps(history)})


def load(file: Path, model: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device) -> list[dict[str, float]]:
    """Restore ``model`` and ``optimizer`` from ``file`` and return its history; [] where there is none.

    A damaged file is set aside with a line, and the training starts anew.
    """
    if not file.exists():
        return []
    try:
        with safe_open(file, framework="pt", device=str(device)) as stored:
            history = json.loads(stored.metadata()["history"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        aside = file.with_suffix(".damaged")
        file.replace(aside)
        print(f"checkpoint {file} is damaged ({error}); set aside as {aside.name}, training starts anew", flush=True)
        return []
    model.load_state_dict({name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")})
    parameters = list(model.parameters())
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, number, field = name.split(".")
            if value.shape == parameters[int(number)].shape:
                # The fused optimiser walks parameter and moments side by side in memory: they need one layout.
                value = torch.empty_like(parameters[int(number)]).copy_(value)  # noqa: PLW2901
            state.setdefault(int(number), {})[field] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return history
