"""Writes test/cases/optics.json: reference values of the image formation that both implementations are tested against.

Independent of either: adaptive quadrature (scipy.integrate.quad) of the scalar Debye integral in radial form, and closed
forms. No Fourier transform, no grid, and no import of the code under test.

    h(r, d) = | 2 ∫₀¹ exp(iφ(t)) J₀(2π NA r t / λ) t dt |²      (1 for the in-focus, unaberrated centre)
    φ(t) = 2π [ d sqrt((n/λ)² - (t NA/λ)²) + W sqrt(5) (6t⁴ - 6t² + 1) ]
"""

import json
from pathlib import Path

import numpy as np
from scipy import integrate, special

INDEX = 1.33
OBJECTIVES = [{"name": "10x0.4", "na": 0.4, "pixel": 0.65}, {"name": "20x0.75", "na": 0.75, "pixel": 0.325}]
OUT = Path(__file__).resolve().parents[3] / "test" / "cases" / "optics.json"


def quad(function, low, high):
    return integrate.quad(function, low, high, epsabs=1e-10, epsrel=1e-9, limit=400)[0]


def phase(t, na, wavelength, d, w):
    axial = np.sqrt((INDEX / wavelength) ** 2 - (t * na / wavelength) ** 2)
    return 2 * np.pi * (d * axial + w * np.sqrt(5) * (6 * t**4 - 6 * t**2 + 1))


def intensity(r, na, wavelength, d, w):
    """h(r, d); the phase at the pupil's middle is taken off, which changes nothing but the quadrature's ease."""
    zero = phase(0.0, na, wavelength, d, w)

    def part(trigonometric):
        return quad(lambda t: trigonometric(phase(t, na, wavelength, d, w) - zero) * special.j0(2 * np.pi * na * r * t / wavelength) * t, 0, 1)

    return 4 * (part(np.cos) ** 2 + part(np.sin) ** 2)


def peak_density(na, wavelength):
    """In-focus unaberrated peak of a PSF of energy 1, per µm²: π NA² / λ²."""
    return np.pi * (na / wavelength) ** 2


def gauss_table(na, wavelength, d, w, reach, count=600):
    """Radii, weights (2πr dr) and h at Gauss-Legendre nodes on 0…reach, for integrals over the plane."""
    x, weight = np.polynomial.legendre.leggauss(count)
    r = (x + 1) / 2 * reach
    h = np.array([intensity(v, na, wavelength, d, w) for v in r])
    return r, weight * reach / 2 * 2 * np.pi * r, h


def encircled(radius, na, wavelength, d, w):
    """Share of the energy within `radius`."""
    _, weight, h = gauss_table(na, wavelength, d, w, radius, 80)
    return float((weight * h).sum() * peak_density(na, wavelength))


def in_square(side, na, wavelength):
    """Share of the energy of the in-focus PSF in a centred square pixel: ∫ h(r) · (arc inside the square) dr."""
    half = side / 2

    def arc(r):
        return 2 * np.pi if r <= half else max(0.0, 2 * np.pi - 8 * np.arccos(half / r))

    def airy(r):
        v = 2 * np.pi * na * r / wavelength
        return (2 * special.j1(v) / v) ** 2 if v > 1e-9 else 1.0

    total = quad(lambda r: airy(r) * arc(r) * r, 0, half) + quad(lambda r: airy(r) * arc(r) * r, half, half * np.sqrt(2))
    return total * peak_density(na, wavelength)


def axial_closed(na, wavelength, d):
    """h(0, d) without aberration in closed form: ∫ exp(2πi d s) s ds over s = sqrt((n/λ)² - ρ²)."""
    top, bottom = INDEX / wavelength, np.sqrt(INDEX**2 - na**2) / wavelength
    if d == 0:
        return 1.0
    k = 2j * np.pi * d

    def primitive(s):
        return np.exp(k * s) * (s / k - 1 / k**2)

    return float(abs(2 * (primitive(top) - primitive(bottom))) ** 2 / (na / wavelength) ** 4)


def cases():
    radii = [0.0, 0.2, 0.4, 0.8, 1.5, 3.0]
    psf, encircling = [], []
    for objective in OBJECTIVES:
        for w in (0.0, 0.06):
            for d in (0.0, 2.0, -2.0, 5.0, -5.0):
                common = {"na": objective["na"], "wavelength": 0.525, "defocus": d, "spherical": w}
                psf.append({**common, "radius": radii, "intensity": [intensity(r, objective["na"], 0.525, d, w) for r in radii]})
        for d, w in ((0.0, 0.0), (0.0, 0.06), (2.0, 0.06), (-2.0, 0.06), (5.0, 0.0)):
            common = {"na": objective["na"], "wavelength": 0.525, "defocus": d, "spherical": w}
            within = [0.3, 0.6, 1.2, 2.4]
            encircling.append({**common, "radius": within, "energy": [encircled(r, objective["na"], 0.525, d, w) for r in within]})
    pairs = [(o["na"], wavelength) for o in OBJECTIVES for wavelength in (0.46, 0.525, 0.615)]
    nu = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9]
    return {
        "index": INDEX,
        "psf": psf,
        "encircled": encircling,
        "fwhm": [{"na": na, "wavelength": wavelength, "fwhm": 1.61633994 / np.pi * wavelength / na} for na, wavelength in pairs],
        "peak_density": [{"na": na, "wavelength": wavelength, "per_um2": peak_density(na, wavelength)} for na, wavelength in pairs],
        "axial": [
            {"na": na, "wavelength": 0.525, "defocus": d, "intensity": axial_closed(na, 0.525, d)} for na in (0.1, 0.4, 0.75) for d in (1.0, 2.0, -4.0, 8.0)
        ],
        "axial_paraxial": [
            {"na": 0.1, "wavelength": 0.525, "defocus": d, "intensity": float(np.sinc(0.1**2 * d / (2 * INDEX * 0.525)) ** 2)} for d in (20.0, 60.0, 100.0)
        ],
        "otf_in_focus": {"of_cutoff": nu, "value": [float(2 / np.pi * (np.arccos(v) - v * np.sqrt(1 - v**2))) for v in nu]},
        "pixel_energy": [{"na": o["na"], "wavelength": 0.525, "pixel": o["pixel"], "energy": in_square(o["pixel"], o["na"], 0.525)} for o in OBJECTIVES],
        "collected": [{"na": o["na"], "fraction": (1 - np.cos(np.arcsin(o["na"] / INDEX))) / 2} for o in OBJECTIVES],
        "defocus_radius": [{"na": o["na"], "defocus": d, "radius": d * np.tan(np.arcsin(o["na"] / INDEX))} for o in OBJECTIVES for d in (2.0, 5.0)],
        "camera": {
            "offset": 100, "gain": 0.46, "read_noise": 1.6,
            "expected": [0, 5, 50, 1000],
            "mean": [100 + mu / 0.46 for mu in (0, 5, 50, 1000)],
            "variance": [(mu + 1.6**2) / 0.46**2 + 1 / 12 for mu in (0, 5, 50, 1000)],
        },
    }  # fmt: skip


def rounded(value):
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value


def text(value):
    """JSON with one case a line."""
    lines = []
    for key, entry in value.items():
        if isinstance(entry, list):
            body = ",\n".join("    " + json.dumps(item) for item in entry)
            lines.append(f'  "{key}": [\n{body}\n  ]')
        else:
            lines.append(f'  "{key}": {json.dumps(entry)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(text(rounded(cases())), encoding="utf-8")
    print(f"wrote {OUT.name}")
