"""Writes one whole training step of a small Qwen3-shaped model: python3 tools/golden/step.py [folder]

Forward, loss, gradient by autograd, clipping and AdamW in float64. Attention is dense and causal inside each document, which is what
any budget that covers the documents gives. Parameters lie as in ParameterLayout, a product is y = x W. Read by GoldenStepTest.
"""
import sys

import torch
import torch.nn.functional as F

import golden_file

VOCABULARY, LAYERS, HIDDEN, FFN, HEADS, KV_HEADS, HEAD_SIZE = 64, 2, 32, 48, 2, 1, 64
THETA, EPSILON, LENGTHS = 1e6, 1e-6, [90, 7, 1, 150]
LEARNING_RATE, BETAS, ADAM_EPSILON, DECAY, CLIP = 1e-2, (0.9, 0.95), 1e-8, 0.1, 1.0

torch.manual_seed(2)
matrices, norms = {}, {}
matrices["embedding"] = (VOCABULARY, HIDDEN)
for layer in range(LAYERS):
    matrices[f"{layer}.q"] = (HIDDEN, HEADS * HEAD_SIZE)
    matrices[f"{layer}.k"] = (HIDDEN, KV_HEADS * HEAD_SIZE)
    matrices[f"{layer}.v"] = (HIDDEN, KV_HEADS * HEAD_SIZE)
    matrices[f"{layer}.output"] = (HEADS * HEAD_SIZE, HIDDEN)
    matrices[f"{layer}.gateUp"] = (HIDDEN, 2 * FFN)
    matrices[f"{layer}.down"] = (FFN, HIDDEN)
    norms[f"{layer}.attentionNorm"] = (HIDDEN,)
    norms[f"{layer}.qNorm"] = (HEAD_SIZE,)
    norms[f"{layer}.kNorm"] = (HEAD_SIZE,)
    norms[f"{layer}.mlpNorm"] = (HIDDEN,)
norms["finalNorm"] = (HIDDEN,)
w = {name: (0.2 * torch.randn(*shape)).bfloat16().double().requires_grad_() for name, shape in matrices.items()}
w |= {name: (1 + 0.1 * torch.randn(*shape)).bfloat16().double().requires_grad_() for name, shape in norms.items()}

tokens = torch.randint(0, VOCABULARY, (sum(LENGTHS),), dtype=torch.int32)
targets = torch.cat([torch.cat([part[1:], torch.tensor([-1], dtype=torch.int32)]) for part in tokens.split(LENGTHS)])
positions = torch.cat([torch.arange(length) for length in LENGTHS])
document = torch.repeat_interleave(torch.arange(len(LENGTHS)), torch.tensor(LENGTHS))
mask = (document[:, None] == document[None]) & torch.ones(len(tokens), len(tokens), dtype=torch.bool).tril()


def norm(x, weight):
    return x * (x.square().mean(-1, keepdim=True) + EPSILON).rsqrt() * weight


def rope(x):
    half = HEAD_SIZE // 2
    angles = positions.double()[:, None] * THETA ** (-2 * torch.arange(half, dtype=torch.float64) / HEAD_SIZE)
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


x = F.embedding(tokens.long(), w["embedding"])
for layer in range(LAYERS):
    p = {name.split(".")[1]: value for name, value in w.items() if name.startswith(f"{layer}.")}
    h = norm(x, p["attentionNorm"])
    q = rope(norm((h @ p["q"]).view(-1, HEADS, HEAD_SIZE), p["qNorm"]))
    k = rope(norm((h @ p["k"]).view(-1, KV_HEADS, HEAD_SIZE), p["kNorm"])).repeat_interleave(HEADS // KV_HEADS, 1)
    v = (h @ p["v"]).view(-1, KV_HEADS, HEAD_SIZE).repeat_interleave(HEADS // KV_HEADS, 1)
    scores = torch.einsum("thd,shd->hts", q, k) / HEAD_SIZE**0.5
    attended = torch.einsum("hts,shd->thd", scores.masked_fill(~mask, -torch.inf).softmax(-1), v)
    x = x + attended.reshape(len(tokens), -1) @ p["output"]
    gate, up = (norm(x, p["mlpNorm"]) @ p["gateUp"]).chunk(2, -1)
    x = x + (F.silu(gate) * up) @ p["down"]
logits = norm(x, w["finalNorm"]) @ w["embedding"].T
loss = F.cross_entropy(logits, targets.long(), ignore_index=-1, reduction="sum")
(loss / (targets >= 0).sum()).backward()


def flat(values):
    return torch.cat([value.detach().reshape(-1) for value in values]).float()


out = dict(tokens=tokens, targets=targets, lengths=torch.tensor(LENGTHS, dtype=torch.int32), loss=loss.detach().reshape(1),
           parameters=flat(w.values()), gradients=flat(value.grad for value in w.values()))
total = torch.nn.utils.clip_grad_norm_(list(w.values()), CLIP)
torch.optim.AdamW([{"params": [w[name] for name in matrices], "weight_decay": DECAY},
                   {"params": [w[name] for name in norms], "weight_decay": 0.0}], lr=LEARNING_RATE, betas=BETAS, eps=ADAM_EPSILON).step()
out |= dict(gradientNorm=total.detach().reshape(1), updated=flat(w.values()))
golden_file.write((sys.argv[1] if len(sys.argv) > 1 else ".") + "/step.safetensors", out, {"torch": torch.__version__})
