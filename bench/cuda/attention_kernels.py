"""Runs the attention kernels of kernels/src/main/cuda on torch tensors, without the JVM: what CudaSparseAttention does,
in Python, through the driver API. Used by attention_check.py and attention_bench.py.

Needs PyTorch with CUDA, and cubins built with `nvcc -gencode=arch=compute_90a,code=sm_90a --cubin` (or sm_80).
"""
import ctypes
import glob
import math
import os

import numpy as np
import torch

CUDA = ctypes.CDLL("libcuda.so.1")
FAMILIES = {"attention_pool": "attention_router", "attention_select": "attention_router",
            "attention_coverage": "attention_router", "attention_list_starts": "attention_lists",
            "attention_inverse": "attention_lists",
            "attention_statistics": "attention_backward", "attention_combine": "attention_backward",
            "attention_query_rows": "attention_backward", "attention_all_gradients": "attention_key_gradients_sm90"}
SHARED_BYTES = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES


def check(status, what):
    if status != 0:
        name = ctypes.c_char_p()
        CUDA.cuGetErrorName(status, ctypes.byref(name))
        raise RuntimeError(f"{what}: {name.value.decode() if name.value else status}")


class Shape(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int) for n in (
        "numTokens", "heads", "kvHeads", "group", "block", "numTiles", "numBlocks", "listLength", "tileRows",
        "subTiles")] + [("scale", ctypes.c_float), ("scaleLog2", ctypes.c_float)]


class CoverageBudgets(ctypes.Structure):
    _fields_ = [("count", ctypes.c_int), ("values", ctypes.c_int * 31)]


class TensorMap:
    """Boxes of 64 columns x `heads_in_box` heads x `tokens_in_box` tokens of a [T, heads, D] bf16 tensor."""

    def __init__(self, tensor, heads_in_box, tokens_in_box):
        tokens, heads, size = tensor.shape
        self.memory = (ctypes.c_uint8 * 192)()
        self.address = (ctypes.addressof(self.memory) + 63) & ~63
        dims = (ctypes.c_uint64 * 3)(size, heads, tokens)
        strides = (ctypes.c_uint64 * 2)(size * 2, heads * size * 2)
        box = (ctypes.c_uint32 * 3)(64, heads_in_box, tokens_in_box)
        ones = (ctypes.c_uint32 * 3)(1, 1, 1)
        # bf16 = 9, no interleave, 128-byte swizzle = 3, L2 promotion 256 bytes = 3, zero fill
        check(CUDA.cuTensorMapEncodeTiled(ctypes.c_void_p(self.address), 9, 3, ctypes.c_void_p(tensor.data_ptr()), dims,
                                          strides, box, ones, 0, 3, 3, 0), "cuTensorMapEncodeTiled")


class Kernels:
    """Loads every cubin of a folder; launches by name on torch's current stream."""

    def __init__(self, folder):
        torch.zeros(1, device="cuda")
        self.modules = {}
        self.functions = {}
        self.shared = {}
        for path in sorted(glob.glob(os.path.join(folder, "attention_*.cubin"))):
            module = ctypes.c_void_p()
            check(CUDA.cuModuleLoad(ctypes.byref(module), path.encode()), path)
            self.modules[os.path.basename(path)[:-len(".cubin")]] = module

    def function(self, name):
        if name not in self.functions:
            function = ctypes.c_void_p()
            family = next((f for prefix, f in FAMILIES.items() if name.startswith(prefix)), None)
            family = family or max((f for f in self.modules if name.startswith(f)), key=len)
            check(CUDA.cuModuleGetFunction(ctypes.byref(function), self.modules[family], name.encode()), name)
            self.functions[name] = function
        return self.functions[name]

    def launch(self, name, grid, threads, shared, *args):
        function = self.function(name)
        if shared > self.shared.get(name, 0):
            check(CUDA.cuFuncSetAttribute(function, SHARED_BYTES, shared), name)
            self.shared[name] = shared
        values, pointers = [], []
        for a in args:
            if isinstance(a, torch.Tensor):
                a = ctypes.c_uint64(a.data_ptr())
            elif isinstance(a, int):
                a = ctypes.c_int(a)
            values.append(a)
            pointers.append(a.address if isinstance(a, TensorMap) else ctypes.addressof(a))
        array = (ctypes.c_void_p * len(pointers))(*pointers)
        grid = tuple(grid) + (1,) * (3 - len(grid))
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        check(CUDA.cuLaunchKernel(function, *grid, threads, 1, 1, shared, stream, array, None), name)


