"""What the machine is asked for, and how much of it is used."""

import os
import subprocess
import sys

import pytest
import torch

from cedice import machine
from cedice.errors import CediceError
from cedice.training import hardware

ON_GPU = hardware.device().type == "cuda"


def test_auto_is_resolved_to_what_the_hardware_has():
    assert hardware.precision("auto") in ("bf16", "float32")
    assert hardware.precision("float32") == "float32"


@pytest.mark.skipif(ON_GPU, reason="this machine has the GPU that the test must lack")
def test_tf32_is_refused_on_a_cpu():
    with pytest.raises(CediceError, match=r"train\.precision: tf32 is a format of GPUs"):
        hardware.precision("tf32")


@pytest.mark.parametrize(("text", "threads"), [("100000 100000", 1), ("150000 100000", 1), ("max 100000", None), (None, None)])
def test_threads_keep_within_a_containers_quota(tmp_path, monkeypatch, text, threads):
    quota, before = tmp_path / "cpu.max", torch.get_num_threads()
    if text:
        quota.write_text(text)
    monkeypatch.setattr(machine, "_QUOTA", quota)
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: range(before))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    try:
        hardware.tune()
        assert torch.get_num_threads() == (threads or before)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("given", "seen"), [(None, "passive"), ("active", "active")])
def test_waiting_threads_sleep_unless_the_user_wants_them_to_spin(given, seen):
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {"OMP_WAIT_POLICY": given} if given else {}
    code = "import os, cedice; print(os.environ['OMP_WAIT_POLICY'])"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == seen
