"""One definition of every figure, for all candidates alike. Images are float arrays (Y, X)."""

import numpy as np
from scipy import ndimage, optimize


def value_range(target):
    """The 0.1-99.9 percentile range that PSNR, SSIM and NRMSE are relative to."""
    low, high = np.percentile(target, (0.1, 99.9))
    return max(float(high - low), 1e-9)


def linear_fit(image, target):
    """a·image + b with the least-squares a and b."""
    centred = image - image.mean()
    variance = (centred**2).mean()
    slope = (centred * (target - target.mean())).mean() / variance if variance > 1e-20 else 0.0
    return slope * centred + target.mean()


def nrmse(image, target):
    return float(np.sqrt(((image - target) ** 2).mean()) / value_range(target))


def psnr(image, target):
    """dB, of an image that is already fitted."""
    return float(-20 * np.log10(max(nrmse(image, target), 1e-9)))


def ssim(image, target):
    """Mean structural similarity (Wang et al. 2004): 11-pixel Gaussian of σ 1.5, K = 0.01, 0.03, edge of 5 pixels left out."""
    span = value_range(target)
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2

    def local(v):
        return ndimage.gaussian_filter(v, 1.5, truncate=3.5)  # a radius of 5 pixels

    mx, my = local(image), local(target)
    xx, yy, xy = local(image * image) - mx * mx, local(target * target) - my * my, local(image * target) - mx * my
    result = (2 * mx * my + c1) * (2 * xy + c2) / ((mx * mx + my * my + c1) * (xx + yy + c2))
    return float(result[5:-5, 5:-5].mean())


def compare(image, target, border=8):
    """psnr, ssim, nrmse after one linear fit, and nrmse without it (`nrmse_raw`), the border left out."""
    image, target = (np.asarray(v, np.float64)[border:-border, border:-border] for v in (image, target))
    fitted = linear_fit(image, target)
    return {"psnr": psnr(fitted, target), "ssim": ssim(fitted, target), "nrmse": nrmse(fitted, target), "nrmse_raw": nrmse(image, target)}


def bead_fwhm(image, y, x, pixel, half=7):
    """FWHM in µm of the spot at pixel (y, x): geometric mean of the two widths of a fitted Gaussian on a flat ground; nan if none fits."""
    top, left = round(y) - half, round(x) - half
    window = np.asarray(image[top : top + 2 * half + 1, left : left + 2 * half + 1], np.float64)
    rows, columns = np.mgrid[: window.shape[0], : window.shape[1]]

    def model(p):
        return p[0] + p[1] * np.exp(-((rows - p[2]) ** 2) / (2 * p[4] ** 2) - (columns - p[3]) ** 2 / (2 * p[5] ** 2)) - window

    ground = np.median(window)
    start = [ground, window.max() - ground, y - top, x - left, 1.2, 1.2]
    found = optimize.least_squares(lambda p: model(p).ravel(), start, bounds=([-np.inf, 0, 0, 0, 0.2, 0.2], [np.inf, np.inf, 2 * half, 2 * half, 6, 6]))
    return float(2 * np.sqrt(2 * np.log(2)) * np.sqrt(found.x[4] * found.x[5]) * pixel) if found.success else float("nan")


def coverage(image, scale, target, level, where):
    """Share of the pixels `where` that lie inside the central interval of probability `level` of Laplace(image, scale)."""
    return float((np.abs(target - image) <= -scale * np.log(1 - level))[where].mean())


def correlation(a, b):
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


def bootstrap(values, weights=None, draws=2000, seed=0):
    """Mean of values, one for each case (such as paired differences), each counted by its weight if there are `weights`, and its 95 % interval over draws of the cases."""
    values, weights = np.asarray(values, float), np.ones(len(values)) if weights is None else np.asarray(weights, float)
    drawn = np.random.default_rng(seed).choice(len(values), (draws, len(values)))
    means = (values * weights)[drawn].sum(1) / weights[drawn].sum(1)
    return float(np.average(values, weights=weights)), *(float(v) for v in np.percentile(means, (2.5, 97.5)))
