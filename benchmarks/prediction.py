"""How long a CT volume takes from scan to labels, by the network's size.

`python benchmarks/prediction.py` labels a synthetic volume of 512×512×300 voxels, as `cedice predict` does, and prints seconds
and slices per second; of the whole, how much is the network; and what reading and writing the files takes beside it.
"""

import argparse
import tempfile
import time
from pathlib import Path

import nibabel
import numpy as np
import torch

from cedice.data import reading
from cedice.data.intensity import Intensity
from cedice.data.slices import SIZE
from cedice.inference import label, outputs
from cedice.inference.model_file import Model
from cedice.training import hardware
from cedice.training.forward import autocast
from cedice.unet import UNet

CLASSES = ("background", "right lung", "left lung", "infection")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--channels", type=int, nargs="+", default=[8, 16, 32, 64])
    given = parser.parse_args()
    hardware.tune()
    device, precision = hardware.device(), hardware.precision("auto")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ct.nii.gz"
        voxels = np.random.default_rng(0).integers(-1000, 400, (512, 512, given.slices), dtype=np.int16)
        nibabel.Nifti1Image(voxels, np.diag([0.7, 0.7, 1, 1])).to_filename(file)
        scan, took = timed(lambda: reading.scan(file))
        print(f"512×512×{given.slices} on {hardware.device_name()}, {precision}; reading the file {took:.1f} s")
        for channels in given.channels:
            network = UNet(1, len(CLASSES), channels).to(device, memory_format=torch.channels_last).eval()
            model = Model(network, CLASSES, Intensity("window", -1250, 250), SIZE, {})
            (labels, _), seconds = timed(lambda model=model: label.label(model, scan, scan.axes, precision, keep=False))
            _, alone = timed(lambda network=network: forward(network, len(scan.image), device, precision))
            rate = len(scan.image) / seconds
            print(
                f"{channels:>3} channels: {seconds:6.1f} s, {rate:5.1f} slices a second; the network alone {alone:.1f} s",
                flush=True,
            )
        _, writing = timed(lambda: outputs.write(scan, labels, None, CLASSES, Path(folder), scan.axes))
    print(f"writing labels and preview {writing:.1f} s")


def forward(network: UNet, slices: int, device: torch.device, precision: str) -> None:
    image = torch.rand(8, 1, SIZE, SIZE, device=device).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), autocast(device, precision):
        for _ in range(-(-slices // 8)):
            network(image)
    if device.type == "cuda":
        torch.cuda.synchronize()


def timed(work):
    begun = time.perf_counter()
    found = work()
    return found, time.perf_counter() - begun


if __name__ == "__main__":
    main()
