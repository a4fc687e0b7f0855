"""Teaches the lookout and puts it into the package: `lookout.json`, named and hashed in rdf.yaml. Interrupt and repeat at will."""

import json
import time
from pathlib import Path

import numpy as np
import torch

from .. import pool, states
from ..errors import TrainingError
from ..package import put, put_description, read_description, sha256
from ..train import answering
from . import oddities
from .lessons import FIGURES, PATTERNS, Lessons, loss_of
from .lookout import WIDTHS, Lookout, as_json, read

STEPS, BATCH, RATE, WARM_UP = 7000, 24, 4e-3, 100
RATE_AGAIN = 1e-3  # without batch normalisation
KEEP_EVERY = 200
LEAST = 8  # fields, below which there is nothing to learn


def fields(config, folder):
    """The pool's noise-free inputs with the input's pixels that hold something, (N, Y, X)."""
    found = []
    for index in range(pool.available(folder, config.data.fields)):
        with np.load(pool.path_of(folder, index)) as file:
            if not file["native"] and not str(file["family"]).endswith("empty"):
                found.append(file["low"])
    if len(found) < LEAST:
        raise TrainingError(f"The pool {folder} has {len(found)} fields for the lookout; make it first: deepscope_training pool {config.name}.")
    return np.stack(found)


def drawings(config, size):
    """Figures and patterns, the same for every seed."""
    rng, pixel = np.random.default_rng((config.seed, 7)), config.optics.input.pixel
    return np.stack([oddities.figure(rng, pixel) for _ in range(FIGURES)]), np.stack([oddities.pattern(rng, pixel, size) for _ in range(PATTERNS)])


def learn(config, lessons, path, steps, report, initial=None, precision=None, wider=0, blur=None):
    """The taught network, from `path` on where that is there; else from the lookout of the package `initial`, whose batch normalisation is in its weights already,
    with `wider` more channels in every layer; or from random weights. precision: in which the convolutions compute. blur: a package whose lookout's opinion of
    blur is learned instead of what was done to the picture; it is well tried, and oddities are what there is to learn."""
    torch.manual_seed(config.seed)
    step, kept = 0, None
    if wider < 0 or (wider and not initial):
        raise TrainingError("A lookout that there is can be made wider, by one channel or more: name its package with --initial.")
    if path.exists():
        kept = states.load(path, "lookout", ("net", "opt", "step"))
        asked, wider = wider, kept.get("wider", 0)
        if asked and asked != wider:
            raise TrainingError(f"The lookout {path} was begun with --wider {wider}; move it away to begin anew.")
        if bool(blur) != kept.get("taught_blur", False):
            raise TrainingError(f"The lookout {path} was begun {'without' if blur else 'with'} --blur; go on as it was begun, or move it away.")
        try:
            network = Lookout("norms.0.weight" not in kept["net"], kept.get("widths", WIDTHS))
            network.load_state_dict(kept["net"])
        except RuntimeError as error:
            raise TrainingError(f"The lookout {path} is of another design; move it away to begin anew.") from error
    else:
        network = read(Path(initial) / "lookout.json", lessons.pixel).wider(wider) if initial else Lookout()
    teacher = read(Path(blur) / "lookout.json", lessons.pixel) if blur else None
    network = network.to(memory_format=torch.channels_last).train()
    answer = answering(network, "cpu", precision or "float32")
    peak = RATE_AGAIN if network.folded else RATE
    optimiser = torch.optim.AdamW(network.parameters(), peak, weight_decay=1e-3)
    if kept:
        optimiser.load_state_dict(kept["opt"])
        step = kept["step"]
    begun_as = {"widths": network.widths, "wider": wider, "taught_blur": bool(blur)}
    lessons.restart((config.seed, step))
    begun = time.monotonic()
    while step < steps:
        for group in optimiser.param_groups:
            group["lr"] = peak * min(1, (step + 1) / WARM_UP) * (0.5 + 0.5 * np.cos(np.pi * step / steps)) + 1e-6
        inputs, targets, _ = lessons.batch(BATCH)
        with torch.no_grad():
            told = teacher(inputs) if teacher else None
        loss = loss_of(answer(inputs), targets, told)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % KEEP_EVERY == 0 or step == steps:
            report(f"Lookout: step {step} of {steps}, loss {float(loss):.3f}, {time.monotonic() - begun:.0f} s.")
            states.save(path, {"net": network.state_dict(), "opt": optimiser.state_dict(), "step": step, **begun_as})
    return network.eval()


def run(config, work, pool_folder, out, report=print, steps=None, initial=None, precision=None, wider=0, blur=None):
    """Teach (`learn`), write `lookout.json`, and name it in the package's description, which must be there."""
    out = Path(out)
    low = fields(config, pool_folder)
    lessons = Lessons(low, *drawings(config, low.shape[1]), config.optics.input.pixel, config.camera)
    network = learn(config, lessons, Path(work) / "lookout.pt", steps or STEPS, report, initial, precision, wider, blur)
    text = json.dumps(as_json(network.fold(), config.optics.input.pixel), ensure_ascii=False) + "\n"
    put(out / "lookout.json", lambda part: Path(part).write_text(text, encoding="utf-8"))
    description = read_description(out)
    description["config"]["deepscope"]["guard"]["lookout"] = named(out)
    put_description(out, description)
    report(f"Wrote {out.name}/lookout.json.")


def named(out):
    """How a description names the lookout in the folder `out`."""
    return {"source": "lookout.json", "sha256": sha256(out / "lookout.json")}
