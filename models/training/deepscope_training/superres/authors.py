"""Wang et al. 2019's own example inputs through our network, beside what the authors show of their result.

The authors' previews are pictures of 256 × 256 grey values of a part of each input; where that part lies is found here, by correlation. Nobody knows the truth of these images: what
is measured is only how alike the pictures are, and how much fine detail each shows. The previews were stretched for display, so that black and white are cut off in some.
"""

import numpy as np
from scipy import ndimage

from .. import metrics, real

FOLDER = "superres/wang2019"
ENDING = "-authors-result-preview.png"
SIDES = (128, 256, 512, 1024)  # input pixels that a preview may show
COARSE = 4  # pixels taken together for the first search
FINE = 3.0  # pixels of the preview: what a Gaussian of this σ takes away counts as detail


def shrunk(image, factor):
    """Means over factor × factor pixels."""
    y, x = (n // factor * factor for n in image.shape)
    return image[:y, :x].reshape(y // factor, factor, x // factor, factor).mean((1, 3))


def brought(image, side):
    """A square picture resized to `side` pixels."""
    have = image.shape[0]
    return shrunk(image, have // side) if have > side else np.repeat(np.repeat(image, side // have, 0), side // have, 1)


def place(image, preview):
    """Where in `image` the square `preview` was cut: (side, y, x) in pixels of the image."""
    from skimage.feature import match_template

    found = []
    for side in SIDES:
        if side > min(image.shape):
            continue
        match = match_template(shrunk(image, COARSE), brought(preview, side // COARSE))
        y, x = np.unravel_index(match.argmax(), match.shape)
        found.append((match[y, x], side, y * COARSE, x * COARSE))
    _, side, y, x = max(found)
    top, left = max(0, y - COARSE), max(0, x - COARSE)
    match = match_template(image[top : y + side + COARSE, left : x + side + COARSE], brought(preview, side))
    dy, dx = np.unravel_index(match.argmax(), match.shape)
    return side, int(top + dy), int(left + dx)


def detail(image):
    return image - ndimage.gaussian_filter(image, FINE)


def alike(image, preview, where):
    """Correlation of that part of `image` with the preview, the same of their detail alone, and its detail's deviation over that of the part."""
    side, y, x = where
    part = brought(image[y : y + side, x : x + side], len(preview))
    return metrics.correlation(part, preview), metrics.correlation(detail(part), detail(preview)), float(detail(part).std() / part.std())


def previews():
    """{name: the authors' picture (256, 256)}; empty without the data."""
    from skimage import io

    base = real.folder()
    found = sorted((base / FOLDER).glob("*" + ENDING)) if base else []
    return {path.name.removesuffix(ENDING): io.imread(str(path))[..., :3].mean(2) for path in found}


def table(pairs):
    """A row for each of `pairs` {name: (input on the target's grid, what the network made of it)} of which the authors show their result."""
    rows = []
    for name, preview in previews().items():
        if name not in pairs:
            continue
        image, restored = (picture.numpy() for picture in pairs[name])
        where = place(image, preview)
        (before, fine_before, rough), (after, fine_after, sharp) = (alike(picture, preview, where) for picture in (image, restored))
        theirs = float(detail(preview).std() / preview.std())
        rows.append(
            {
                "image": name,
                "side": where[0],
                "y": where[1],
                "x": where[2],
                "input": before,
                "network": after,
                "detail_input": fine_before,
                "detail_network": fine_after,
                "share_input": rough,
                "share_network": sharp,
                "share_authors": theirs,
            }
        )
    return rows
