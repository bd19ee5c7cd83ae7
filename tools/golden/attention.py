"""Writes golden values of router and sparse attention: python3 tools/golden/attention.py [folder]

Everything is computed by PyTorch in float64, the gradients by autograd, from inputs rounded to bf16. The files are read by
tests of the CPU and of the CUDA kernels. Format: safetensors; the case's parameters are in its metadata.

Tensors: q, dOut [T,H,D]; k, v [T,J,D] (BF16); counts [J,tiles], blocks (the lists, head by head and tile by tile, ascending),
coverage [budgets]; out, dq [T,H,D]; logSumExp [H,T]; dk, dv [T,J,D].
"""
import math
import os
import sys

import golden_file
import torch

CASES = {
    "attention-d64": dict(heads=2, kvHeads=1, headSize=64, block=64, queryTile=16, sinkBlocks=0, localBlocks=0,
                          lengths=[150, 3, 70], budget=2, coverageBudgets=[1, 2, 3], seed=1),
    "attention-d128": dict(heads=1, kvHeads=1, headSize=128, block=64, queryTile=48, sinkBlocks=1, localBlocks=0,
                           lengths=[130], budget=1, coverageBudgets=[1, 2], seed=2),
}


def kept_blocks(scores, forced, budget):
    """Ids of the blocks that a tile keeps: forced ones, then the highest scores, ties to the lower id; ascending."""
    order = sorted(range(len(scores)), key=lambda b: (0, 0.0, b) if forced[b] else (1, -scores[b], b))
    return sorted(order[:max(budget, sum(forced))])


def route(c, q, k, budget):
    """(lists[j][tile], coverage of the budget, mask [J,T,T] of kept pairs, causal)."""
    total = sum(c["lengths"])
    group = c["heads"] // c["kvHeads"]
    mask = torch.zeros(c["kvHeads"], total, total, dtype=torch.bool)
    lists = [[] for _ in range(c["kvHeads"])]
    shares = []
    begin = 0
    for length in c["lengths"]:
        for start in range(0, length, c["queryTile"]):
            end = min(length, start + c["queryTile"])
            own = start // c["block"]
            causal = (end - 1) // c["block"] + 1
            for j in range(c["kvHeads"]):
                rows = q[begin + start:begin + end, j * group:(j + 1) * group].mean((0, 1))
                means = [k[begin + b * c["block"]:begin + min(length, (b + 1) * c["block"]), j].mean(0) for b in range(causal)]
                scores = [float(rows @ m) for m in means]
                forced = [b < c["sinkBlocks"] or b >= own - c["localBlocks"] for b in range(causal)]
                kept = kept_blocks(scores, forced, budget)
                lists[j].append(kept)
                mass = torch.softmax(torch.tensor(scores, dtype=torch.float64) / math.sqrt(c["headSize"]), 0)
                shares.append(float(mass[kept].sum()))
                for b in kept:
                    mask[j, begin + start:begin + end, begin + b * c["block"]:begin + min(length, (b + 1) * c["block"])] = True
        begin += length
    return lists, sum(shares) / len(shares), mask & torch.ones(total, total, dtype=torch.bool).tril()


def compute(c):
    generator = torch.Generator().manual_seed(c["seed"])
    total = sum(c["lengths"])

    def normal(heads):
        return torch.randn(total, heads, c["headSize"], generator=generator, dtype=torch.float64).bfloat16()
    inputs = {"q": normal(c["heads"]), "k": normal(c["kvHeads"]), "v": normal(c["kvHeads"]), "dOut": normal(c["heads"])}
    q, k, v = (inputs[n].double().requires_grad_() for n in "qkv")
    with torch.no_grad():
        lists, _, mask = route(c, q, k, c["budget"])
        coverage = [route(c, q, k, b)[1] for b in c["coverageBudgets"]]
    outs, sums = [], []
    for h in range(c["heads"]):
        j = h * c["kvHeads"] // c["heads"]
        scores = (q[:, h] @ k[:, j].T / math.sqrt(c["headSize"])).masked_fill(~mask[j], -math.inf)
        sums.append(torch.logsumexp(scores, 1))
        outs.append(torch.softmax(scores, 1) @ v[:, j])
    out = torch.stack(outs, 1)
    out.backward(inputs["dOut"].double())
    results = {"out": out, "logSumExp": torch.stack(sums), "dq": q.grad, "dk": k.grad, "dv": v.grad}
    tensors = inputs | {n: x.detach().float() for n, x in results.items()}
    tensors["counts"] = torch.tensor([[len(kept) for kept in row] for row in lists], dtype=torch.int32)
    tensors["blocks"] = torch.tensor([b for row in lists for kept in row for b in kept], dtype=torch.int32)
    tensors["coverage"] = torch.tensor(coverage, dtype=torch.float64)
    return tensors


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "kernels/src/test/resources/golden"
    for name, case in CASES.items():
        metadata = {n: " ".join(map(str, x)) if isinstance(x, list) else str(x) for n, x in case.items()}
        metadata["torch"] = torch.__version__
        golden_file.write(os.path.join(folder, name + ".safetensors"), compute(case), metadata)


if __name__ == "__main__":
    main()
