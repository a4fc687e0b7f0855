"""Drawing on a pixel canvas, for the cells that are only judged: strokes, discs and outlines in samples, cut off at the edges."""

import numpy as np
from scipy import interpolate, ndimage
from skimage import draw


def line(plane, points, value=1.0):
    """An anti-aliased line through points (N, 2) of (row, column); `value` for all or for each of its pieces."""
    points = np.round(points).astype(int)
    values = np.broadcast_to(value, len(points) - 1)
    size = len(plane)
    for (y0, x0), (y1, x1), v in zip(points, points[1:], values):
        if v <= 0 or max(y0, y1, x0, x1) < 0 or min(y0, y1, x0, x1) >= size:
            continue
        rows, columns, share = draw.line_aa(y0, x0, y1, x1)
        inside = (rows >= 0) & (columns >= 0) & (rows < size) & (columns < size)
        rows, columns = rows[inside], columns[inside]
        plane[rows, columns] = np.maximum(plane[rows, columns], share[inside] * v)


def disc(plane, centre, radius, value=1.0):
    """Add a filled disc with a soft edge."""
    reach = int(radius + 2)
    top, left = int(centre[0]) - reach, int(centre[1]) - reach
    rows, columns = slice(max(top, 0), max(top + 2 * reach, 0)), slice(max(left, 0), max(left + 2 * reach, 0))
    part = plane[rows, columns]
    if part.size:
        yy, xx = np.ogrid[rows.start : rows.start + part.shape[0], columns.start : columns.start + part.shape[1]]
        part += value * np.clip(radius + 0.5 - np.hypot(yy - centre[0], xx - centre[1]), 0, 1)


def blob(rng, size, centre, radius, rough, corners=9):
    """The inside of a closed spline through `corners` points whose distances from the centre vary by the share `rough`."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, 2 * np.pi)
    distance = radius * rng.uniform(1 - rough, 1 + rough, corners)
    y, x = centre[0] + distance * np.sin(angle), centre[1] + distance * np.cos(angle)
    spline, _ = interpolate.splprep([np.append(y, y[0]), np.append(x, x[0])], s=0, per=True)
    outline = np.stack(interpolate.splev(np.linspace(0, 1, 200), spline), 1)
    return draw.polygon2mask((size, size), outline), outline


def cloud(rng, size, grain):
    """Smooth noise, mean 0 and deviation 1, of `grain` samples."""
    small = max(4, int(np.ceil(size / grain)) + 3)
    field = ndimage.zoom(rng.standard_normal((small, small)), (size + 2 * grain) / small, order=3)[:size, :size]
    return field / max(field.std(), 1e-9)
