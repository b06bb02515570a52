"""What this machine computes with, and whether a study may start on it."""

import ctypes
import os
import platform
import resource

import torch

from cedice import machine
from cedice.errors import CediceError
from cedice.training import distributed

WITHOUT_GPU = "CEDICE_WITHOUT_GPU"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def device() -> torch.device:
    """The CUDA GPU with this process's number on its machine, or the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def device_name() -> str:
    """The GPU's name, or the processor's with the threads in use; with the number of processes if there are several."""
    if device().type == "cuda":
        name = torch.cuda.get_device_name()
    else:
        capability = torch.backends.cpu.get_cpu_capability()
        name = f"{platform.machine()} CPU ({capability}, {torch.get_num_threads()} threads)"
    return name if distributed.world() == 1 else f"{distributed.world()} × {name}"


def tune() -> None:
    """Settings of this process that change speed alone. PyTorch's number of threads is kept, but for a container's quota."""
    if device().type == "cuda":
        torch.cuda.set_device(device())
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(torch.get_num_threads(), machine.cores()))
    if platform.libc_ver()[0] == "glibc":
        # Keep freed memory: else every feature map is given back to the system and its pages are cleared anew for the next.
        allocate(mmap_from=2**30, trim_from=2**31 - 1)


def allocate(mmap_from: int, trim_from: int) -> None:
    """Tell glibc's malloc from which size, in bytes, it maps blocks of their own and gives the heap's end back."""
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_THRESHOLD, mmap_from)
    libc.mallopt(_M_TRIM_THRESHOLD, trim_from)


def precision(wanted: str) -> str:
    """ "float32", "tf32" or "bf16"; for "auto" it is bf16 where the hardware computes in it, else float32.

    CediceError for "tf32" without a GPU.
    """
    on_gpu = device().type == "cuda"
    if wanted == "tf32" and not on_gpu:
        raise CediceError("train.precision: tf32 is a format of GPUs; use auto, bf16 or float32 on a CPU")
    if wanted == "auto":
        fast = torch.cuda.is_bf16_supported(including_emulation=False) if on_gpu else torch.cpu._is_avx512_bf16_supported()
        return "bf16" if fast else "float32"
    return wanted


def require(study: str, hardware: str) -> None:
    """CediceError for a study that needs a GPU on a machine without one, unless the variable `WITHOUT_GPU` is set."""
    if hardware == "gpu" and device().type != "cuda" and not os.environ.get(WITHOUT_GPU):
        raise CediceError(
            f"study {study} needs a CUDA GPU and this machine has none; run `make small` instead, or set {WITHOUT_GPU}=1 to "
            "train on the CPU all the same (docs/reproduce.md says how long that takes)"
        )


def peak_memory_mb() -> dict[str, int]:
    """The most that this process has held so far: of main memory, and of the GPU's where it computes on one; 10^6 bytes."""
    peak = {"main": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)}  # Linux counts in KiB
    if device().type == "cuda":
        peak["gpu"] = round(torch.cuda.max_memory_allocated() / 1e6)
    return peak
