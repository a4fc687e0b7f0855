"""Real z-stacks as a check with declared mismatch: other lenses, other aberrations, other pixels than those of training. Figures only."""

import numpy as np
import torch

from .. import metrics, real
from ..resample import to_grid
from . import predict

FOLDER = "refocus"
SMALLEST = 32  # pixels a side after resampling
DISTANCES = (-4.0, -2.0, 2.0, 4.0)  # µm: the planes nearest to these


def stacks(config, network):
    """Rows {stack, pixels, distance_um, input_db, network_db, opposite_db}: the plane in the middle refocused to real planes of the same stack, by
    the network and by the network told the opposite distance. A stack too small at the network's pixels, or too thin, gives one row that says so."""
    rows = []
    folder = real.folder()
    for path in sorted((folder / FOLDER).glob("*.tif")) if folder else []:
        stack, pixel, spacing, instrument = read(path)
        if pixel is None or spacing is None:
            continue
        stack = to_grid(torch.from_numpy(stack), config.optics.pixel / pixel)
        side, middle = min(stack.shape[-2:]), len(stack) // 2
        label = {"stack": path.stem, "instrument": instrument, "its_pixel_um": round(pixel, 4), "its_step_um": round(spacing, 4), "pixels": side}
        if side < SMALLEST:
            rows.append({**label, "distance_um": "too small", "input_db": float("nan"), "network_db": float("nan"), "opposite_db": float("nan")})
            continue
        for wanted in DISTANCES:
            plane = middle + round(wanted / spacing)
            if not 0 <= plane < len(stack):
                continue
            d = (plane - middle) * spacing
            made = predict.refocus(network, stack[middle], [d, -d], config.normalisation.percentiles)[0]
            figures = [metrics.compare(v.numpy(), stack[plane].numpy(), 4)["psnr"] for v in (stack[middle], *made)]
            rows.append({**label, "distance_um": d, **dict(zip(("input_db", "network_db", "opposite_db"), figures))})
    return rows


def read(path):
    """(stack (Z, Y, X) float32, µm a pixel, µm between planes, instrument) of an ImageJ TIFF; None, or "not said", where it does not say."""
    import tifffile

    with tifffile.TiffFile(str(path)) as file:
        stack = file.asarray().astype(np.float32)
        described = file.imagej_metadata or {}
        tag = file.pages[0].tags.get("XResolution")
    pixel = tag.value[1] / tag.value[0] if tag and tag.value[0] else None
    return stack, pixel, described.get("spacing"), "Airyscan" if "Airyscan" in str(described.get("Info")) else "not said"
