"""Training that survives interruption: checkpoints hold everything, a batch depends on its number only."""

import csv
import math
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from . import batches, config as configuration, losses, networks, pool
from .crew import Crew
from .errors import TrainingError, only_one, writing

CHECKPOINT_FORMAT = 1


def rate_at(progress, step, training):
    """Adam's rate: a short rise, then half a cosine down to zero at progress 1."""
    return training.rate * min(1, (step + 1) / training.warm_up) * 0.5 * (1 + math.cos(math.pi * min(progress, 1)))


def save(path, state):
    """Write a checkpoint beside `path` and rename it into place: an interruption leaves the old one whole."""
    part = path.with_suffix(".part")
    try:
        with writing(path):
            try:
                torch.save(state, part)
            except RuntimeError as error:  # PyTorch's own writer reports a full disk so
                raise TrainingError(f"{path} could not be written; is the disk full? Nothing existing was changed.") from error
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def read_checkpoint(path, config):
    """The state of a run, refused with a sentence when it is damaged or belongs to something else."""
    if not path.is_file():
        raise TrainingError(f"There is no checkpoint {path}; train the package first (train {config.name}).")
    try:
        state = torch.load(path, map_location="cpu")
    except Exception as error:  # whatever unpickling a damaged file raises
        raise TrainingError(f"The checkpoint {path} is damaged and cannot be read; move it away to begin anew.") from error
    if not isinstance(state, dict) or state.get("format") != CHECKPOINT_FORMAT or "network" not in state:
        raise TrainingError(f"{path} is not a checkpoint of this program; it was left as it is.")
    for section in ("name", "network", "optics"):
        if state["config"].get(section) != configuration.as_dict(config)[section]:
            raise TrainingError(f"The checkpoint {path} was trained with another '{section}'; give it another folder or the same configuration.")
    return state


def start_pool(folder, name):
    """A second process that makes the rest of the pool at low priority while training runs."""
    command = [sys.executable, "-m", "deepscope_training", "pool", name, "--pool", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, preexec_fn=lambda: os.nice(15))


@torch.no_grad()
def validate(network, pairs, training, pixel):
    network.eval()
    parts = [losses.loss(network(x), y, training, pixel)[1] for x, y in zip(pairs[0].split(8), pairs[1].split(8))]
    network.train()
    return {key: sum(p[key] for p in parts) / len(parts) for key in parts[0]}


def run(config, folder, pool_folder, minutes=None, steps=None, grow=True, report=print, source=None, rank=0, workers=1):
    """Train `config` in `folder` from the checkpoint there, or from the beginning. Returns the network.

    minutes: end then, the rate falling accordingly (time before an interruption counts); steps: end at that step.
    grow: let another process go on making fields. The folder receives checkpoint.pt and loss.csv. rank, workers: this
    process's place in a crew (crew.py) that shares every batch; only rank 0 writes.
    """
    folder, training = Path(folder), config.training
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.pt"
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(config.seed)
    network = networks.build(config).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=training.rate, betas=(0.9, 0.99))
    step, elapsed = 0, 0.0
    if checkpoint.exists():
        state = read_checkpoint(checkpoint, config)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        step, elapsed = state["step"], state["elapsed"]
        if rank == 0:
            report(f"Going on from step {step}.")
    last = steps or training.steps
    lock = only_one(folder) if rank == 0 else None
    if rank == 0:
        pool.fill(config, pool_folder, count=training.validation_fields + config.data.least)
    crew = Crew(rank, workers, folder)
    grower = start_pool(pool_folder, source or config.name) if grow and rank == 0 else None
    background = ThreadPoolExecutor(1)
    try:
        fields, count = pool.Pool(pool_folder), pool.available(pool_folder, config.data.fields)
        held = batches.validation(config, fields)
        pixel, clock, curve = config.optics.target.pixel, time.monotonic(), []

        def store():
            if rank > 0:
                return
            state = {"format": CHECKPOINT_FORMAT, "config": configuration.as_dict(config), "network": network.state_dict()}
            save(checkpoint, {**state, "optimiser": optimiser.state_dict(), "step": step, "elapsed": elapsed})
            append_curve(folder / "loss.csv", curve, step)
            curve.clear()

        def prepare(number):
            return background.submit(batches.batch, config, fields, training.validation_fields, count, number, rank, workers)

        def going():
            return step < last and not (minutes and elapsed >= minutes * 60)

        ready = None
        while True:
            elapsed, count, on = crew.agree(elapsed, count, going())
            if not on:
                break
            count = int(count)
            ready = ready or prepare(step)
            progress = max(step / training.steps, elapsed / (minutes * 60) if minutes else 0)
            for group in optimiser.param_groups:
                group["lr"] = rate_at(progress, step, training)
            (x, y), ready = ready.result(), prepare(step + 1)
            total, parts = losses.loss(network(x.to(device)), y.to(device), training, pixel)
            if not torch.isfinite(total):
                raise TrainingError(f"The loss is not finite at step {step}; lower the rate ({training.rate}) and resume from the last checkpoint.")
            optimiser.zero_grad(set_to_none=True)
            total.backward()
            crew.average(network)
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            step += 1
            elapsed, clock = elapsed + time.monotonic() - clock, time.monotonic()
            curve.append({"step": step, "minutes": elapsed / 60, **parts, "validation": ""})
            if step % training.validate_every == 0 and rank == 0:
                curve[-1]["validation"] = validate(network, [v.to(device) for v in held], training, pixel)["error"]
                recent = sum(row["error"] for row in curve) / len(curve)
                report(f"step {step}, {elapsed / 60:.1f} min, {count} fields: log error {recent:.4f}, validation {curve[-1]['validation']:.4f}")
            if step % training.checkpoint_every == 0:
                store()
                count = pool.available(pool_folder, config.data.fields)
        store()
    finally:
        background.shutdown()
        crew.leave()
        if lock:
            lock.close()
        if grower:
            grower.terminate()
            grower.wait()
    return network


def append_curve(path, rows, step):
    """Add rows to the loss curve, dropping what an interrupted run had written beyond its checkpoint."""
    if not rows:
        return
    kept = []
    if path.exists():
        with open(path, newline="", encoding="utf-8") as stream:
            kept = [row for row in csv.DictReader(stream) if int(row["step"]) < rows[0]["step"]]
    with writing(path), open(path.with_suffix(".part"), "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        for row in kept + rows:
            writer.writerow({k: f"{v:.5f}" if isinstance(v, float) else v for k, v in row.items()})
    path.with_suffix(".part").replace(path)
