"""Image sets whose classes are known: one folder for each class, and the five public sets in the layouts they are handed out in.

Nothing is downloaded. A listing is checked as a whole before anything is trained, so that what is wrong is said at once.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from ..errors import TrainingError

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp")
HELA = ("ActinFilaments", "ER", "Endosome", "Golgi_gia", "Golgi_gpp", "Lysosome", "Microtubules", "Mitochondria", "Nucleolus", "Nucleus")
CHO = ("giantin", "hoechst", "lamp2", "nop4", "tubulin")
LOCATE = ("Actin", "Endosome", "Er", "Golgi", "Lysosome", "Microtubule", "Mitochondria", "Nucleus", "Peroxisome", "PM")
LOCATE_IMAGE = "_myc"  # the protein's image; others of the same cell show the nucleus
YEAST_SPLITS = ("HOwt_train.txt", "HOwt_val.txt", "HOwt_test.txt")
YEAST_NAMES = "HOwt_doc.txt"
GREEN = 1  # channel of the protein in a colour image


@dataclass(frozen=True)
class Listing:
    """Images (paths), their classes (numbers into `names`), and `test`: which of them the publishers keep for testing, or None."""

    paths: list
    labels: list
    names: list
    test: list


def images_in(folder, ending=""):
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.stem.endswith(ending) and not p.name.startswith("."))


def named(folder, name):
    """The sub-folder of that name, whatever its case; None where there is none."""
    return next((p for p in sorted(folder.iterdir()) if p.is_dir() and p.name.lower() == name.lower()), None)


def by_class(folder, names=None, ending=""):
    """One sub-folder for each class; `names`: those that must be there."""
    found = {p.name: p for p in sorted(folder.iterdir()) if p.is_dir() and not p.name.startswith(".")}
    if names:
        found = {name: named(folder, name) for name in names}
        missing = [name for name, path in found.items() if path is None]
        if missing:
            raise TrainingError(f"{folder} lacks the folder{'s' if len(missing) > 1 else ''} {', '.join(missing)}; this layout has one folder for each of {', '.join(names)}.")
    paths, labels = [], []
    for label, (name, path) in enumerate(found.items()):
        inside = images_in(path, ending)
        if not inside:
            wanted = f"image whose name ends in {ending} and a suffix" if ending else "image"
            raise TrainingError(f"The class folder {path} holds no {wanted} ({', '.join(SUFFIXES)}); add images or remove the folder.")
        paths += inside
        labels += [label] * len(inside)
    return Listing(paths, labels, list(found), None)


def lines_of(path):
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} cannot be read; this layout needs {', '.join(YEAST_SPLITS)} and {YEAST_NAMES} beside the plates.") from error


def yeast(folder):
    """DeepYeast: pictures in folders of plates, and text files that name each picture with its class and split the set in three."""
    names = [line.rsplit(";", 1)[0] for line in lines_of(folder / YEAST_NAMES)[1:]]
    paths, labels, test = [], [], []
    for split in YEAST_SPLITS:
        for number, line in enumerate(lines_of(folder / split), 1):
            name, _, label = line.rpartition(" ")
            path = folder / name
            if not name or not label.isdigit() or int(label) >= len(names) or Path(name).is_absolute() or ".." in Path(name).parts:
                raise TrainingError(f"Line {number} of {folder / split} is not a picture's name and the number of a class below {len(names)}: {line[:80]!r}.")
            paths.append(path)
            labels.append(int(label))
            test.append(split == YEAST_SPLITS[2])
    missing = next((p for p in paths if not p.is_file()), None)
    if missing:
        raise TrainingError(f"{missing} is named in the lists but is not there; unpack all plates beside the lists.")
    return Listing(paths, labels, names, test)


LAYOUTS = {
    "folders": by_class,
    "hela": lambda folder: by_class(folder, HELA),
    "cho": lambda folder: by_class(folder, CHO),
    "locate-endogenous": lambda folder: by_class(folder, LOCATE, LOCATE_IMAGE),
    "locate-transfected": lambda folder: by_class(folder, ("Actin", "Cytoplasm", *LOCATE[1:]), LOCATE_IMAGE),
    "yeast": yeast,
}


def listing(folder, layout, least):
    """The images of `folder` in a layout, every class with at least `least` of them."""
    folder = Path(folder)
    if not folder.is_dir():
        raise TrainingError(f"There is no folder {folder}.")
    found = LAYOUTS[layout](folder)
    if len(found.names) < 2:
        only = f"one class only ({found.names[0]})" if found.names else "no class folder"
        raise TrainingError(f"{folder} holds {only}; to tell classes apart, at least two are needed, one folder for each.")
    counts = np.bincount(found.labels, minlength=len(found.names))
    few = [f"{name} ({count})" for name, count in zip(found.names, counts) if count < least]
    if few:
        raise TrainingError(f"Too few images for {least} parts: {', '.join(few)}; add some, remove the class, or choose fewer parts with --folds.")
    return found


def read(path):
    """The protein's channel of an image file (Y, X), float32: the green one of a colour picture."""
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            import tifffile

            image = tifffile.imread(str(path))
        else:
            from skimage import io

            image = io.imread(str(path))
        image = np.squeeze(np.asarray(image))
        if image.ndim == 3:
            image = image[..., GREEN] if image.shape[-1] in (2, 3, 4) else image[GREEN if len(image) in (2, 3, 4) else 0]
        if image.ndim != 2 or min(image.shape) < 16:
            raise ValueError(f"shape {image.shape}")
        return image.astype(np.float32)
    except Exception as error:  # whatever a reader raises on a damaged file
        raise TrainingError(f"{path} cannot be read as an image ({error}); replace or remove it.") from error


def fit(image, side):
    """An image brought to (side, side): the longer edge shrunk to it where it is longer, the rest repeated from the border."""
    factor = side / max(image.shape)
    if factor < 1:
        image = ndimage.gaussian_filter(image, 0.4 / factor)
        image = ndimage.zoom(image, [round(n * factor) / n for n in image.shape], order=1, grid_mode=True, mode="nearest")
    spare = [side - n for n in image.shape]
    return np.pad(image, [(n // 2, n - n // 2) for n in spare], mode="edge")


def grid_side(image, largest=256):
    """Pixels a side that images like this one are brought to: their longer edge, at most `largest`, a multiple of 16."""
    return min(largest, -(-max(image.shape) // 16) * 16)
