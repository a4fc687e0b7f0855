"""Ten-fold evaluation of the network on a set of labelled images: fold by fold, each trained anew, resumable."""

import argparse
import hashlib
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from .. import config as configuration, markdown, package, states
from ..errors import TrainingError, only_one, writing
from . import batches, scores, sets
from .networks import WAYS, EveryWay, Network

RATE, WARM_UP, SMALLEST_BATCH = 2e-3, 20, 4


def parse(arguments):
    parser = argparse.ArgumentParser(prog="deepscope_training crossvalidate", description="Ten-fold evaluation of the location network on a folder of labelled images.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--layout", choices=list(sets.LAYOUTS), default="folders", help="how the folder is laid out (default: one folder for each class)")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=1500, help="training steps of one fold at most")
    parser.add_argument("--minutes", type=float, help="for all folds together; each gets its share")
    parser.add_argument("--initial", type=Path, help="a checkpoint of the localization package whose paths each fold begins with")
    parser.add_argument("--config", default="localization", help="package or YAML file that gives the network and the batch")
    parser.add_argument("--out", type=Path, help="folder of the results (default FOLDER-crossvalidation)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args(arguments)


def parts_of(labels, count, seed):
    """Which of `count` parts each image belongs to: every class is dealt out evenly, the order drawn from `seed`."""
    labels, part = np.asarray(labels), np.empty(len(labels), int)
    rng, dealt = np.random.default_rng(seed), 0
    for label in np.unique(labels):
        chosen = rng.permutation(np.flatnonzero(labels == label))
        part[chosen] = (np.arange(len(chosen)) + dealt) % count
        dealt += len(chosen)
    return part


def fingerprint(listing, options, network):
    """What the results of a fold depend on, as a hash: another set or another network may not go on in the same folder."""
    said = [[str(p.relative_to(options.folder)), label] for p, label in zip(listing.paths, listing.labels)]
    if options.initial and not options.initial.is_file():
        raise TrainingError(f"There is no checkpoint {options.initial} to begin with.")
    initial = package.sha256(options.initial) if options.initial else None
    choice = [options.layout, options.folds, options.steps, options.minutes, options.seed, initial, vars(network), WAYS]
    return hashlib.sha256(json.dumps([said, choice]).encode()).hexdigest()


def load_all(listing, report):
    """Every image on one grid, (N, side, side) float16, normalised."""
    side, images = sets.grid_side(sets.read(listing.paths[0])), []
    for number, path in enumerate(listing.paths):
        image = torch.from_numpy(sets.fit(sets.read(path), side))
        images.append(batches.normalise(image[None], (1.0, 99.9))[0].clamp(-1, 100).half())
        if (number + 1) % 5000 == 0:
            report(f"{number + 1} of {len(listing.paths)} images read")
    return torch.stack(images)


def begin(network, path):
    """Take over the weights of a trained localization checkpoint, all but the last layer, whose classes are others."""
    if not path.is_file():
        raise TrainingError(f"There is no checkpoint {path} to begin with.")
    state = states.load(path, "checkpoint", ("network",))["network"]
    try:
        network.load_state_dict({**network.state_dict(), **{k: v for k, v in state.items() if not k.startswith("last.")}})
    except RuntimeError as error:
        raise TrainingError(f"The weights of {path} do not fit this network; begin with a checkpoint of the same 'network' section.") from error


def augment(images, generator):
    """Quarter turns, mirroring, and errors of scale and offset of (B, 1, Y, X)."""
    turns, flip = (int(torch.randint(0, n, (), generator=generator)) for n in (4, 2))
    images = torch.rot90(images, turns, (2, 3))
    images = images.flip(3) if flip else images
    gain, shift = (batches.spread(generator, len(images), *v)[..., None] for v in ((0.8, 1.25), (-0.05, 0.05)))
    return images * gain + shift


def train_fold(settings, classes, images, labels, options, batch, number):
    """A network trained on images (N, Y, X) and labels (N) for at most `options.steps` steps and its share of the minutes. Returns it and the steps made."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(options.seed * 1000 + number)
    network = Network(settings, classes).to(device)
    if options.initial:
        begin(network, options.initial)
    generator = torch.Generator().manual_seed(options.seed * 1000 + number)
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
    limit = options.minutes * 60 / options.folds if options.minutes else None
    start, step = time.monotonic(), 0
    while step < options.steps:
        spent = time.monotonic() - start
        if limit and spent >= limit:
            break
        progress = max(step / options.steps, spent / limit if limit else 0)
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / WARM_UP) * 0.5 * (1 + np.cos(np.pi * progress))
        chosen = torch.randint(0, len(images), (batch,), generator=generator)
        x = augment(images[chosen].float()[:, None], generator).to(device)
        loss = F.cross_entropy(network(x)[0], labels[chosen].to(device), label_smoothing=0.05)
        if not torch.isfinite(loss):
            raise TrainingError(f"The loss of fold {number} is not finite at step {step}; the images may be empty. Nothing of this fold was kept.")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
    return network.eval(), step


@torch.no_grad()
def answer(network, images):
    """The place of each of (N, Y, X), as the shipped network would be asked."""
    device, every = next(network.parameters()).device, EveryWay(network).eval()
    return torch.cat([every(x.float()[:, None].to(device))[0].argmax(1).cpu() for x in images.split(16)])


def run(options, report=print):
    """Evaluate every fold that is still missing, then write results.json and RESULTS.md. Returns the results."""
    config = configuration.load(options.config)
    if options.folds < 2:
        raise TrainingError("--folds must be at least 2.")
    if options.threads:
        torch.set_num_threads(options.threads)
    listing = sets.listing(options.folder, options.layout, options.folds)
    out = options.out or options.folder.with_name(options.folder.name + "-crossvalidation")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    with only_one(out):
        mark = fingerprint(listing, options, config.network)
        images, labels = load_all(listing, report), torch.tensor(listing.labels)
        batch = max(SMALLEST_BATCH, config.training.batch)
        part = np.array(listing.test, int) - 1 if listing.test else parts_of(listing.labels, options.folds, options.seed)
        folds = [fold(config, listing, options, images, labels, batch, part, number, out, mark, report) for number in np.unique(part[part >= 0]).tolist()]
    return write(listing, options, folds, out, report)


def fold(config, listing, options, images, labels, batch, part, number, out, mark, report):
    """The answers of one part's images by a network that never saw them: taken from the file of an earlier run, or made."""
    path = out / f"fold-{number + 1:02d}.json"
    if path.is_file():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise TrainingError(f"{path} is damaged; delete it and the fold will be made again.") from error
        if found.get("mark") != mark:
            raise TrainingError(f"{path} belongs to other images or other settings; choose another folder with --out.")
        report(f"fold {number + 1}: there already")
        return found
    held, rest = (torch.from_numpy(np.flatnonzero(v)) for v in (part == number, part != number))
    start = time.monotonic()
    network, steps = train_fold(config.network, len(listing.names), images[rest], labels[rest], options, batch, number)
    given = answer(network, images[held])
    found = {"mark": mark, "fold": number + 1, "steps": steps, "minutes": (time.monotonic() - start) / 60, "images": held.tolist(), "answers": given.tolist()}
    package.put(path, lambda made: Path(made).write_text(json.dumps(found) + "\n", encoding="utf-8"))
    report(f"fold {number + 1}: {float((given == labels[held]).float().mean()):.3f} of {len(held)} right after {steps} steps")
    return found


def write(listing, options, folds, out, report):
    """results.json and RESULTS.md from the folds."""
    true = [listing.labels[i] for f in folds for i in f["images"]]
    given = [a for f in folds for a in f["answers"]]
    table = scores.confusion(true, given, len(listing.names))
    overall = scores.accuracy(true, given)
    rows = [
        {"fold": f["fold"], **scores.accuracy([listing.labels[i] for i in f["images"]], f["answers"]), "steps": f["steps"], "minutes": f["minutes"]} for f in folds
    ]
    result = markdown.rounded(
        {
            "layout": options.layout,
            "split": "published" if listing.test else f"{options.folds} stratified parts",
            "accuracy": overall,
            "folds": rows,
            "classes": scores.per_class(table, listing.names),
            "names": listing.names,
            "confusion": table.tolist(),
        }
    )
    package.put(out / "results.json", lambda part: Path(part).write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"))
    heads = "| true \\ named | " + " | ".join(listing.names) + " |\n| --- |" + " ---: |" * len(listing.names)
    matrix = "\n".join(f"| {name} | " + " | ".join(map(str, row)) + " |" for name, row in zip(listing.names, table.tolist()))
    words = f"{overall['accuracy']:.3f} (95 % {overall['low']:.3f} … {overall['high']:.3f}, {overall['cells']} images)"
    text = f"""# {options.folder.name}, layout {options.layout}: {result['split']}

Accuracy {words}, each image answered by a network that was not trained on it.

{markdown.table(result['folds'])}

{markdown.table(result['classes'])}

{heads}
{matrix}
"""
    package.put(out / "RESULTS.md", lambda part: Path(part).write_text(text, encoding="utf-8"))
    report(f"accuracy {words}; written to {out}")
    return result
