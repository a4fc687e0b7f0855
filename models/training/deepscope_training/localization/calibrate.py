"""What is fitted after training and shipped with the network: the temperature of its probabilities, and a score for "none of these places".

Three scores are tried on oddities that neither training nor evaluation draws, and the one that separates them best from known cells is kept:
one minus the largest probability (Hendrycks & Gimpel 2017), the energy (Liu et al. 2020), and the squared Mahalanobis distance to the nearest class in
the embedding, with one covariance for all (Lee et al. 2018). The strangers of the evaluation have no part in it.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from .. import package, pool, states
from ..errors import TrainingError
from . import baseline, batches, organelles, scores, simulate
from .networks import WAYS, EveryWay

SCORES = ("one minus probability", "energy", "mahalanobis")
FILE = "calibration.pt"
SAMPLES = 1000  # known training cells behind the means and the covariance
FRESH = 160  # known cells that no training saw, for temperature and limit
ODDITIES = 30  # of each kind
SHRINKAGE = 0.05  # of the covariance towards its mean variance


class Calibrated(nn.Module):
    """The network as it is shipped, asked in every orientation. Normalised images (B, 1, Y, X) → probabilities (B, C), embedding (B, D), class activation maps
    (B, C, Y/16, X/16) whose mean over the places are the logits, and novelty (B, 1): the larger, the less like any of the places."""

    def __init__(self, network, temperature, score, means, whitening):
        super().__init__()
        self.network, self.score = EveryWay(network), score
        for name, value in (("temperature", temperature), ("means", means), ("whitening", whitening)):
            self.register_buffer(name, torch.as_tensor(value, dtype=torch.float32))

    def forward(self, x):
        logits, embedding, activation = self.network(x)
        probabilities = torch.softmax(logits / self.temperature, 1)
        return probabilities, embedding, activation, self.novelty(logits, probabilities, embedding)

    def novelty(self, logits, probabilities, embedding):
        """The chosen score (B, 1)."""
        if self.score == "energy":
            top = logits.amax(1, keepdim=True)
            return -(top + torch.log(torch.exp(logits - top).sum(1, keepdim=True)))
        if self.score == "mahalanobis":
            away = (embedding[:, None] - self.means) @ self.whitening
            return (away * away).sum(2).amin(1, keepdim=True)
        return 1 - probabilities.amax(1, keepdim=True)


@torch.no_grad()
def outputs(module, images, piece=16):
    """Every output of a module for (N, 1, Y, X), without the maps: a list of tensors (N, …)."""
    device = next(module.parameters()).device
    parts = [[o.cpu() for o in module(x.to(device)) if o.dim() == 2] for x in images.split(piece)]
    return [torch.cat(p) for p in zip(*parts)]


def fit_temperature(logits, labels):
    """The T > 0 that minimises the cross-entropy of softmax(logits / T) (Guo et al. 2017)."""
    power = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.LBFGS([power], max_iter=50, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(logits / power.exp(), labels)
        loss.backward()
        return loss

    optimiser.step(closure)
    return float(power.exp().detach())


def fit_gaussians(embedding, labels, classes):
    """Class means (C, D) and a matrix W (D, D) with W Wᵀ the inverse of their common covariance, shrunk a little."""
    means = torch.stack([embedding[labels == c].mean(0) for c in range(classes)])
    centred = embedding - means[labels]
    covariance = (centred.T @ centred / len(centred)).double()
    covariance += SHRINKAGE * covariance.diagonal().mean() * torch.eye(len(covariance), dtype=torch.float64)
    return means, torch.linalg.cholesky(torch.linalg.inv(covariance)).float()


def pictures(config, indices, family=None):
    """Fresh simulated fields as the network reads them, each photographed once: images (N, 1, Y, X) and labels (N)."""
    made = [simulate.picture(config, i, family) for i in indices]
    images = torch.stack([torch.from_numpy(m["image"]).float() for m in made])
    return batches.views(config, images, config.seed + indices[0]), torch.tensor([m["label"] for m in made])


def training_cells(config, folder):
    """Known cells of the pool, photographed once more."""
    fields, last = pool.Pool(folder), pool.available(folder, config.data.fields)
    first = config.training.validation_fields
    if last - first < 20 * len(organelles.NAMES):
        raise TrainingError(f"The pool {folder} holds only {max(last - first, 0)} fields to calibrate with; make more of them first (pool {config.name}).")
    images, labels = batches.stack(fields, range(first, min(last, first + SAMPLES)))
    x = batches.views(config, images, config.seed + 5)
    return x[labels >= 0], labels[labels >= 0]


def fit(config, network, folder, report=print):
    """Everything that `Calibrated` needs, and how it was chosen: a dictionary to be kept."""
    classes = len(organelles.NAMES)
    every = EveryWay(network).eval()
    x, labels = training_cells(config, folder)
    _, embedding = outputs(every, x)
    means, whitening = fit_gaussians(embedding, labels, classes)
    rival = baseline.Histogram.fit(x, labels, classes).state()
    x, labels = pictures(config, range(simulate.FIRST_FRESH, simulate.FIRST_FRESH + FRESH))
    x, labels = x[labels >= 0], labels[labels >= 0]
    logits, _ = outputs(every, x)
    temperature = fit_temperature(logits, labels)
    odd = {}
    for number, family in enumerate(organelles.ODD_VALIDATION, 1):
        start = simulate.FIRST_FRESH + 1000 * number
        odd[family], _ = pictures(config, range(start, start + ODDITIES), family)
    selection, novelties = [], {}
    for score in SCORES:
        module = Calibrated(network, temperature, score, means, whitening).eval()
        known = outputs(module, x)[2][:, 0].numpy()
        strange = {family: outputs(module, images)[2][:, 0].numpy() for family, images in odd.items()}
        row = {"score": score, **{family: scores.auroc(values, known) for family, values in strange.items()}}
        selection.append({**row, "all": scores.auroc(np.concatenate(list(strange.values())), known)})
        novelties[score] = known
        report(f"novelty by {score}: area {selection[-1]['all']:.3f} on oddities")
    best = max(selection, key=lambda r: r["all"])["score"]
    limit = float(np.quantile(novelties[best], 1 - config.evaluation.false_alarm))
    return {"ways": WAYS, "score": best, "temperature": temperature, "means": means, "whitening": whitening, "limit": limit, "selection": selection, "baseline": rival}


def load(config, work):
    """The calibrated network of a work folder, ready to run; its training state; and what was fitted."""
    trained, state = package.load_network(config, work)
    path = Path(work) / FILE
    if not path.is_file():
        raise TrainingError(f"There is no {FILE} in {work}; package the network first (export {config.name}).")
    found = states.load(path, "calibration", ("step", "temperature", "score", "means", "whitening", "limit"))
    if found.get("ways") != WAYS:
        raise TrainingError(f"{FILE} in {work} was fitted to another way of asking the network; package it again (export {config.name}).")
    if found["step"] != state["step"]:
        raise TrainingError(f"{FILE} in {work} belongs to step {found['step']}, the checkpoint to step {state['step']}; package the network again (export {config.name}).")
    module = Calibrated(trained, *(found[k] for k in ("temperature", "score", "means", "whitening")))
    return module.eval(), state, found
