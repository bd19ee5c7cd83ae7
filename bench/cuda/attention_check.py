"""Checks the attention kernels against float64 PyTorch: python3 attention_check.py FOLDER_OF_CUBINS [sm90|added|mma ...] [quick]

`added` is sm90 with queries' gradients added up in whatever order.

`quick` takes a few small shapes only, for compute-sanitizer.

Relative errors are of the Frobenius norm. Prints one line a case and ends with a non-zero code if any failed.
"""
import math
import sys

import numpy as np
import torch

from attention_kernels import Attention, Kernels

LIMIT = 1e-2
FAILURES = []


def expect(condition, what):
    if not condition:
        FAILURES.append(what)
        print("FAILED:", what, flush=True)


def error(actual, expected):
    diff = (actual.double() - expected).norm() / expected.norm()
    return float(diff) if torch.isfinite(actual).all() else math.nan


class Case:
    """One shape and packing with random inputs."""

    def __init__(self, kernels, family, heads, kv_heads, size, block, query_tile, lengths, budget, sink=0, local=0, seed=0):
        self.name = (f"{family} H{heads} J{kv_heads} D{size} B{block} Q{query_tile} k{budget} sink{sink} local{local} "
                     f"lengths {lengths if len(lengths) < 6 else str(len(lengths)) + ' documents'}")
        self.a = Attention(kernels, heads, kv_heads, size, block, query_tile, lengths, sink, local, family)
        self.a.plan(budget)
        self.budget = budget
        g = torch.Generator(device="cuda").manual_seed(seed)

        def normal(h):
            return torch.randn(self.a.T, h, size, device="cuda", generator=g).bfloat16()
        self.q, self.k, self.v, self.d_out = normal(heads), normal(kv_heads), normal(kv_heads), normal(heads)

    def run(self, coverage=()):
        a = self.a
        nan = float("nan")
        self.out, self.dq = torch.full_like(self.q, nan), torch.full_like(self.q, nan)
        self.dk, self.dv = torch.full_like(self.k, nan), torch.full_like(self.k, nan)
        self.lse = torch.full((a.H, a.T), nan, device="cuda")
        a.route(self.q, self.k, coverage)
        a.invert()
        a.forward(self.q, self.k, self.v, self.out, self.lse)
        a.backward(self.q, self.k, self.v, self.out, self.d_out, self.lse, self.dq, self.dk, self.dv)
        torch.cuda.synchronize()
        return [t.clone() for t in (a.lists, a.entries, self.out, self.lse, self.dq, self.dk, self.dv)]

    def lists(self):
        a = self.a
        all_lists = a.lists.cpu().numpy().reshape(a.J, a.list_length)
        return [[all_lists[j, a.list_start_np[t]:a.list_start_np[t + 1]] for t in range(a.num_tiles)] for j in range(a.J)]

    def check_router(self, coverage):
        a = self.a
        kept_counts = a.kept(self.budget)
        lists = self.lists()
        means = torch.stack([self.k[b[0]:b[0] + b[2]].double().mean(0) for b in a.blocks_np])
        curve = np.zeros(len(coverage))
        expected_inverse = [[[] for _ in range(a.num_blocks)] for _ in range(a.J)]
        for t, (token, start, n, first_block) in enumerate(a.tiles_np):
            causal, own = int(a.causal[t]), int(a.first_own[t])
            pooled_q = self.q[token:token + n].double().reshape(n, a.J, a.G, a.D).mean((0, 2))
            scores = torch.einsum("jd,bjd->jb", pooled_q, means[first_block:first_block + causal]).cpu().numpy()
            forced = np.zeros(causal, bool)
            forced[:a.sink] = True
            forced[max(0, own - a.local):] = True
            for j in range(a.J):
                kept = lists[j][t]
                for b in kept:
                    expected_inverse[j][first_block + b].append(t)
                ok = len(kept) == kept_counts[t] and (np.diff(kept) > 0).all() and kept[0] >= 0 and kept[-1] < causal
                keep = np.zeros(causal, bool)
                keep[kept] = True
                ok = ok and keep[forced].all()
                if not keep.all() and (keep & ~forced).any():
                    ok = ok and scores[j][keep & ~forced].min() >= scores[j][~keep].max() - 1e-5
                expect(ok, f"{self.name}: list of tile {t}, head {j}")
                order = sorted(range(causal), key=lambda b: (not forced[b], -scores[j][b] if not forced[b] else 0, b))
                mass = np.exp((scores[j] - scores[j].max()) / math.sqrt(a.D))
                for i, budget in enumerate(coverage):
                    size = min(causal, max(budget, int(forced.sum())))
                    curve[i] += mass[order[:size]].sum() / mass.sum()
        starts, entries = a.starts.cpu().numpy(), a.entries.cpu().numpy()
        for j in range(a.J):
            for b in range(a.num_blocks):
                row = j * a.num_blocks + b
                expect(entries[starts[row]:starts[row + 1]].tolist() == expected_inverse[j][b],
                       f"{self.name}: inverse list of block {b}, head {j}")
        n = int(a.num_items.cpu())
        items = a.items.cpu().numpy().reshape(-1, 4)[:n]
        covered = sum(int(i[2] - i[1]) for i in items)
        expect(n <= a.most_items and covered == a.J * a.list_length and items[:, 3].max() < a.most_slots,
               f"{self.name}: work items")
        if coverage:
            actual = a.coverage.cpu().numpy()
            expected = curve / (a.J * a.num_tiles)
            expect(np.abs(actual - expected).max() < 1e-5, f"{self.name}: coverage {actual} for {expected}")

    def mask(self, j):
        a = self.a
        mask = torch.zeros(a.T, a.T, dtype=torch.bool)
        lists = self.lists()[j]
        for t, (token, start, n, first_block) in enumerate(a.tiles_np):
            for b in lists[t]:
                block = a.blocks_np[first_block + b]
                mask[token:token + n, block[0]:block[0] + block[2]] = True
        return mask.tril().cuda()

    def check_values(self):
        a = self.a
        q, k, v = (x.double().requires_grad_() for x in (self.q, self.k, self.v))
        outs, sums = [], []
        for h in range(a.H):
            j = h // a.G
            s = q[:, h] @ k[:, j].T / math.sqrt(a.D)
            s = s.masked_fill(~self.mask(j), -math.inf)
            sums.append(torch.logsumexp(s, 1))
            outs.append(torch.softmax(s, 1) @ v[:, j])
        expected = torch.stack(outs, 1)
        expected.backward(self.d_out.double())
        errors = {"out": error(self.out, expected.detach()), "lse": error(self.lse, torch.stack(sums).detach()),
                  "dq": error(self.dq, q.grad), "dk": error(self.dk, k.grad), "dv": error(self.dv, v.grad)}
        ok = all(e < LIMIT for e in errors.values())
        expect(ok, self.name)
        print(("ok    " if ok else "WRONG ") + self.name, {n: f"{e:.1e}" for n, e in errors.items()}, flush=True)

    def check_samples(self, tiles, blocks):
        """Rows of some tiles, and keys of some blocks, where the whole would not fit: against float64, log-sum-exps of other
        tiles' rows taken from the kernel."""
        a, lists, errors = self.a, self.lists(), {}

        def note(name, actual, expected):
            errors[name] = max(errors.get(name, 0), error(actual, expected))

        def rows(j, t, keys):
            token, _, n, _ = (int(x) for x in a.tiles_np[t])
            at = slice(token, token + n), slice(j * a.G, (j + 1) * a.G)
            q, d_out, out = (x[at].double() for x in (self.q, self.d_out, self.out))
            s = torch.einsum("ngd,kd->ngk", q, self.k[keys, j].double()) / math.sqrt(a.D)
            later = keys[None, None, :] > torch.arange(token, token + n, device="cuda")[:, None, None]
            return at, q, d_out, out, s.masked_fill(later, -math.inf)

        def keys_of(t, kept):
            first = int(a.tiles_np[t][3])
            return torch.cat([torch.arange(b[0], b[0] + b[2], device="cuda") for b in a.blocks_np[first + np.array(kept)]])
        for j in (0, a.J - 1):
            for t in tiles:
                keys = keys_of(t, lists[j][t])
                at, q, d_out, _, s = rows(j, t, keys)
                p = torch.softmax(s, 2)
                out = p @ self.v[keys, j].double()
                note("out", self.out[at], out)
                note("lse", self.lse[at[1], at[0]], torch.logsumexp(s, 2).T)
                d = p * (d_out @ self.v[keys, j].double().T - (d_out * out).sum(2, keepdim=True))
                note("dq", self.dq[at], d @ self.k[keys, j].double() / math.sqrt(a.D))
            for b in blocks:
                token, _, n, first_tile, end_tile, local = (int(x) for x in a.blocks_np[b][:6])
                keys = torch.arange(token, token + n, device="cuda")
                dk, dv = torch.zeros(n, a.D, device="cuda").double(), torch.zeros(n, a.D, device="cuda").double()
                for t in range(first_tile, end_tile):
                    if local in lists[j][t]:
                        at, q, d_out, out, s = rows(j, t, keys)
                        p = torch.exp(s - self.lse[at[1], at[0]].T[:, :, None].double())
                        dv += torch.einsum("ngk,ngd->kd", p, d_out)
                        d = p * (d_out @ self.v[keys, j].double().T - (d_out * out).sum(2, keepdim=True))
                        dk += torch.einsum("ngk,ngd->kd", d, q) / math.sqrt(a.D)
                note("dk", self.dk[keys, j], dk)
                note("dv", self.dv[keys, j], dv)
        ok = all(e < LIMIT for e in errors.values())
        expect(ok, self.name)
        print(("ok    " if ok else "WRONG ") + self.name, {n: f"{e:.1e}" for n, e in errors.items()}, flush=True)

    def check_repeats(self):
        first, second = self.run(), self.run()
        if self.a.family == "added":
            first.pop(4), second.pop(4)  # dq
        expect(all(torch.equal(x, y) for x, y in zip(first, second)), f"{self.name}: two runs differ")


