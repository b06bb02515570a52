"""Cross-entropy and Dice loss for U-Nets, measured; and networks that label one's own scans."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

# Before anything imports torch: threads that wait for each other sleep instead of spinning. Alone on a machine that costs a few
# percent; beside another training on the same cores, spinning makes both ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def load(model: str | Path) -> "nn.Module":
    """The network of a released model's name ("acdc"), or of a model file: on the CPU, float32, in evaluation mode.

    It takes (B, 1, H, W) grey values in 0–1 and gives logits (B, C, H, W), C = 1 in the binary case; H and W are multiples of
    16 for the released ones. Its attribute `own_threshold` is a float, or None where the file does not state one. CediceError
    where there is no such model or the file is damaged.
    """
    from cedice.inference import released  # noqa: PLC0415

    file = released.find(str(model))

    import torch  # noqa: PLC0415  (takes seconds; `import cedice`, and a name that is wrong, do not)

    from cedice.inference import model_file  # noqa: PLC0415

    loaded = model_file.load(file, torch.device("cpu"))
    loaded.network.own_threshold = loaded.own.threshold if loaded.own else None  # type: ignore[assignment]  # no tensor
    return loaded.network
