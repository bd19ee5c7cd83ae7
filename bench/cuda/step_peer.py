"""The step of GpuStepBench in PyTorch: python3 bench/cuda/step_peer.py [--tokens N ...] [--attention-only]

Qwen3-0.6B's shape, one document, FlexAttention over the 16 best key blocks of 128 for each tile of 128 queries and key/value head (own
block included), recomputation of each layer, cross-entropy in chunks of 4,096 rows, fused AdamW on fp32 masters with a bf16 copy.
All of the layers, the choice of blocks and the loss are compiled; only the mask's object is made by plain Python. With --attention-only,
FlexAttention alone is compiled. Prints medians.
"""
import argparse
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.utils.checkpoint import checkpoint

V, LAYERS, C, FFN, H, J, D, BLOCK, BUDGET, THETA = 151_936, 28, 1024, 3072, 16, 8, 128, 128, 16, 1e6
COMPILE = "--attention-only" not in sys.argv
flex = flex_attention if COMPILE else torch.compile(flex_attention, dynamic=False)


def compiled(function):
    return torch.compile(function, dynamic=False) if COMPILE else function


@compiled
def choose(q, k):
    """q [H,T,D], k [J,T,D]: the best blocks of each tile by pooled scores: counts and lists, own block and full blocks, for each head."""
    n = q.shape[1] // BLOCK
    tiles = q.view(J, H // J, n, BLOCK, D).float().mean((1, 3))
    means = k.view(J, n, BLOCK, D).float().mean(2)
    past = torch.ones(n, n, dtype=torch.bool, device=q.device).tril(-1)
    scores = (tiles @ means.transpose(1, 2)).masked_fill(~past, -torch.inf)
    order = scores.topk(min(n, BUDGET - 1), -1)
    counts = past.sum(-1).clamp(max=BUDGET - 1).int().expand(J, n)
    full = torch.zeros(J, n, n, dtype=torch.int32, device=q.device)
    full[..., :order.indices.shape[-1]] = order.indices
    own = torch.zeros_like(full)
    own[..., 0] = torch.arange(n, device=q.device, dtype=torch.int32)

    def heads(x):
        return x.repeat_interleave(H // J, 0)[None].contiguous()
    return heads(torch.ones_like(counts)), heads(own), heads(counts), heads(full)


def causal(b, h, i, j):
    return i >= j


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = torch.nn.RMSNorm(C, 1e-6), torch.nn.RMSNorm(C, 1e-6)
        self.q_norm, self.k_norm = torch.nn.RMSNorm(D, 1e-6), torch.nn.RMSNorm(D, 1e-6)
        self.q, self.k, self.v = (torch.nn.Linear(C, n * D, bias=False) for n in (H, J, J))
        self.o = torch.nn.Linear(H * D, C, bias=False)
        self.gate_up, self.down = torch.nn.Linear(C, 2 * FFN, bias=False), torch.nn.Linear(FFN, C, bias=False)

    def rope(self, x, cos, sin):
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)

    @compiled
    def project(self, x, cos, sin):
        h = self.norm1(x)
        q = self.rope(self.q_norm(self.q(h).view(-1, H, D)).transpose(0, 1), cos, sin)
        k = self.rope(self.k_norm(self.k(h).view(-1, J, D)).transpose(0, 1), cos, sin)
        v = self.v(h).view(-1, J, D).transpose(0, 1)
        return q, k, v

    @compiled
    def attend(self, x, q, k, v, mask):
        out = flex(q[None], k[None], v[None], block_mask=mask, enable_gqa=True)[0]
        x = x + self.o(out.transpose(0, 1).reshape(-1, H * D))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)

    def forward(self, x, cos, sin):
        q, k, v = self.project(x, cos, sin)
        with torch.no_grad():
            mask = BlockMask.from_kv_blocks(*choose(q, k), BLOCK_SIZE=BLOCK, mask_mod=causal)
        return self.attend(x, q, k, v, mask)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokens", type=int, nargs="+", default=[32_768])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--attention-only", action="store_true")
    args = parser.parse_args()
    for tokens in args.tokens:
        measure(tokens, args.repeats)


def measure(num_tokens, repeats):
    torch.manual_seed(1)
    torch._dynamo.reset()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    with torch.device("cuda"):
        embedding = torch.nn.Embedding(V, C).bfloat16()
        layers = torch.nn.ModuleList(Layer() for _ in range(LAYERS)).bfloat16()
        final = torch.nn.RMSNorm(C, 1e-6).bfloat16()
        torch.nn.init.normal_(embedding.weight, std=0.02)
        tokens, targets = torch.randint(0, V, (2, num_tokens))
        angles = torch.arange(num_tokens)[:, None] * THETA ** (-2 * torch.arange(D // 2) / D)
        cos, sin = angles.cos(), angles.sin()
    weights = [*embedding.parameters(), *layers.parameters(), *final.parameters()]
    masters = [w.detach().float().requires_grad_() for w in weights]
    optimizer = torch.optim.AdamW(masters, lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)

    @compiled
    def chunk_loss(x, y):
        return F.cross_entropy((final(x) @ embedding.weight.T).float(), y, reduction="sum")

    def step():
        x = embedding(tokens)
        for layer in layers:
            x = checkpoint(layer, x, cos, sin, use_reentrant=False)
        loss = sum(checkpoint(chunk_loss, a, y, use_reentrant=False) for a, y in zip(x.split(4096), targets.split(4096)))
        loss = loss / num_tokens
        loss.backward()
        for master, w in zip(masters, weights):
            master.grad = w.grad.float()
            w.grad = None
        torch.nn.utils.clip_grad_norm_(masters, 1.0, foreach=True)
        optimizer.step()
        torch._foreach_copy_([w.data for w in weights], masters)
        return loss

    times = []
    for i in range(-2, repeats):
        torch.cuda.synchronize()
        start = time.perf_counter()
        loss = step()
        torch.cuda.synchronize()
        if i >= 0:
            times.append(time.perf_counter() - start)
    seconds = statistics.median(times)
    print(f"PyTorch {torch.__version__}{', compiled' if COMPILE else ''}, {torch.cuda.get_device_name()}: {num_tokens} tokens, "
          f"{seconds * 1e3:.1f} ms, {num_tokens / seconds:.0f} tokens/s, peak {torch.cuda.max_memory_allocated() >> 20} MiB, loss {float(loss):.4f}")


if __name__ == "__main__":
    main()
