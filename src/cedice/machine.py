"""What this machine has, asked without loading PyTorch."""

import os
from pathlib import Path

_QUOTA, _MEMORY = Path("/sys/fs/cgroup/cpu.max"), Path("/sys/fs/cgroup/memory.max")  # of a container (cgroup v2)
_DRIVER = Path("/proc/driver/nvidia/version")


def cores() -> int:
    """Whole cores that this process may use, a container's quota included."""
    there = len(os.sched_getaffinity(0))
    limit = _limit(_QUOTA)
    return there if limit is None else max(1, min(there, int(limit[0]) // int(limit[1])))


def memory() -> int:
    """Bytes of memory, or a container's share of it."""
    there, limit = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), _limit(_MEMORY)
    return there if limit is None else min(there, int(limit[0]))


def gpu() -> bool:
    """Whether the driver of an NVIDIA GPU is loaded."""
    return _DRIVER.exists()


def _limit(file: Path) -> list[str] | None:
    """The numbers of a cgroup's limit; None for none."""
    try:
        words = file.read_text(encoding="ascii").split()
    except OSError:
        return None
    return None if words[0] == "max" else words
