"""What Richardson-Lucy reaches on the evaluation's photographs: remembered, since no network changes it."""

import sys

import numpy as np
import torch

from .. import metrics, optics, remembered
from . import baselines, config as configuration, observe, scan

PATIENCE = 2  # counts of iterations without improvement after which a restoration ends


def best(rounds, targets, border):
    """For each name of `targets` {name: image} the figures of the best PSNR over rounds (count, {name: image in photoelectrons}), its answer known. Ends
    when PATIENCE counts have made none better."""
    found, stale = {name: {"psnr": -np.inf} for name in targets}, 0
    for count, images in rounds:
        new = {name: {**metrics.compare(observe.grey(images[name][0].numpy()), target, border), "iterations": count} for name, target in targets.items()}
        better = [name for name in targets if new[name]["psnr"] > found[name]["psnr"]]
        found |= {name: new[name] for name in better}
        stale = 0 if better else stale + 1
        if stale >= PATIENCE:
            break
    return found


@remembered.by(baselines, configuration, metrics, observe, optics, scan, sys.modules[__name__])
def restored(config, image, wanted, distances, border, target):
    """[{method: figures}] of both restorations of a photograph (Y, X) at each of `distances` µm; wanted: the targets there (D, Y, X);
    border: pixels that are not compared; target: whether they are 'widefield' or 'confocal' images."""
    evaluation = config.evaluation
    device = "cuda" if torch.cuda.is_available() else "cpu"
    view = baselines.Optics(config.optics, target, evaluation.wavelength, evaluation.spherical, image.shape[-1], device)
    light, noise = observe.electrons(image)[None].to(device), observe.CAMERA["read_noise"]
    targets = dict(zip(distances, wanted.numpy()))
    volume = best(baselines.in_the_volume(view, light, noise, distances, evaluation.iterations), targets, border)
    rows = []
    for d, target in targets.items():
        plane = ((count, {d: seen}) for count, seen in baselines.in_the_plane(view, light, noise, d, evaluation.iterations))
        rows.append({"rl-plane": best(plane, {d: target}, border)[d], "rl-volume": volume[d]})
    return rows
