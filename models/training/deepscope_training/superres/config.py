"""What may be chosen for a super-resolution network. Lengths in µm."""

from dataclasses import dataclass, field

from .. import sections
from ..errors import TrainingError
from ..modalities import Confocal, Sted, Structured
from ..optics import Objective


@dataclass(frozen=True)
class Lens:
    """How one of the two images comes about. spot: FWHM of the confocal spot; fwhm: of what depletion leaves of it."""

    na: float
    pixel: float
    modality: str = "widefield"  # or tirf, confocal, sted, sim
    spot: float = 0.29
    pinhole: float = 1.0
    stokes: float = 0.955
    fwhm: float = 0.08
    residual: float = 0.02


@dataclass(frozen=True)
class Optics:
    input: Lens
    target: Lens
    index: float
    wavelengths: list
    spherical: list
    focus: float
    native_na: list

    def objective(self, which):
        """The `input` or `target` lens as the image formation wants it."""
        lens = getattr(self, which)
        if lens.modality in ("widefield", "tirf"):
            return Objective(lens.na, lens.pixel, self.index)
        if lens.modality == "sim":
            return Structured(lens.na, lens.pixel, self.index)
        confocal = Confocal(lens.na, lens.pixel, self.index, lens.spot, lens.pinhole, lens.stokes)
        return confocal if lens.modality == "confocal" else Sted(confocal, lens.fwhm, lens.residual)

    @property
    def factor(self):
        """Target pixels along one input pixel."""
        return round(self.input.pixel / self.target.pixel)


@dataclass(frozen=True)
class Data:
    field: int
    depth: list
    thin: float
    native: float
    empty: float
    fields: int
    least: int
    families: dict
    emphasis: dict
    thin_focus: float = 0.25
    off_focus: list = field(default_factory=lambda: [0.0, 0.0])  # share of thin fields whose focus lies anywhere within so many µm
    slip: list = field(default_factory=lambda: [0.0, 0.0])  # share of the other fields whose input is focused anywhere within so many µm of the target's focus
    blur: list = field(default_factory=lambda: [0.0, 0.0])  # µm: the input's light is spread further than theory says, by a Gaussian of a standard deviation between these two
    magnify: list = field(default_factory=lambda: [1.0, 1.0])
    penetration: list = field(default_factory=list)


@dataclass(frozen=True)
class Network:
    widths: list
    blocks: list
    slope: float


@dataclass(frozen=True, kw_only=True)
class Training(sections.Training):
    error: float
    structure: float
    consistency: float
    consistency_sigma: float
    scale: float
    ssim: float = 0.0
    power: float = 0.0  # 0: the logarithm of errors; above, to be further off than the input costs more
    absolute: float = 0.5  # share of the mean absolute error in `error` and in `consistency`; the rest is RMS
    fitted: float = 0.0  # share of `error` that is the RMS of what a linear fit leaves, as pictures are judged
    structure_absolute: float = 1.0  # like `absolute`, in `structure`
    adversarial: sections.Adversarial = None

    def __post_init__(self):
        sections.check_shares(self)
        if not 0 <= self.structure_absolute <= 1:
            raise TrainingError(f"training: structure_absolute is a share, from 0 to 1, not {self.structure_absolute}.")


@dataclass(frozen=True)
class Beads:
    """Points that checks are made with: µm from one to the next; how far from any counts as empty; radius within which a point's light is summed."""

    spacing: float
    clear: float
    aperture: float


@dataclass(frozen=True)
class Words:
    """How the package is called and what it turns into what, for people."""

    title: str
    input: str
    target: str
    unseen: str  # the pair of real images that it was never validated on
    sample: str = "air"  # immersion
    tags: list = field(default_factory=list)


@dataclass(frozen=True)
class Evaluation:
    photons: list
    fields: int
    field: int
    depth: float
    background: float
    spherical: float
    iterations: list
    wavelength: float
    families: list
    beads: Beads
    magnify: float = 1.0
    blur: float = 0.0  # µm: above 0, also measured where the input's light is spread further than theory says, by such a Gaussian


@dataclass(frozen=True, kw_only=True)
class Config(sections.Config):
    optics: Optics
    data: Data
    network: Network
    training: Training
    evaluation: Evaluation
    words: Words
