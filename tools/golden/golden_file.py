"""Writes tensors as safetensors (https://github.com/huggingface/safetensors): a JSON header, then the bytes."""
import json
import struct

import torch

TYPES = {torch.float32: "F32", torch.float64: "F64", torch.int32: "I32", torch.bfloat16: "BF16"}


def write(path, tensors, metadata):
    header = {"__metadata__": {name: str(value) for name, value in metadata.items()}}
    data = b""
    for name, tensor in tensors.items():
        raw = tensor.detach().contiguous().cpu().view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    print(path, len(text) + len(data) + 8, "bytes")
