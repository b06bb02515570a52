"""A checksum for tensors: safetensors have none, and do not notice a changed byte."""

import hashlib

import torch


def sha256(tensors: dict[str, torch.Tensor], told: str) -> str:
    """One SHA-256 of CPU tensors, their names, types and shapes, and a text that lies beside them."""
    digest = hashlib.sha256(told.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
