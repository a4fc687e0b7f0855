"""Real sharp images as structure to blur, read in place from the shared data folder and never copied.

Only images whose licence allows training (CC BY, BSD, MIT). The endothelial cell of `superres/bpae` and the nuclei of
`nuclei/stardist` are kept for evaluation; the BioSR pair is never opened here.
"""

import os
from pathlib import Path

import numpy as np
from scipy import ndimage

TRAINING = {
    "superres/sted-maps": "CC BY 4.0, FLClab/pySTED",
    "superres/sted-crops": "MIT, FLClab/STEDActinFCN",
    "localization/opencell": "BSD-3-Clause, czbiohub/opencell",
}
HELD_OUT = {
    "superres/bpae": "CC BY 4.0, haesleinhuepf/BioImageAnalysisNotebooks",
    "nuclei/stardist": "BSD-3-Clause, stardist/stardist",
    "superres/wang2019": "CC BY 4.0, deepimagej/models (Wang et al. 2019)",
}


def folder():
    """The data folder: DEEPSCOPE_REAL_DATA, or `../shared/data` beside the repository; None where it is absent."""
    named = os.environ.get("DEEPSCOPE_REAL_DATA")
    if named:
        return Path(named) if Path(named).is_dir() else None
    beside = [parent / "shared" / "data" for parent in Path(__file__).resolve().parents[4:5]]
    return next((path for path in beside if path.is_dir()), None)


def read(path):
    """One image file as float32 (Y, X) or (C, Y, X)."""
    if path.suffix == ".npy":
        return np.load(path).astype(np.float32)
    import tifffile

    return np.squeeze(tifffile.imread(str(path))).astype(np.float32)


def load(names, skip=()):
    """{relative path: image (Y, X)}, each stretched so that its 1st percentile is 0 and its 99.9th is 1, never negative."""
    base = folder()
    images = {}
    for name in names if base else ():
        for path in sorted((base / name).iterdir()):
            if path.suffix not in (".tif", ".npy") or path.name.startswith(("mask", *skip)):
                continue
            image = read(path)
            for plane in image if image.ndim == 3 else [image]:
                if min(plane.shape) < 100:
                    continue
                low, high = np.percentile(plane, (1, 99.9))
                images.setdefault(f"{name}/{path.name}", np.clip((plane - low) / max(high - low, 1e-6), 0, None))
    return images


def lay(rng, scene, image, pixel=None):
    """Lay a real image into the scene at random place, angle and size (`pixel` µm a pixel), mirrored beyond its edges.

    Grain is smoothed by 0.7 of its pixels, and a random haze level removed, so that camera noise is not learned as structure.
    """
    pixel = pixel or float(np.exp(rng.uniform(np.log(0.08), np.log(0.4))))
    smoothed = ndimage.gaussian_filter(image, 0.7)
    angle, scale = rng.uniform(0, 2 * np.pi), scene.step / pixel
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    if rng.random() < 0.5:
        turn = turn[:, ::-1]
    centre = rng.uniform(0, 1, 2) * image.shape
    offset = centre - turn @ (np.ones(2) * scene.size / 2)
    if scale > 1.5:
        smoothed = ndimage.gaussian_filter(smoothed, 0.4 * scale)
    picture = ndimage.affine_transform(smoothed, turn, offset, (scene.size,) * 2, order=1, mode="mirror")
    picture = np.maximum(picture - rng.uniform(0, 0.15), 0)
    scene.sheet(picture ** rng.choice([1, 1, 1.5]), rng.normal(0, 0.3) * min(scene.depth, 1.5))
