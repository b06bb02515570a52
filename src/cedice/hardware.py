"""What this machine computes with, and whether a study may start on it."""

import os
import platform

import torch

from cedice.errors import CediceError

INSIST = "CEDICE_WITHOUT_GPU"


def device() -> torch.device:
    """The first CUDA GPU, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name() -> str:
    """The GPU's name, or the processor's with the threads in use."""
    if device().type == "cuda":
        return torch.cuda.get_device_name()
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{platform.machine()} CPU ({capability}, {torch.get_num_threads()} threads)"


def autocast_dtype(precision: str) -> torch.dtype | None:
    """torch.bfloat16 for "bf16", and for "auto" where the hardware computes in it; None means float32 throughout."""
    if precision == "auto":
        on_gpu = device().type == "cuda"
        fast = torch.cuda.is_bf16_supported(including_emulation=False) if on_gpu else torch.cpu._is_avx512_bf16_supported()
        precision = "bf16" if fast else "float32"
    return torch.bfloat16 if precision == "bf16" else None


def require(study: str, hardware: str) -> None:
    """CediceError for a study that needs a GPU on a machine without one, unless the environment insists."""
    if hardware == "gpu" and device().type != "cuda" and not os.environ.get(INSIST):
        raise CediceError(
            f"study {study} needs a CUDA GPU and this machine has none; on 2 CPU cores it would take 30 hours with bfloat16 "
            "units, or 6 days (300,000 training slices at 0.35 or 1.6 s each). Run `make small` instead, or insist with "
            f"{INSIST}=1"
        )
