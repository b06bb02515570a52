"""A model file as ONNX, for runtimes other than PyTorch."""

import json
import logging
import warnings
from dataclasses import asdict
from pathlib import Path

import torch

from cedice.errors import CediceError
from cedice.files import replacing
from cedice.inference.model_file import Model


def export(model: Model, file: Path) -> None:
    """Write the network with input `image` (slices, 1, size, size) float32 in 0–1 and output `logits` (slices, C, size, size),
    C = 1 in the binary case; classes, intensity rule, size, spacing, axes, mirror and own threshold, as a model file has them,
    stand in the file's metadata as JSON.

    CediceError where the packages that this needs are not installed.
    """
    try:
        import onnx  # noqa: PLC0415  (an extra that few need)
        import onnxscript  # noqa: F401, PLC0415
    except ImportError as error:
        raise CediceError(f"{error.name} is not installed; pip install '.[export]' in the project's folder") from error
    example = torch.zeros(2, 1, model.size, model.size)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells of every package that it could use and does not find
    with replacing(file) as new, warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of PyTorch's own code
        program = torch.onnx.export(
            model.network,
            (example,),
            input_names=["image"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("slices")},),
            dynamo=True,
            verbose=False,
        )
        assert program is not None
        proto = program.model_proto
        stated = {
            "classes": model.classes,
            "intensity": asdict(model.intensity),
            "size": model.size,
            "spacing": model.spacing,
            "axes": model.axes,
            "mirror": model.mirror,
            "own_threshold": asdict(model.own) if model.own else None,
        }
        told = {key: json.dumps(value) for key, value in stated.items()}
        onnx.helper.set_model_props(proto, told)
        new.write_bytes(proto.SerializeToString())
