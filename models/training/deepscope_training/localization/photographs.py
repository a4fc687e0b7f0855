"""Photographs of the cells that the network is judged by, and the real ones of the Human Protein Atlas."""

from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from .. import camera, package, real
from ..optics import Field, Objective
from . import batches, organelles

LENS = {"na": 0.75, "index": 1.33, "wavelength": 0.53, "spherical": 0.045}  # not among the training's
CAMERA = {"offset": 100.0, "gain": 0.46, "read_noise": 1.6}  # the demo microscope's
BACKGROUND = (0.05, 0.3)  # of the peak
FOCUS = 0.4  # µm: how far the focus may be off
EDGE = 16  # pixels cut off at each side

ATLAS = {
    "nucleoplasm": "nucleus", "nucleoli": "nucleoli", "nucleoli-fibrillar-center": "nucleoli", "endoplasmic-reticulum": "endoplasmic-reticulum", "golgi": "golgi",
    "lysosomes": "lysosome", "endosomes": "endosome", "mitochondria": "mitochondria", "actin-filaments": "actin", "microtubules": "microtubules",
}  # fmt: skip
ATLAS_PIXEL = 0.08  # µm, from the burnt-in bars of 10 µm
BAR = (0.9, 0.6)  # the scale bar lies below and to the right of these shares of height and width


def expectation(config, drawing, place, name, index, pixel):
    """One cell of `drawing` (judged.py or second.py), whose function is `place`, as the microscope would show it without noise (side, side), its 99.9th percentile 1."""
    rng = np.random.default_rng((config.seed, 4, *name.encode(), index))
    size = 2 * (config.evaluation.side + 2 * EDGE)
    planes = torch.from_numpy(drawing.scene(rng, place, size, pixel / 2).astype(np.float32))
    lens = Objective(LENS["na"], pixel, LENS["index"])
    focus = round(float(rng.uniform(-FOCUS, FOCUS)), 1)
    seen = Field(size, pixel / 2).see(planes, drawing.HEIGHTS, lens, LENS["wavelength"], focus, LENS["spherical"])[EDGE:-EDGE, EDGE:-EDGE].clamp(min=0)
    peak = float(np.quantile(seen.numpy(), 0.999))
    return seen / (peak if peak > 0 else max(float(seen.max()), 1e-9))


def cells(config, drawing, places, folder, report=print):
    """Every cell of `drawing`, of the functions `places` by their names: expectations (N, side, side), names (N) and pixel sizes (N). Kept in `folder`, a file for each place, so that a measurement that was
    interrupted goes on."""
    evaluation, images, names, pixels = config.evaluation, [], [], []
    for name, place in places.items():
        pixel = [evaluation.pixels[i % len(evaluation.pixels)] for i in range(evaluation.fields)]
        path = Path(folder) / f"{drawing.__name__.rpartition('.')[2]}-{name.replace(' ', '-')}-{config.seed}-{evaluation.fields}-{evaluation.side}.npz"
        drawn = kept(path, pixel, drawing.VERSION)
        if drawn is None:
            drawn = np.stack([expectation(config, drawing, place, name, i, p).numpy().astype(np.float16) for i, p in enumerate(pixel)])
            package.put(path, lambda part, drawn=drawn: save(part, drawn, pixel, drawing.VERSION))
        images.append(torch.from_numpy(drawn).float())
        names += [name] * len(pixel)
        pixels += pixel
        report(f"{name}: {len(pixel)} cells drawn")
    return torch.cat(images), np.array(names), np.array(pixels)


def save(part, drawn, pixel, version):
    with open(part, "wb") as stream:
        np.savez(stream, image=drawn, pixel=pixel, version=version)


def kept(path, pixel, version):
    """What an earlier measurement drew, or None where it is not there or was drawn otherwise."""
    try:
        with np.load(path) as file:
            same = file["pixel"].tolist() == pixel and int(file["version"]) == version
            return file["image"] if same else None
    except (OSError, ValueError, KeyError, EOFError):
        return None


def shoot(config, images, photons, pixel):
    """What the network reads (N, 1, Y, X) of expectations (N, side, side) with pixels of `pixel` µm at one photon level, on the network's grid."""
    generator = torch.Generator().manual_seed(1000 + int(photons))
    background = batches.spread(generator, len(images), *BACKGROUND)
    shots = camera.read_out(photons * (images + background), CAMERA["offset"], CAMERA["gain"], CAMERA["read_noise"], generator)
    return batches.normalise(batches.on_grid(shots, pixel, config.evaluation.grid), config.normalisation.percentiles)[:, None]


def read_atlas(path):
    """The green channel of an Atlas picture, the scale bar replaced by the median: (Y, X)."""
    from skimage import io

    green = io.imread(str(path))[..., 1].astype(np.float32)
    corner = green[int(BAR[0] * green.shape[0]) :, int(BAR[1] * green.shape[1]) :]
    corner[ndimage.binary_dilation(corner >= 200, iterations=6)] = np.median(green)
    return torch.from_numpy(green)


def atlas(config):
    """The real pictures whose class maps to one of the nine, on the network's grid: [(name, class, image (1, 1, Y, X))]. Empty without the data."""
    base = real.folder()
    found = []
    for name, place in ATLAS.items():
        path = base / "localization" / "hpa-dictionary" / f"{name}.jpg" if base else None
        if path and path.is_file():
            image = batches.on_grid(read_atlas(path)[None], ATLAS_PIXEL, config.evaluation.grid)
            image = batches.normalise(image, config.normalisation.percentiles)[:, None]
            found.append((name, organelles.NAMES.index(place), image))
    return found
