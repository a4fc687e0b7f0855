"""Training that survives interruption: checkpoints hold everything, a batch depends on its number only."""

import contextlib
import csv
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from . import config as configuration, feeder, initial as beginnings, kinds, pool, states
from .crew import Crew
from .errors import TrainingError, only_one, writing

CHECKPOINT_FORMAT = 1


def rate_at(progress, step, training):
    """Adam's rate: a short rise, then half a cosine down to zero at progress 1."""
    return training.rate * min(1, (step + 1) / training.warm_up) * 0.5 * (1 + math.cos(math.pi * min(progress, 1)))


def read_checkpoint(path, config):
    """The state of a run, refused with a sentence when it is damaged or belongs to something else."""
    if not path.is_file():
        raise TrainingError(f"There is no checkpoint {path}; train the package first (train {config.name}).")
    state = states.load(path, "checkpoint", ("network", "config"))
    if state.get("format") != CHECKPOINT_FORMAT:
        raise TrainingError(f"{path} is not a checkpoint of this program; it was left as it is.")
    for section in kinds.of(config).IDENTITY:
        if not configuration.same(config, section, state["config"].get(section)):
            raise TrainingError(f"The checkpoint {path} was trained with another '{section}'; give it another folder or the same configuration.")
    return state


def variant_folders(work):
    """{variant: folder} of the checkpoints that a run left: `plain`, and `adversarial` where one lies there, whatever the configuration says now."""
    found = {"plain": Path(work), "adversarial": Path(work) / "adversarial"}
    return {name: folder for name, folder in found.items() if name == "plain" or (folder / "checkpoint.pt").exists()}


def rewritten(config, work, name, change):
    """Write `work`/`name`, a folder like `work` whose checkpoints hold what `change`(variant, state) makes of each; none is written before all are made. Returns the folder."""
    work = Path(work)
    folders = variant_folders(work)
    changed = {variant: change(variant, read_checkpoint(folder / "checkpoint.pt", config)) for variant, folder in folders.items()}
    for variant, folder in folders.items():
        target = work / name / folder.relative_to(work)
        states.save(target / "checkpoint.pt", changed[variant])
        if (folder / "loss.csv").exists():
            shutil.copyfile(folder / "loss.csv", target / "loss.csv")
    return work / name


def coarser(first, second):
    """The one of two precisions that holds less: what the package says where both were used."""
    return min(first, second)  # by the alphabet too


