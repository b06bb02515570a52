"""Foreground Dice of the last and the averaged network, each with its own and with recomputed statistics of batch norm.

    python benchmarks/averaging.py --study small --dataset covid19

Reads the slices and all weights of a data set that are here. "Recomputed": mean and variance of every channel over all training
slices (each counts once, whatever the batches), with the weights as they are; the library's `update_bn` would weigh batches.
"""

import argparse
import copy
import itertools
from collections import defaultdict

import pandas as pd
import torch

from cedice import params, paths
from cedice.batchnorm import BatchNorm2d
from cedice.data import slices
from cedice.evaluation.counts import pooled_headline
from cedice.evaluation.evaluate import evaluate
from cedice.paths import READOUTS, Training
from cedice.training import hardware, weights
from cedice.training.forward import Tensors
from cedice.unet import UNet

BATCH = 16


def recomputed(network: UNet, data: Tensors) -> UNet:
    """A copy whose batch norm has the statistics of all slices in ``data``, in float32."""
    network = copy.deepcopy(network).train()  # so that every layer sees what it saw in training
    sums: dict[BatchNorm2d, torch.Tensor] = defaultdict(lambda: torch.zeros(()))

    def add(norm: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        features = inputs[0].double().transpose(0, 1).flatten(1)
        count = torch.full((len(features),), float(features.shape[1]), device=features.device)
        sums[norm] = sums[norm].to(count.device) + torch.stack([count, features.sum(dim=1), features.square().sum(dim=1)])

    norms = [module for module in network.modules() if isinstance(module, BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(add) for norm in norms]
    with torch.no_grad():
        for chosen in torch.arange(len(data), device=data.rows.device).split(BATCH):
            network(data.batch(chosen)[0])
    for hook in hooks:
        hook.remove()
    for norm in norms:
        count, total, squares = sums[norm]
        norm.running_mean.copy_(total / count)
        norm.running_var.copy_(squares / count - (total / count).square())
    return network.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="demo", choices=params.STUDIES)
    parser.add_argument("--dataset", default="acdc")
    study, dataset = vars(parser.parse_args()).values()
    hardware.tune()
    device = hardware.device()
    data = slices.load(*paths.slices(study, dataset))
    whole, rows = Tensors.of(data.images, data.masks, device), {}
    for loss, seed in itertools.product(params.LOSSES, params.load().study(study).seeds_of(dataset)):
        training = Training(study, dataset, loss, seed)
        if not paths.weights(training).is_file():
            continue
        train, val = (data.rows(split, seed) for split in ("train", "val"))
        rows[str(training)] = row = {}
        for readout in READOUTS:
            network, header = weights.load(paths.weights(training), device, readout)
            for kind, each in ((readout, network), (f"{readout}, recomputed", recomputed(network, whole.part(train)))):
                counts = evaluate(each, whole.part(val), data.index.iloc[val], header["classes"], "float32").counts
                row[kind] = pooled_headline(counts)["foreground"]["dice"]
    print(pd.DataFrame(rows).T.to_string(float_format="{:.4f}".format))


if __name__ == "__main__":
    main()
