"""The steps of LossCurve in PyTorch: python3 bench/cuda/loss_peer.py FOLDER

Reads the initial parameters, the tokens and the learning rates that LossCurve wrote, runs the same model (Qwen3-shaped, dense causal
attention inside each document) in fp32, and compares the loss of every step with each losses-KIND.csv there, and with PyTorch's
own bf16 (autocast, fp32 weights).
"""
import csv
import glob
import os
import sys

import torch
import torch.nn.functional as F

V, LAYERS, C, FFN, H, J, D, THETA, EPSILON, LENGTHS = 256, 4, 256, 768, 4, 2, 64, 1e4, 1e-6, [1500, 700, 300, 90]
torch.backends.cuda.matmul.allow_tf32 = False
folder = sys.argv[1]
device = "cuda" if torch.cuda.is_available() else "cpu"

shapes = {"embedding": (V, C)}
for layer in range(LAYERS):
    shapes |= {f"{layer}.q": (C, H * D), f"{layer}.k": (C, J * D), f"{layer}.v": (C, J * D), f"{layer}.output": (H * D, C),
               f"{layer}.gateUp": (C, 2 * FFN), f"{layer}.down": (FFN, C)}
matrices = list(shapes)
for layer in range(LAYERS):
    shapes |= {f"{layer}.attentionNorm": (C,), f"{layer}.qNorm": (D,), f"{layer}.kNorm": (D,), f"{layer}.mlpNorm": (C,)}
shapes["finalNorm"] = (C,)
flat = torch.frombuffer(bytearray(open(f"{folder}/parameters.f32", "rb").read()), dtype=torch.float32)
assert len(flat) == sum(torch.Size(s).numel() for s in shapes.values())
parts = flat.split([torch.Size(s).numel() for s in shapes.values()])
w = {name: part.view(shape).to(device).clone().requires_grad_() for part, (name, shape) in zip(parts, shapes.items())}

T = sum(LENGTHS)
positions = torch.cat([torch.arange(n) for n in LENGTHS]).to(device)
angles = positions.double()[:, None] * THETA ** (-2 * torch.arange(D // 2, dtype=torch.float64, device=device) / D)
cos, sin = angles.cos().float()[:, None], angles.sin().float()[:, None]


def norm(x, weight):
    return x * (x.square().mean(-1, keepdim=True) + EPSILON).rsqrt() * weight


def rope(x):
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def attention(q, k, v):
    k, v = k.repeat_interleave(H // J, 1), v.repeat_interleave(H // J, 1)
    documents = zip(*(x.transpose(0, 1).split(LENGTHS, 1) for x in (q, k, v)))
    out = [F.scaled_dot_product_attention(a[None], b[None], c[None], is_causal=True)[0] for a, b, c in documents]
    return torch.cat(out, 1).transpose(0, 1).reshape(T, -1)


def loss_sum(tokens, targets):
    x = F.embedding(tokens, w["embedding"])
    for layer in range(LAYERS):
        p = {name.split(".")[1]: value for name, value in w.items() if name.startswith(f"{layer}.")}
        h = norm(x, p["attentionNorm"])
        q = rope(norm((h @ p["q"]).view(T, H, D), p["qNorm"]))
        k = rope(norm((h @ p["k"]).view(T, J, D), p["kNorm"]))
        x = x + attention(q, k, (h @ p["v"]).view(T, J, D)) @ p["output"]
        gate, up = (norm(x, p["mlpNorm"]) @ p["gateUp"]).chunk(2, -1)
        x = x + (F.silu(gate) * up) @ p["down"]
    return F.cross_entropy(norm(x, w["finalNorm"]) @ w["embedding"].T, targets, ignore_index=-1, reduction="sum")


ours = {os.path.basename(path)[7:-4]: list(csv.DictReader(open(path))) for path in sorted(glob.glob(f"{folder}/losses-*.csv"))}
rates = [float(row["learningRate"]) for row in next(iter(ours.values()))]
text = torch.frombuffer(bytearray(open(f"{folder}/tokens.u8", "rb").read()), dtype=torch.uint8).long().to(device)
initial = {name: value.detach().clone() for name, value in w.items()}


def train(bf16):
    for name, value in w.items():
        value.data.copy_(initial[name])
    optimizer = torch.optim.AdamW([{"params": [w[n] for n in matrices], "weight_decay": 0.1},
                                   {"params": [w[n] for n in shapes if n not in matrices], "weight_decay": 0.0}],
                                  lr=1e-3, betas=(0.9, 0.95), eps=1e-8)
    losses = []
    for step, rate in enumerate(rates):
        tokens = text[step * T:(step + 1) * T]
        targets = torch.cat([torch.cat([part[1:], part.new_tensor([-1])]) for part in tokens.split(LENGTHS)])
        count = T - len(LENGTHS)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        with torch.autocast(device, dtype=torch.bfloat16, enabled=bf16):
            loss = loss_sum(tokens, targets) / count
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(w.values()), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


losses = train(bf16=False)
ours["PyTorch bf16"] = [{"loss": loss} for loss in train(bf16=True)]
print(f"PyTorch {torch.__version__} on {device}, fp32: first loss {losses[0]:.5f}, last {losses[-1]:.5f}")
for kind, rows in ours.items():
    relative = [abs(float(row["loss"]) / loss - 1) for row, loss in zip(rows, losses)]
    worst = max(range(len(relative)), key=relative.__getitem__)
    print(f"{kind}: first {float(rows[0]['loss']):.5f}, last {float(rows[-1]['loss']):.5f}, largest relative difference "
          f"{100 * relative[worst]:.3f} % (step {worst + 1}), mean {100 * sum(relative) / len(relative):.3f} %")