def start_pool(folder, name):
    """Processes that make the rest of the pool at low priority while training runs: one, or all cores that a GPU leaves."""
    command = [sys.executable, "-m", "deepscope_training", "pool", name, "--pool", str(folder), "--workers", str(max(1, feeder.others() // 2))]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=lambda: os.nice(15))


def answering(network, device, precision):
    """`network` as a function that computes with `precision`, float32 or bfloat16 (convolutions, and what lies between them), and whose answers are float32."""
    if precision == "float32":
        return network
    reduced = getattr(torch, precision)

    def answer(*tensors):
        with torch.autocast(device, reduced):
            given = network(*tensors)
        return tuple(g.float() for g in given) if isinstance(given, tuple) else given.float()

    return answer


@torch.no_grad()
def validate(config, network, tensors):
    """The parts of the loss on the validation tensors, means over pieces of eight examples."""
    network.eval()
    pieces = zip(*(t.split(8) for t in tensors))
    parts = [kinds.of(config).loss(config, network, piece)[1] for piece in pieces]
    network.train()
    return {key: sum(p[key] for p in parts) / len(parts) for key in parts[0]}


def run(config, folder, pool_folder, minutes=None, steps=None, grow=True, report=print, source=None, rank=0, workers=1, initial=None, adversarial=False, precision=None):
    """Train `config` in `folder` from the checkpoint there, or from the beginning. Returns the network.

    minutes: end then, the rate falling accordingly (time before an interruption counts); steps: end at that step. initial: a checkpoint or a package whose
    weights a new run begins with. precision: in which the network computes while it learns (default: as before the interruption, else float32);
    weights, loss and validation are float32. grow: let another
    process go on making fields. rank, workers: this process's place in a crew (crew.py) that shares every batch; only rank 0 writes. The folder receives
    checkpoint.pt and loss.csv, and fork.pt, the state at `training.adversarial.begin` where the configuration has an adversary. adversarial: go on from
    there with it, in the folder `adversarial` within.
    """
    folder, training, kind = Path(folder), config.training, kinds.of(config)
    fork = folder / "fork.pt"
    folder = folder / "adversarial" if adversarial else folder
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.pt"
    device = "cuda" if torch.cuda.is_available() else "cpu"
    lock = only_one(folder) if rank == 0 else None
    if rank == 0:
        pool.fill(config, pool_folder, count=training.validation_fields + config.data.least, report=report)
    crew = Crew(rank, workers, folder)  # members wait here until the leader has made what all of them read
    torch.manual_seed(config.seed)
    network = kind.build(config).to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(network.parameters(), lr=training.rate, betas=(0.9, 0.99))
    adversary = kind.critic(config)
    forks = adversary is not None and not adversarial
    adversary = adversary.to(device) if adversarial and adversary else None
    step, elapsed, began, before = 0, 0.0, None, None
    begin = checkpoint if checkpoint.exists() else fork if adversarial else None
    if begin:
        state = read_checkpoint(begin, config)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        if adversary and state.get("adversary"):
            adversary.load_state_dict(state["adversary"])
        step, elapsed, began = state["step"], state["elapsed"], state.get("initial")
        before = state.get("precision", "float32")
        if rank == 0:
            report(f"Going on from step {step}.")
    elif initial:
        began = beginnings.weights(initial, network)
    precision = precision or before or "float32"
    kept_precision = coarser(before or precision, precision)
    answer = answering(network, device, precision)
    last = training.steps if steps is None else steps
    grower = start_pool(pool_folder, source or config.name) if grow and rank == 0 else None
    fields, count = pool.Pool(pool_folder), pool.available(pool_folder, config.data.fields)
    food = feeder.Feeder(config, pool_folder, fields, training.validation_fields, rank, workers)
    try:
        held = kind.validation(config, fields)
        clock, curve = time.monotonic(), []

        def store(path=checkpoint):
            if rank > 0:
                return
            state = {"format": CHECKPOINT_FORMAT, "config": configuration.as_dict(config), "network": network.state_dict(), "initial": began, "precision": kept_precision}
            if adversary:
                state["adversary"] = adversary.state_dict()
            states.save(path, {**state, "optimiser": optimiser.state_dict(), "step": step, "elapsed": elapsed})
            append_curve(folder / "loss.csv", curve, step)
            curve.clear()

        def progress():
            return max(step / training.steps, elapsed / (minutes * 60) if minutes else 0)

        def going():
            return step < last and not (minutes and elapsed >= minutes * 60)

        while True:
            elapsed, count, on = crew.agree(elapsed, count, going())
            if not on:
                break
            count = int(count)
            if forks and progress() >= training.adversarial.begin and not fork.exists():
                store(fork)
            for group in optimiser.param_groups:
                group["lr"] = rate_at(progress(), step, training)
            tensors = tuple(t.to(device, non_blocking=True) for t in food.take(step, count))
            total, parts = kind.loss(config, answer, tensors, adversary)
            if not torch.isfinite(total):
                raise TrainingError(f"The loss is not finite at step {step}; lower the rate ({training.rate}) and resume from the last checkpoint.")
            optimiser.zero_grad(set_to_none=True)
            total.backward()
            crew.average(network)
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            if adversary:
                parts = {**parts, **adversary.learn(crew.average)}
            step += 1
            elapsed, clock = elapsed + time.monotonic() - clock, time.monotonic()
            curve.append({"step": step, "minutes": elapsed / 60, **parts, "validation": ""})
            if step % training.validate_every == 0 and rank == 0:
                curve[-1]["validation"] = validate(config, network, [v.to(device) for v in held])["error"]
                recent = sum(row["error"] for row in curve) / len(curve)
                report(f"step {step}, {elapsed / 60:.1f} min, {count} fields: error {recent:.4f}, validation {curve[-1]['validation']:.4f}")
            if step % training.checkpoint_every == 0:
                store()
                count = pool.available(pool_folder, config.data.fields)
        store()
        if forks and not fork.exists():
            store(fork)
    finally:
        food.end()
        crew.leave()
        if lock:
            lock.close()
        if grower:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(grower.pid, signal.SIGTERM)
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
