"""What the training inputs look like, so that the application can later tell when an image is unlike all of them."""

import numpy as np

BINS = 32
QUANTILES = (1, 5, 25, 50, 75, 95, 99, 99.9)
METHOD = (
    "Per normalised training input x of 128² pixels on the input's grid: log_power is log10 of |DFT(Hann(x - mean))|² / Σ Hann², "
    "averaged in 32 rings of equal width from 0 to the grid's Nyquist frequency; quantiles are the percentiles named; noise is the "
    "median absolute value of x filtered by [[1,-2,1],[-2,4,-2],[1,-2,1]] / 6, divided by 0.6745. Mean and standard deviation over "
    "inputs, and percentiles 1, 50 and 99 for the noise."
)


def describe(image):
    """log_power (BINS,), quantiles (len(QUANTILES),) and noise of one square normalised image (Y, X)."""
    size = image.shape[0]
    window = np.hanning(size)[:, None] * np.hanning(size)[None, :]
    power = np.abs(np.fft.fft2((image - image.mean()) * window)) ** 2 / (window**2).sum()
    f = np.fft.fftfreq(size)
    ring = np.minimum((np.hypot(f[:, None], f[None, :]) / 0.5 * BINS).astype(int), BINS)
    total, count = (np.bincount(ring.ravel(), w, BINS + 1)[:BINS] for w in (power.ravel(), None))
    mean = total / np.maximum(count, 1)
    rows = image[:-2] - 2 * image[1:-1] + image[2:]
    mask = (rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]) / 6
    return np.log10(mean + 1e-12), np.percentile(image, QUANTILES), float(np.median(np.abs(mask)) / 0.6745)


def summarise(images):
    """The block `config.deepscope.training_statistics` of an rdf.yaml."""
    spectra, quantiles, noise = (np.array(v) for v in zip(*(describe(i) for i in images)))

    def plain(values):
        return [round(float(v), 4) for v in values]

    return {
        "method": METHOD,
        "inputs": len(noise),
        "log_power_mean": plain(spectra.mean(0)),
        "log_power_std": plain(spectra.std(0)),
        "quantiles": list(QUANTILES),
        "quantiles_mean": plain(quantiles.mean(0)),
        "quantiles_std": plain(quantiles.std(0)),
        "noise_percentiles": plain(np.percentile(noise, (1, 50, 99))),
    }