def cases(kernels, family):
    odd = [1, 300, 63, 5, 129]
    shapes = [(4, 2, 128, 128, 32), (4, 2, 64, 64, 32), (4, 1, 128, 64, 16), (4, 1, 64, 128, 64), (8, 2, 128, 256, 128),
              (7, 1, 64, 64, 16), (14, 2, 64, 128, 64), (16, 2, 128, 128, 48), (3, 3, 128, 128, 128), (4, 2, 64, 256, 100),
              (32, 1, 64, 64, 20), (64, 1, 128, 128, 16)]
    for i, (heads, kv_heads, size, block, tile) in enumerate(shapes):
        for lengths, budget, sink, local in (([1000], 3, 0, 0), (odd, 2, 1, 0), ([700, 77], 1, 0, 0), ([513], 99, 0, 1)):
            yield Case(kernels, family, heads, kv_heads, size, block, tile, lengths, budget, sink, local, seed=i)
    yield Case(kernels, family, 4, 2, 128, 128, 32, [3000, 900], 4, 1, 1, seed=77)  # block 0 in every list
    yield Case(kernels, family, 4, 2, 64, 64, 32, [4096], 6, 1, 0, seed=78)


def check_large(kernels, family):
    """131,072 tokens; tensors of more than 2^31 elements; more blocks than registers hold; a context that all tiles cover."""
    case = Case(kernels, family, 16, 4, 128, 128, 32, [131072], 16, seed=5)
    case.run()
    case.check_samples([0, 5, 2047, 4095], [0, 1, 700, 1023])
    case.check_repeats()
    case = Case(kernels, family, 136, 8, 128, 128, 16, [100000, 31072], 2, seed=6)
    case.run()
    case.check_samples([0, 6249, 6250, 8191], [0, 781, 782, 1024])
    del case
    torch.cuda.empty_cache()
    case = Case(kernels, family, 4, 2, 64, 64, 128, [70000], 9, seed=7)
    case.run((3, 9, 40))
    if family == "mma":
        case.check_router((3, 9, 40))
    case.check_samples([0, 300, 546], [0, 1093])


def check_ties(kernels):
    case = Case(kernels, "mma", 4, 2, 128, 64, 32, [1024], 3)
    case.k[:] = case.k[:1]
    case.run()
    for t, kept in enumerate(case.lists()[0]):
        own = t * 32 // 64
        expect(kept.tolist() == sorted({*range(min(2, own)), own}), f"ties go to the lower block: tile {t}, {kept}")


def main():
    kernels = Kernels(sys.argv[1])
    print(torch.cuda.get_device_name())
    check_ties(kernels)
    quick = "quick" in sys.argv
    for family in [f for f in ("mma", "sm90", "added") if f in sys.argv] or ["mma", "sm90", "added"]:
        for i, case in enumerate(cases(kernels, family)):
            if quick and i not in (1, 5, 22, 25):
                continue
            coverage = (1, 2, 4)
            case.run(coverage)
            if family == "mma":
                case.check_router(coverage)
            case.check_values()
            case.check_repeats()
        if not quick:
            check_large(kernels, family)
    print("failures:", len(FAILURES))
    sys.exit(bool(FAILURES))


if __name__ == "__main__":
    main()
