#!/usr/bin/env python3
"""Steps a second of the same small model under kill -9, beside torchrun's elastic agent.

    bench/goodput/goodput.py [--seconds 120] [--every 0 60 15] [--ranks 3] [--systems sparsebalance torchrun]

Every --every seconds (0: never) a rank's process is killed, drawn from --seed; the same schedule for both. SparseBalance runs
as so many nodes of one rank; who is killed is started again at once, as Slurm or Kubernetes would do it. torchrun starts the
whole group again by itself, from the newest checkpoint. Both write a checkpoint every 40 steps. Counted are steps that are not
lost: entries of the ledger there, the highest step number here. Time counts from step 20 on. Prints a Markdown table.
SPARSEBALANCE names the program, ./sparsebalance by default; it may have arguments.
"""
import argparse
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PORT = 27600
WARM_STEPS = 20


def corpus(directory):
    """Text of this project, the same for both."""
    files = sorted(p for p in ROOT.rglob("*") if p.suffix in (".md", ".java", ".cu", ".py") and "/target/" not in str(p))
    path = directory / "corpus.txt"
    path.write_text("\n".join(p.read_text(encoding="utf-8", errors="replace") for p in files), encoding="utf-8")
    return path


class SparseBalance:
    def __init__(self, directory, text, ranks):
        self.directory, self.ranks, self.log = directory, ranks, open(directory / "nodes.log", "ab")
        self.config = directory / "run.conf"
        self.config.write_text(
            f"""
            run {{ directory = {json.dumps(str(directory))}, steps = 1000000, reduction = exact, ranks = 1
              evaluation {{ every = 0, max-tokens = 0 }}, checkpoint.every = 40 }}
            device {{ kind = cpu, threads-per-rank = 1 }}
            data {{ source = {json.dumps(str(text))}, cache-directory = {json.dumps(str(directory / "cache"))}
              max-document-tokens = 1024 }}
            batch {{ samples-per-step = {2 * ranks}, micro-batches-per-step = {2 * ranks}, token-cap = 4096 }}
            attention {{ k-base = 16, k-min = 16, k-max = 16 }}
            balance {{ sparsity = fixed, feedback = assignment }}
            cluster {{ run = goodput, detection = tight, max-recoveries = 1000, worker-nodes = {ranks}
              control-nodes = {ranks} }}
            """
        )
        self.nodes = [self.start(i) for i in range(ranks)]

    def start(self, number):
        command = shlex.split(os.environ.get("SPARSEBALANCE", str(ROOT / "sparsebalance")))
        command += ["node", "--config", str(self.config), "--run", "goodput", "--host", "127.0.0.1"]
        command += ["--port", str(PORT + number), "--role", "control,worker", "--quiet"]
        for seed in range(self.ranks):
            command += ["--seed", f"127.0.0.1:{PORT + seed}"]
        return subprocess.Popen(command, stdout=self.log, stderr=self.log, start_new_session=True)

    def kill(self, draw):
        number = draw.randrange(self.ranks)
        os.killpg(self.nodes[number].pid, signal.SIGKILL)
        self.nodes[number].wait()
        self.nodes[number] = self.start(number)

    def tend(self):
        """A node that was told to end, since others took it for lost, is started again."""
        for number, node in enumerate(self.nodes):
            if node.poll() is not None:
                self.nodes[number] = self.start(number)

    def steps(self):
        newest = 0
        for ledger in (self.directory / "goodput").glob("ledger*.jsonl"):
            whole = ledger.read_bytes().rpartition(b"\n")[0]
            if whole:
                newest = max(newest, json.loads(whole.rpartition(b"\n")[2])["entry"]["step"])
        return newest

    def end(self):
        for node in self.nodes:
            os.killpg(node.pid, signal.SIGKILL)
            node.wait()
        self.log.close()


class Torchrun:
    def __init__(self, directory, text, ranks):
        self.progress, self.log = directory / "progress.txt", open(directory / "torchrun.log", "ab")
        command = [sys.executable, "-m", "torch.distributed.run", "--nnodes=1", f"--nproc-per-node={ranks}"]
        command += ["--max-restarts=100000", "--monitor-interval=0.5", str(Path(__file__).with_name("torch_worker.py"))]
        command += ["--corpus", str(text), "--progress", str(self.progress), "--checkpoint", str(directory / "newest.pt")]
        environment = dict(os.environ, OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="")
        self.agent = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=environment, start_new_session=True)

    def workers(self):
        """Children of the agent that train: it starts others too, which soon end."""
        command = ["ps", "-o", "pid=,args=", "--ppid", str(self.agent.pid)]
        listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
        return sorted(int(line.split()[0]) for line in listed if "torch_worker.py" in line)

    def kill(self, draw):
        """Waits for workers where the agent is just starting them."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            workers = self.workers()
            try:
                if workers:
                    os.kill(draw.choice(workers), signal.SIGKILL)
                    return
            except ProcessLookupError:
                pass  # It has just ended: another one.
            self.tend()
            time.sleep(0.1)
        raise SystemExit(f"torchrun has no workers; see {self.log.name}")

    def tend(self):
        if self.agent.poll() is not None:
            raise SystemExit(f"torchrun ended with {self.agent.returncode}; see {self.log.name}")

    def steps(self):
        return max((int(line) for line in self.progress.read_text().split()), default=0) if self.progress.exists() else 0

    def end(self):
        """Workers have sessions of their own, and would go on: they are killed first, while the agent cannot start others."""
        if self.agent.poll() is None:
            os.kill(self.agent.pid, signal.SIGSTOP)
            for worker in self.workers():
                os.kill(worker, signal.SIGKILL)
            os.killpg(self.agent.pid, signal.SIGKILL)
            self.agent.wait()
        self.log.close()


def measure(kind, every, options, text):
    directory = Path(tempfile.mkdtemp(prefix="goodput-"))
    system = kind(directory, text, options.ranks)
    try:
        deadline = time.monotonic() + 180
        while system.steps() < WARM_STEPS:
            system.tend()
            if time.monotonic() > deadline:
                raise SystemExit(f"not {WARM_STEPS} steps within 180 s; see {system.log.name}")
            time.sleep(0.1)
        first, begin, draw, kills = system.steps(), time.monotonic(), random.Random(options.seed), 0
        while (elapsed := time.monotonic() - begin) < options.seconds:
            # Half an interval at both ends, so that the last fault is recovered from as the others are.
            if every and elapsed >= every * (kills + 0.5) and kills < options.seconds // every:
                system.kill(draw)
                kills += 1
            system.tend()
            time.sleep(0.1)
        return (system.steps() - first) / elapsed, kills
    finally:
        system.end()
        if not options.keep:
            shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--every", type=float, nargs="+", default=[0, 60, 15])
    parser.add_argument("--ranks", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--systems", nargs="+", choices=["sparsebalance", "torchrun"], default=["sparsebalance", "torchrun"])
    parser.add_argument("--keep", action="store_true", help="keep the directories with logs")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="goodput-text-"))
    text = corpus(scratch)
    print("| system | a kill every s | kills | steps/s | goodput % |\n|---|---|---|---|---|", flush=True)
    for name in options.systems:
        kind = SparseBalance if name == "sparsebalance" else Torchrun
        healthy = None
        for every in options.every:
            rate, kills = measure(kind, every, options, text)
            healthy = rate if every == 0 else healthy
            share = f"{100 * rate / healthy:.0f}" if healthy else "-"
            print(f"| {name} | {every:g} | {kills} | {rate:.2f} | {share} |", flush=True)
    shutil.rmtree(scratch, ignore_errors=True)


main()
