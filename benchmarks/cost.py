"""What a slice of 256×256 costs in each network: parameters, operations, milliseconds on one thread of this processor.

    python benchmarks/cost.py --output reports/outlook/cost.csv

U-Nets of 4 to 32 base channels and depth 3 to 5, an attention U-Net, a Swin UNETR, with weights as they begin: time does not
depend on them. PyTorch, ONNX Runtime in float32, and ONNX Runtime in int8 by its own static quantisation. Real-time: 30 slices
a second or more on one thread, in any of the three. A table to be measured on a quiet machine; `networks` draws it.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import torch
from onnxruntime.quantization import CalibrationDataReader, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch.utils.flop_counter import FlopCounterMode

from cedice import networks
from cedice.data.intensity import Intensity
from cedice.data.slices import SIZE
from cedice.inference.export import export
from cedice.inference.model_file import Model

CLASSES = ("background", "anterior", "posterior")
REAL_TIME = 1000 / 30  # milliseconds a slice
KINDS = [
    *({"network": "unet", "base_channels": c, "depth": d} for c, d in itertools.product((4, 8, 16, 32), (3, 4, 5))),
    {"network": "attention_unet", "base_channels": 8, "depth": 4},
    {"network": "swin_unetr", "feature_size": 12},
]


class Images(CalibrationDataReader):
    """Eight pictures of noise, from which the quantisation takes the ranges of values."""

    def __init__(self) -> None:
        self.left = iter(np.random.default_rng(0).random((8, 1, 1, SIZE, SIZE), np.float32))

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self.left, None)
        return None if image is None else {"image": image}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--network", choices=list(networks.OPTIONS), help="of this kind alone")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for kind in KINDS:
        if given.network in (None, kind["network"]):
            rows.append(kind | cost(kind, given.repeats))
            print(pd.Series(rows[-1]).to_frame().T.to_string(index=False, header=len(rows) == 1), flush=True)
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    if given.output:
        table.to_csv(given.output, index=False)


def cost(kind: dict, repeats: int) -> dict[str, float | bool | None]:
    """Of one network; None for int8 where ONNX Runtime cannot quantise it."""
    options = {"norm": "batch", "padding": "same"} | kind
    network = networks.build(networks.arguments(kind["network"], len(CLASSES), options)).eval()
    image = torch.rand(1, 1, SIZE, SIZE)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(image)
    found: dict[str, float | bool | None] = {
        "parameters": sum(each.numel() for each in network.parameters()),
        "gflop": counter.get_total_flops() / 1e9,
    }
    lasting = network.to(memory_format=torch.channels_last)
    placed = image.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        found["torch_ms"] = median(lambda: lasting(placed), repeats)
    with tempfile.TemporaryDirectory() as folder:
        plain, fused, small = (Path(folder) / f"{name}.onnx" for name in ("plain", "fused", "int8"))
        export(Model(network, CLASSES, Intensity("percentiles", 0.5, 99.5), SIZE, {}), plain)
        found["onnx_ms"] = median(session(plain), repeats)
        try:
            quant_pre_process(plain, fused, skip_symbolic_shape=True)  # batch norm becomes part of its convolution
            quantize_static(fused, small, Images())
            found["int8_ms"] = median(session(small), repeats)
        except Exception as error:  # whatever its quantiser lacks for a network
            print(f"{networks.described(kind)}: no int8, {type(error).__name__}: {str(error)[:100]}", flush=True)
            found["int8_ms"] = None
    times = [found[name] for name in ("torch_ms", "onnx_ms", "int8_ms") if found[name] is not None]
    return found | {"real_time": min(times) <= REAL_TIME}


def session(file: Path) -> Callable[[], object]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    opened = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    image = {"image": np.random.default_rng(1).random((1, 1, SIZE, SIZE), np.float32)}
    return lambda: opened.run(["logits"], image)


def median(work: Callable[[], object], repeats: int) -> float:
    """Milliseconds, after one call that warms up."""
    work()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - start))
    return round(float(np.median(taken)), 2)


if __name__ == "__main__":
    main()
