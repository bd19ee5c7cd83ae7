"""Times the attention kernels and FlexAttention on the same lists: python3 attention_bench.py FOLDER_OF_CUBINS [options]

Effective TFLOP/s = 4 * pairs * D for each head forward, 2.5 times that backward, counting selected (query, key) pairs.
Medians of CUDA events. Writes a Markdown table to standard output.
"""
import argparse
import math

import torch

from attention_kernels import Attention, Kernels


def median_ms(run, repeats=15, graph=False):
    """With `graph`, of replays of a CUDA graph, so that Python's launches are not what is measured."""
    for _ in range(3):
        run()
    torch.cuda.synchronize()
    if graph:
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            run()
        run = captured.replay
        run()
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(repeats)]
    for start, end in events:
        start.record()
        run()
        end.record()
    torch.cuda.synchronize()
    return sorted(s.elapsed_time(e) for s, e in events)[repeats // 2]


def relative(x, y):
    return float((x.double() - y.double()).norm() / y.double().norm())


class Setting:
    def __init__(self, kernels, tokens, size, block, query_tile, budget, heads=16, kv_heads=4, family="sm90", sink=0):
        self.a = Attention(kernels, heads, kv_heads, size, block, query_tile, [tokens], sink, 0, family)
        self.a.plan(budget)
        self.budget = budget
        g = torch.Generator(device="cuda").manual_seed(1)

        def normal(h):
            return torch.randn(tokens, h, size, device="cuda", generator=g).bfloat16()
        self.q, self.k, self.v, self.d_out = normal(heads), normal(kv_heads), normal(kv_heads), normal(heads)
        self.out, self.dq = torch.empty_like(self.q), torch.empty_like(self.q)
        self.dk, self.dv = torch.empty_like(self.k), torch.empty_like(self.k)
        self.lse = torch.empty(heads, tokens, device="cuda")
        self.flops = 4 * self.a.pairs * size * heads

    def measure(self, parts=False):
        a = self.a
        coverage = [max(1, self.budget // 2), self.budget, self.budget * 2]
        args = (self.q, self.k, self.v, self.out, self.d_out, self.lse, self.dq, self.dk, self.dv)
        ms = {"route": median_ms(lambda: a.route(self.q, self.k, coverage), graph=True),
              "invert": median_ms(a.invert, graph=True),
              "forward": median_ms(lambda: a.forward(*args[:4], self.lse), graph=True),
              "backward": median_ms(lambda: a.backward(*args), graph=True)}
        if parts:
            for part in ("statistics", "keys", "queries"):
                ms[part] = median_ms(lambda: a.backward(*args, only=part), graph=True)
            for part in ("pool queries", "pool keys", "select"):
                ms[part] = median_ms(lambda: a.route(self.q, self.k, coverage, only=part), graph=True)
            a.route(self.q, self.k)
            ms["select without coverage"] = median_ms(lambda: a.route(self.q, self.k, only="select"), graph=True)
        return ms

    def flex(self):
        """(forward ms, backward ms, greatest relative error of ours against it)."""
        from torch.nn.attention.flex_attention import BlockMask, flex_attention
        a = self.a
        assert a.Q == a.B == 128, "FlexAttention's lists are for tiles and blocks of 128"
        n = a.num_tiles
        full = torch.zeros(a.J, n, n, dtype=torch.int32, device="cuda")
        lists = a.lists.view(a.J, -1)
        for t in range(n):
            kept = lists[:, a.list_start_np[t]:a.list_start_np[t + 1] - 1]
            full[:, t, :kept.shape[1]] = kept
        counts = torch.minimum(torch.from_numpy(a.kept(self.budget) - 1).cuda(), torch.tensor(n)).int()
        counts = counts.expand(a.J, n).contiguous()
        partial = torch.zeros_like(full)
        partial[:, :, 0] = torch.arange(n, device="cuda", dtype=torch.int32)

        def heads(x):
            return x.repeat_interleave(a.G, 0)[None].contiguous()
        mask = BlockMask.from_kv_blocks(heads(torch.ones_like(counts)), heads(partial), heads(counts), heads(full),
                                        BLOCK_SIZE=128, mask_mod=lambda b, h, i, j: i >= j)
        torch._dynamo.reset()
        torch._functorch.config.donated_buffer = False
        run = torch.compile(flex_attention, dynamic=False)
        q, k, v, d_out = (x.transpose(0, 1)[None].contiguous() for x in (self.q, self.k, self.v, self.d_out))
        for x in (q, k, v):
            x.requires_grad_()

        def forward():
            return run(q, k, v, block_mask=mask, enable_gqa=True)
        out = forward()
        out.backward(d_out)
        worst = max(relative(mine.transpose(0, 1)[None], theirs) for mine, theirs in (
            (self.out, out.detach()), (self.dq, q.grad), (self.dk, k.grad), (self.dv, v.grad)))
        with torch.no_grad():
            ms = median_ms(forward)
        out = forward()
        back = median_ms(lambda: torch.autograd.grad(out, (q, k, v), d_out, retain_graph=True))
        return ms, back, worst


def line(s, family, ms, flex=None):
    a = s.a
    tf = [s.flops / ms["forward"] / 1e9, 2.5 * s.flops / ms["backward"] / 1e9]
    overhead = (ms["route"] + ms["invert"]) / ms["forward"]
    text = (f"| {family} | {a.T} | {a.D} | {a.B} | {a.Q} | {s.budget} | {a.pairs / a.causal_pairs:.1%} | "
            f"{ms['forward']:.3f} / {tf[0]:.0f} | {ms['backward']:.3f} / {tf[1]:.0f} | "
            f"{ms['route']:.3f} + {ms['invert']:.3f} ({overhead:.1%}) |")
    if flex:
        text += (f" {flex[0]:.3f} / {s.flops / flex[0] / 1e9:.0f} | {flex[1]:.3f} / {2.5 * s.flops / flex[1] / 1e9:.0f} | "
                 f"{flex[2]:.1e} |")
    else:
        text += " | | |"
    extra = {k: round(v, 3) for k, v in ms.items() if k not in ("route", "invert", "forward", "backward")}
    print(text, extra if extra else "", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cubins")
    parser.add_argument("--families", nargs="+", default=["sm90", "added", "mma"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[128, 64])
    parser.add_argument("--tokens", nargs="+", type=int, default=[32768, 65536])
    parser.add_argument("--budget-shares", nargs="+", type=float, default=[16 / 256, 32 / 256])
    parser.add_argument("--tile", nargs="+", type=int, default=[128])
    parser.add_argument("--block", nargs="+", type=int, default=[128])
    parser.add_argument("--flex", action="store_true")
    parser.add_argument("--parts", action="store_true")
    parser.add_argument("--sink", type=int, default=0)
    args = parser.parse_args()
    kernels = Kernels(args.cubins)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, 16 query and 4 key/value heads, bf16\n")
    print("| kernels | tokens | D | block | tile | k | density | forward ms / TF | backward ms / TF | "
          "router + lists ms (of forward) | Flex forward | Flex backward | difference |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for size in args.sizes:
        for block in args.block:
            for tile in args.tile:
                for tokens in args.tokens:
                    for share in args.budget_shares:
                        for family in args.families:
                            s = Setting(kernels, tokens, size, block, tile, max(1, round(share * tokens / block)),
                                        family=family, sink=args.sink)
                            ms = s.measure(args.parts)
                            flex = s.flex() if args.flex and family == "sm90" and tile == block == 128 else None
                            line(s, family, ms, flex)
                            del s
                            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
