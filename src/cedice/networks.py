"""The networks that can be trained, each built from a dictionary of its arguments: the paper's U-Net, and two of MONAI's.

`attention_unet` is Oktay et al., "Attention U-Net" (MIDL 2018, arXiv 1804.03999); `swin_unetr` Hatamizadeh et al. (BrainLes
2021, arXiv 2201.01266), in two dimensions. Batch norm of MONAI's networks is PyTorch's own: under several processes on CPUs
each takes the statistics of its own share.
"""

from typing import Any

from torch import nn

from cedice.errors import CediceError
from cedice.unet import UNet

OPTIONS = {  # of each network, as `train` in params.yaml has them
    "unet": ("base_channels", "depth", "norm", "padding"),
    "attention_unet": ("base_channels", "depth"),
    "swin_unetr": ("feature_size",),
}
FEATURE_SIZES = (12, 24, 48)  # of the Transformer: multiples of its heads


def arguments(network: str, classes: int, options: dict[str, Any]) -> dict[str, Any]:
    """What `build` takes: one channel in, one a class out (one for two classes), and those of ``options`` that are the
    network's. The U-Net's have no name, so that released model files stay readable."""
    named = {} if network == "unet" else {"network": network}
    return named | {
        "in_channels": 1,
        "out_channels": 1 if classes == 2 else classes,
        **{name: options[name] for name in OPTIONS[network]},
    }


def build(given: dict[str, Any]) -> nn.Module:
    """The network of these `arguments`, (B, in_channels, H, W) → logits (B, out_channels, H, W).

    CediceError where it is one of MONAI's and MONAI is not installed; KeyError, TypeError or ValueError for arguments that
    are none.
    """
    options = dict(given)
    network = options.pop("network", "unet")
    if network == "unet":
        return UNet(**options)
    if options.keys() != {"in_channels", "out_channels", *OPTIONS[network]}:
        raise TypeError(f"not the arguments of {network}: {', '.join(options)}")
    try:
        import einops  # noqa: F401, PLC0415  (MONAI's Transformers need it and do not ask for it)
        from monai.networks.nets import AttentionUnet, SwinUNETR  # noqa: PLC0415  (an extra that few need)
    except ImportError as error:
        raise CediceError(f"{error.name} is not installed; pip install '.[outlook]' in the project's folder") from error
    if network == "swin_unetr":
        if options["feature_size"] not in FEATURE_SIZES:
            raise ValueError(f"feature_size must be one of {FEATURE_SIZES}, not {options['feature_size']}")
        return SwinUNETR(**options, spatial_dims=2)
    widths = [options["base_channels"] * 2**level for level in range(options["depth"] + 1)]
    return AttentionUnet(2, options["in_channels"], options["out_channels"], widths, [2] * options["depth"])


def check_size(given: dict[str, Any], height: int, width: int) -> None:
    """CediceError unless slices of this size go through the network of these `arguments`."""
    network = given.get("network", "unet")
    if given.get("padding") == "valid":
        return
    step = 32 if network == "swin_unetr" else 2 ** given["depth"]  # how often it halves
    if height % step or width % step:
        raise CediceError(f"{network}: slices of {height}×{width} do not fit; height and width must be multiples of {step}")


def described(given: dict[str, Any]) -> str:
    """ "U-Net of 8 base channels", for the network of these `arguments`."""
    network = given.get("network", "unet")
    if network == "swin_unetr":
        return f"Swin UNETR of feature size {given['feature_size']}"
    return f"{'U-Net' if network == 'unet' else 'attention U-Net'} of {given['base_channels']} base channels"