class Attention:
    """The host's plan for one shape and packing, as in CudaSparseAttention."""

    def __init__(self, kernels, heads, kv_heads, size, block, query_tile, lengths, sink=0, local=0, family="sm90"):
        """`family`: sm90, mma, or added: sm90 with queries' gradients added up where those of keys are computed."""
        self.kernels, self.H, self.J, self.D, self.B, self.Q = kernels, heads, kv_heads, size, block, query_tile
        self.G = heads // kv_heads
        self.sink, self.local, self.family = sink, local, family
        self.lengths = lengths
        self.T = sum(lengths)
        self.sms = torch.cuda.get_device_properties(0).multi_processor_count
        tiles, blocks = [], []
        token = 0
        for n in lengths:
            first_block, first_tile = len(blocks), len(tiles)
            end_tile = first_tile + -(-n // query_tile)
            for start in range(0, n, query_tile):
                tiles.append((token + start, start, min(query_tile, n - start), first_block))
            for start in range(0, n, block):
                blocks.append((token + start, start, min(block, n - start), first_tile, end_tile, start // block, 0, 0))
            token += n
        self.tiles_np = np.array(tiles, dtype=np.int32)
        self.blocks_np = np.array(blocks, dtype=np.int32)
        self.num_tiles, self.num_blocks = len(tiles), len(blocks)
        self.tiles = torch.from_numpy(self.tiles_np).cuda()
        self.blocks = torch.from_numpy(self.blocks_np).cuda()
        self.causal = (self.tiles_np[:, 1] + self.tiles_np[:, 2] - 1) // block + 1
        self.first_own = self.tiles_np[:, 1] // block
        self.words = (int(self.causal.max()) + 31) // 32

    def kept(self, budget):
        forced = self.causal - self.first_own + np.minimum(self.first_own, self.sink + self.local)
        return np.minimum(self.causal, np.maximum(budget, forced))

    def shape(self, rows):
        per_cta = rows // self.G
        subs = -(-self.Q // per_cta)
        tile_rows = -(-self.Q // subs)
        scale = 1 / math.sqrt(self.D)
        return Shape(self.T, self.H, self.J, self.G, self.B, self.num_tiles, self.num_blocks, self.list_length, tile_rows,
                     subs, scale, scale * math.log2(math.e))

    def plan(self, budget):
        kept = self.kept(budget)
        start = np.concatenate([[0], np.cumsum(kept)]).astype(np.int32)
        self.list_length = int(start[-1])
        self.list_start_np = start
        self.budget = budget
        self.list_start = torch.full((len(start),), -1, dtype=torch.int32, device="cuda")
        self.order = torch.from_numpy(np.argsort(-self.causal, kind="stable").astype(np.int32)).cuda()
        rows, entries = self.J * self.num_blocks, self.J * self.list_length
        self.longest = max(4, -(-entries // (2 * self.sms)))
        self.most_items = rows + entries // self.longest
        self.most_slots = 2 * (entries // self.longest) + 1
        own = self.causal - self.first_own
        self.pairs = int(np.sum((kept - own) * self.B * self.tiles_np[:, 2].astype(np.int64)
                                + self.own_pairs()))
        self.causal_pairs = sum(n * (n + 1) // 2 for n in self.lengths)

        def ints(n):
            return torch.full((n,), -1, dtype=torch.int32, device="cuda")
        self.lists = ints(entries)
        self.bits = ints(self.J * self.words * self.num_tiles)
        self.counts, self.starts, self.slots = ints(rows), ints(rows + 1), ints(rows + 1)
        self.entries, self.items, self.num_items = ints(entries), ints(4 * self.most_items), ints(1)
        self.pooled_q = torch.empty(self.J * self.num_tiles * self.D, device="cuda")
        self.pooled_k = torch.empty(self.J * self.num_blocks * self.D, device="cuda")
        self.common = self.shape(64)

    def own_pairs(self):
        first = (self.tiles_np[:, 1] - self.first_own * self.B).astype(np.int64)
        n = self.tiles_np[:, 2].astype(np.int64)
        return n * first + n * (n + 1) // 2

    def route(self, q, k, coverage_budgets=(), only=None):
        launch, d = self.kernels.launch, self.D
        if not hasattr(self, "coverage") or len(self.coverage) != max(1, len(coverage_budgets)):
            self.coverage_rows = torch.empty(max(1, len(coverage_budgets)) * self.J * self.num_tiles, device="cuda")
            self.coverage = torch.empty(max(1, len(coverage_budgets)), dtype=torch.float64, device="cuda")
        if only is None:
            launch("attention_list_starts", (1,), 1024, 0, self.tiles, self.list_start, self.budget, self.sink, self.local,
                   self.common)
        if only in (None, "pool queries"):
            launch(f"attention_pool_queries_d{d}", (self.num_tiles, self.J), 256, 0, q, self.tiles, self.pooled_q,
                   self.common)
        if only in (None, "pool keys"):
            launch(f"attention_pool_keys_d{d}", (self.num_blocks, self.J), 256, 0, k, self.blocks, self.pooled_k,
                   self.common)
        if only not in (None, "select"):
            return
        most = int(self.causal.max())
        per_cta = max(1, min(8, 98304 // (4 * most)))
        launch(f"attention_select_d{d}", (-(-self.num_tiles // per_cta), self.J), 256, per_cta * most * 4, self.pooled_q,
               self.pooled_k, self.tiles, self.list_start, self.lists, self.bits, self.coverage_rows,
               CoverageBudgets(len(coverage_budgets), tuple(coverage_budgets)), self.sink, self.local, per_cta, self.words, self.common)
        if coverage_budgets:
            launch("attention_coverage", (len(coverage_budgets),), 256, 0, self.coverage_rows, self.coverage,
                   self.J * self.num_tiles)

    def invert(self):
        launch, rows = self.kernels.launch, self.J * self.num_blocks
        grid = (-(-self.num_blocks // 8), self.J)
        launch("attention_inverse_count", grid, 256, 0, self.bits, self.blocks, self.counts, self.words, self.Q,
               self.common)
        launch("attention_inverse_plan", (1,), 1024, 0, self.counts, self.starts, self.slots, self.items, self.num_items,
               rows, self.longest)
        launch("attention_inverse_scatter", grid, 256, 0, self.bits, self.blocks, self.starts, self.entries, self.words,
               self.Q, self.common)

    def variant(self):
        wide = self.Q * self.G > 64
        keys = 128 if wide and self.B >= 128 else 64
        return (2 if wide else 1), keys

    def forward(self, q, k, v, out, lse):
        d, (w, keys) = self.D, self.variant()
        shape = self.shape(64 * w)
        grid = (self.num_tiles * shape.subTiles, self.J)
        tail = (out, lse, self.tiles, self.list_start, self.lists, self.order, shape)
        if self.family != "mma":
            shared = 1024 + 64 * w * d * 2 + 4 * keys * d * 2 + 128
            self.kernels.launch(f"attention_forward_sm90_d{d}_w{w}_k{keys}", grid, 128 * (w + 1), shared,
                                TensorMap(q, self.G, shape.tileRows), TensorMap(k, 1, keys), TensorMap(v, 1, keys), *tail)
        else:
            shared = 128 + 64 * w * d * 2 + 4 * 64 * d * 2
            self.kernels.launch(f"attention_forward_d{d}_m{w}", grid, 128, shared, q, k, v, *tail)

    def backward(self, q, k, v, out, d_out, lse, dq, dk, dv, only=None):
        d, (w, keys) = self.D, self.variant()
        launch = self.kernels.launch
        if not hasattr(self, "stats") or self.stats.numel() != self.H * self.T * 2:
            self.stats = torch.empty(self.H * self.T * 2, device="cuda")
        if not hasattr(self, "partials") or self.partials.numel() < self.most_slots * 2 * self.B * d:
            self.partials = torch.full((self.most_slots * 2 * self.B * d,), float("nan"), device="cuda")
        if only in (None, "statistics"):
            launch(f"attention_statistics_d{d}", (-(-self.T * self.H * d // 8 // 256),), 256, 0, out, d_out, lse,
                   self.stats, self.common)
        shape = self.shape(64)
        kw = 1 if self.B == 64 else 2
        grid = (self.most_items, self.B // (64 * kw))
        tail = (self.tiles, self.blocks, self.entries, self.items, self.num_items, shape)
        runs, sums = self.num_tiles * shape.subTiles, self.stats
        if self.family == "added":
            if not hasattr(self, "query_sums") or self.query_sums.numel() != self.J * runs * 64 * d:
                self.query_sums = torch.empty(self.J * runs * 64 * d, device="cuda")
            sums = self.query_sums
            if only in (None, "keys"):
                sums.zero_()
        if only in (None, "keys"):
            if self.family != "mma":
                name = "attention_all_gradients" if self.family == "added" else "attention_key_gradients"
                stages = 3 if kw == 2 else 2
                shared = 1024 + 2 * 64 * kw * d * 2 + stages * (2 * 64 * d * 2 + 528 + 16) + 64 * 4 + 8
                if self.family == "added":
                    shared += 2 * 64 * kw * 128 + kw * 64 * 64 * 4
                rows = (self.G, shape.tileRows)
                launch(f"{name}_sm90_d{d}_w{kw}", grid, 128 * (kw + 1), shared, TensorMap(q, *rows),
                       TensorMap(d_out, *rows), TensorMap(k, 1, 64 * kw), TensorMap(v, 1, 64 * kw), self.stats, dk, dv,
                       self.partials, sums, *tail)
            else:
                shared = 128 + 2 * 64 * kw * d * 2 + 4 * 64 * d * 2
                launch(f"attention_key_gradients_d{d}_w{4 * kw}", grid, 128 * kw, shared, q, d_out, k, v, self.stats,
                       dk, dv, self.partials, *tail)
            launch(f"attention_combine_d{d}", (self.J * self.num_blocks,), 256, 0, self.partials, self.slots, self.blocks,
                   dk, dv, self.common)
        if self.family == "added":
            if only in (None, "queries"):
                launch(f"attention_query_rows_d{d}", (runs, self.J), 128, 0, sums, self.tiles, dq, shape)
        elif only in (None, "queries"):
            shape = self.shape(64 * w)
            grid = (self.num_tiles * shape.subTiles, self.J)
            tail = (self.stats, dq, self.tiles, self.list_start, self.lists, self.order, shape)
            if self.family == "sm90":
                shared = 1024 + 2 * 64 * w * d * 2 + 4 * keys * d * 2 + 128
                rows = (self.G, shape.tileRows)
                launch(f"attention_query_gradients_sm90_d{d}_w{w}_k{keys}", grid, 128 * (w + 1), shared,
                       TensorMap(q, *rows), TensorMap(d_out, *rows), TensorMap(k, 1, keys), TensorMap(v, 1, keys), *tail)
            else:
                shared = 128 + 2 * 64 * w * d * 2 + 4 * 64 * d * 2
                launch(f"attention_query_gradients_d{d}_w{4 * w}", grid, 128 * w, shared, q, d_out, k, v, *tail)
