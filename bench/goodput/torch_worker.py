"""A rank of the comparison in goodput.py: a decoder of the same shape, on the CPU, under torchrun's elastic agent.

Data parallel over gloo. A checkpoint every --checkpoint-every steps, written to a temporary file and renamed; all ranks
begin from the newest. Rank 0 appends each step's number to --progress.
"""
import argparse
import os
import random

import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel

VOCABULARY, LAYERS, HIDDEN, HEADS, KV_HEADS, HEAD_SIZE, FFN = 256, 3, 128, 4, 2, 32, 384


def rotate(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(HIDDEN), nn.RMSNorm(HIDDEN)
        self.q_norm, self.k_norm = nn.RMSNorm(HEAD_SIZE), nn.RMSNorm(HEAD_SIZE)
        self.q = nn.Linear(HIDDEN, HEADS * HEAD_SIZE, bias=False)
        self.k = nn.Linear(HIDDEN, KV_HEADS * HEAD_SIZE, bias=False)
        self.v = nn.Linear(HIDDEN, KV_HEADS * HEAD_SIZE, bias=False)
        self.out = nn.Linear(HEADS * HEAD_SIZE, HIDDEN, bias=False)
        self.gate_up = nn.Linear(HIDDEN, 2 * FFN, bias=False)
        self.down = nn.Linear(FFN, HIDDEN, bias=False)

    def forward(self, x, cos, sin):
        batch, length, _ = x.shape
        y = self.norm1(x)
        q = self.q_norm(self.q(y).view(batch, length, HEADS, HEAD_SIZE)).transpose(1, 2)
        k = self.k_norm(self.k(y).view(batch, length, KV_HEADS, HEAD_SIZE)).transpose(1, 2)
        v = self.v(y).view(batch, length, KV_HEADS, HEAD_SIZE).transpose(1, 2)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        k, v = (t.repeat_interleave(HEADS // KV_HEADS, dim=1) for t in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(batch, length, -1))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, HIDDEN)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.RMSNorm(HIDDEN)

    def forward(self, tokens):
        length = tokens.shape[1]
        frequencies = 10000 ** (-torch.arange(0, HEAD_SIZE, 2) / HEAD_SIZE)
        angles = torch.outer(torch.arange(length), frequencies)
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, angles.cos(), angles.sin())
        return F.linear(self.norm(x), self.embedding.weight)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--progress", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--checkpoint-every", type=int, default=40)
    parser.add_argument("--samples", type=int, default=2, help="of each rank in a step")
    parser.add_argument("--length", type=int, default=1024)
    options = parser.parse_args()
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    torch.manual_seed(1)
    model = Decoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95), weight_decay=0.1)
    step = 0
    if os.path.exists(options.checkpoint):
        state = torch.load(options.checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    replica = DistributedDataParallel(model)
    with open(options.corpus, "rb") as file:
        data = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8)
    while True:
        step += 1
        draw = random.Random(step * 1000 + rank)
        starts = [draw.randrange(len(data) - options.length - 1) for _ in range(options.samples)]
        batch = torch.stack([data[at : at + options.length + 1] for at in starts]).long()
        loss = F.cross_entropy(replica(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if rank == 0:
            if step % options.checkpoint_every == 0:
                state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
                with open(options.checkpoint + ".tmp", "wb") as file:
                    torch.save(state, file)
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(options.checkpoint + ".tmp", options.checkpoint)
            with open(options.progress, "a", encoding="utf-8") as file:
                file.write(f"{step}\n")


main()
