"""A piece of specimen in three dimensions: a few planes of density that specimen families draw into."""

import numpy as np

STEP_Z = 0.5  # µm between planes


class Scene:
    """`size`² samples of `step` µm in planes STEP_Z apart from -depth to +depth; plane index 0 is nearest the objective."""

    def __init__(self, size, step, depth):
        half = int(np.ceil(depth / STEP_Z))
        self.size, self.step, self.depth = size, step, depth
        self.heights = np.arange(-half, half + 1) * STEP_Z
        self.planes = np.zeros((len(self.heights), size, size), np.float32)

    @property
    def width(self):
        """µm from edge to edge."""
        return self.size * self.step

    def splat(self, x, y, z, weight):
        """Add emitters at (x, y, z) µm with `weight` each, shared linearly among the eight samples around. Outside is lost."""
        x, y, z, weight = (np.asarray(v, np.float64).ravel() for v in np.broadcast_arrays(x, y, z, weight))
        gx, gy = x / self.step - 0.5, y / self.step - 0.5
        gz = np.clip((z - self.heights[0]) / STEP_Z, 0, len(self.heights) - 1.001) if len(self.heights) > 1 else 0 * z
        inside = (gx >= 0) & (gy >= 0) & (gx < self.size - 1) & (gy < self.size - 1)
        gx, gy, gz, weight = gx[inside], gy[inside], gz[inside], weight[inside]
        ix, iy, iz = gx.astype(np.int64), gy.astype(np.int64), gz.astype(np.int64)
        fx, fy, fz = gx - ix, gy - iy, gz - iz
        corners, shares = [], []
        for dz in (0, 1) if len(self.heights) > 1 else (0,):
            wz = weight * (fz if dz else 1 - fz)
            for dy in (0, 1):
                wy = wz * (fy if dy else 1 - fy)
                for dx in (0, 1):
                    corners.append(((iz + dz) * self.size + iy + dy) * self.size + ix + dx)
                    shares.append(wy * (fx if dx else 1 - fx))
        added = np.bincount(np.concatenate(corners), np.concatenate(shares), self.planes.size)
        self.planes += added.reshape(self.planes.shape).astype(np.float32)

    def sheet(self, picture, z):
        """Add a flat picture (size, size) at height z µm, shared between the two planes around."""
        position = float(np.clip((z - self.heights[0]) / STEP_Z, 0, len(self.heights) - 1))
        low = min(int(position), len(self.heights) - 1)
        part = position - low
        self.planes[low] += (1 - part) * picture
        if part > 0:
            self.planes[low + 1] += part * picture

    def normalise(self):
        """Scale so that the brightest place, seen through all depths at about 0.5 µm, is 1 (empty scenes stay empty)."""
        block = 4
        seen = self.planes.sum(0)
        seen = seen[: self.size // block * block, : self.size // block * block]
        seen = seen.reshape(self.size // block, block, -1, block).mean((1, 3))
        peak = np.quantile(seen, 0.999)
        if peak <= 0:
            peak = seen.max()
        if peak > 0:
            self.planes /= peak
        return self


def noise_field(rng, size, step, exponent, finest, coarsest):
    """Gaussian random field (size, size), mean 0, deviation 1: power ∝ f^-exponent between 1/coarsest and 1/finest cycles/µm."""
    fy = np.fft.fftfreq(size, step)[:, None]
    fx = np.fft.rfftfreq(size, step)[None, :]
    f = np.sqrt(fy**2 + fx**2)
    shape = np.where(f > 0, np.maximum(f, 1 / coarsest), 1.0) ** (-exponent / 2) * np.exp(-((f * finest) ** 2) / 2)
    shape[0, 0] = 0
    spectrum = np.fft.rfft2(rng.standard_normal((size, size), np.float32)) * shape
    field = np.fft.irfft2(spectrum, s=(size, size)).astype(np.float32)
    return field / max(float(field.std()), 1e-9)


def worm_chains(rng, count, length, persistence, spacing, width, depth, tilt=0.15):
    """Worm-like chains (Kratky & Porod 1949): x, y, z of shape (count, points) in µm inside a square of `width`.

    The direction diffuses with variance spacing/persistence a step; z drifts slowly and stays within ±depth.
    """
    points = max(2, int(length / spacing))
    angle = rng.uniform(0, 2 * np.pi, (count, 1)) + np.cumsum(rng.normal(0, np.sqrt(spacing / persistence), (count, points)), 1)
    x = rng.uniform(-0.1, 1.1, (count, 1)) * width + np.cumsum(np.cos(angle), 1) * spacing
    y = rng.uniform(-0.1, 1.1, (count, 1)) * width + np.cumsum(np.sin(angle), 1) * spacing
    slope = rng.normal(0, tilt, (count, 1)) + np.cumsum(rng.normal(0, tilt * np.sqrt(spacing / 10), (count, points)), 1)
    z = rng.uniform(-1, 1, (count, 1)) * depth + np.cumsum(slope, 1) * spacing
    fold = np.mod(z + depth, 4 * max(depth, 1e-6))
    return x, y, np.where(fold > 2 * depth, 4 * depth - fold, fold) - depth
