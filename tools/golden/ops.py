"""Writes golden values of the dense operations: python3 tools/golden/ops.py [folder]

Everything is computed by PyTorch in float64, the gradients by autograd, from inputs that bf16 holds exactly; results are stored as
F32 (sums as F64). Read by GoldenOpsTest for the CPU and for the CUDA device.
"""
import sys

import torch
import torch.nn.functional as F

import golden_file

torch.manual_seed(1)


def normal(*shape):
    return torch.randn(*shape).bfloat16().double()


def rms_norm():
    x, weight, dy = normal(7, 64).requires_grad_(), normal(64).requires_grad_(), normal(7, 64)
    rstd = (x.square().mean(-1) + 1e-6).rsqrt()
    y = x * rstd[:, None] * weight
    y.backward(dy)
    return dict(x=x, weight=weight, dy=dy, y=y, rstd=rstd, dx=x.grad, dWeight=weight.grad)


def rope():
    x, dy = normal(6, 2, 64).requires_grad_(), normal(6, 2, 64)
    positions = torch.tensor([0, 1, 2, 100, 4097, 131071], dtype=torch.int32)
    angles = positions.double()[:, None] * 1e6 ** (-2 * torch.arange(32, dtype=torch.float64) / 64)
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    a, b = x[..., :32], x[..., 32:]
    y = torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
    y.backward(dy)
    return dict(x=x, dy=dy, positions=positions, y=y, dx=x.grad)


def swi_glu():
    x, dy = normal(5, 48).requires_grad_(), normal(5, 24)
    y = F.silu(x[:, :24]) * x[:, 24:]
    y.backward(dy)
    return dict(x=x, dy=dy, y=y, dx=x.grad)


def embedding():
    table, dy = normal(11, 16).requires_grad_(), normal(9, 16)
    tokens = torch.tensor([3, 0, 3, 10, 3, 7, 7, 3, 1], dtype=torch.int32)
    y = F.embedding(tokens.long(), table)
    y.backward(dy)
    return dict(table=table, tokens=tokens, dy=dy, y=y, dTable=table.grad)


def cross_entropy():
    x = (3 * normal(6, 40)).bfloat16().double().requires_grad_()
    targets = torch.tensor([5, -1, 39, 0, 5, -1], dtype=torch.int32)
    loss = F.cross_entropy(x, targets.long(), ignore_index=-1, reduction="sum")
    (0.125 * loss).backward()
    return dict(x=x, targets=targets, dx=x.grad, loss=loss.detach().reshape(1))


def matmul():
    a, b, dc = normal(9, 24).requires_grad_(), normal(24, 16).requires_grad_(), normal(9, 16)
    c = a @ b
    c.backward(dc)
    return dict(a=a, b=b, dc=dc, c=c, da=a.grad, db=b.grad)


def adam_w():
    parameters, gradients = torch.nn.Parameter(normal(33)), normal(33)
    start = parameters.detach().clone()
    optimizer = torch.optim.AdamW([parameters], lr=1e-2, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
    for _ in range(3):
        parameters.grad = gradients.clone()
        optimizer.step()
    state = optimizer.state[parameters]
    return dict(start=start, gradients=gradients, end=parameters, firstMoment=state["exp_avg"], secondMoment=state["exp_avg_sq"])


tensors = {}
for name, case in dict(rmsNorm=rms_norm, rope=rope, swiGlu=swi_glu, embedding=embedding, crossEntropy=cross_entropy, matmul=matmul,
                       adamW=adam_w).items():
    for part, tensor in case().items():
        wide = tensor.dtype == torch.int32 or part == "loss"
        tensors[f"{name}.{part}"] = tensor if wide else tensor.float()
golden_file.write((sys.argv[1] if len(sys.argv) > 1 else ".") + "/ops.safetensors", tensors, {"torch": torch.__version__})
