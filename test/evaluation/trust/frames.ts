/** Seeded frames for the trust instruments: in range, and with one kind of trouble each. Made with the demo microscope's optics. */
import { blur } from '#main/analysis/trust/smooth.ts'
import { Detector, detector } from '#main/devices/simulated/noise.ts'
import { hash, Random } from '#main/devices/simulated/random.ts'
import { PoseRenderer } from '#main/devices/simulated/render-field.ts'
import { endothelialLayer } from '#main/devices/simulated/specimen.ts'
import { type ChannelId, channels, Emitters, type Specimen } from '#main/devices/simulated/specimen-emitters.ts'
import { cross, hexagons, letter, ring, type ShapeName, shapeNames, shapeSpecimen, star } from './shapes.ts'

export const kinds = [
  'in range',
  'noise only',
  'out-of-family structure',
  'wrong pixel size, stated',
  'wrong pixel size, unknown',
  'wrong pixel size, misstated',
  'defocus',
  'saturation',
  'rare structure',
] as const

/** Other kinds of trouble, by which limits and fits are set; the table's are left alone until they are final. */
export const rehearsalKinds = ['in range', 'odd field', 'odd figure', 'blurred', 'moved', 'stripes', 'blocks'] as const

export type Kind = (typeof kinds)[number] | (typeof rehearsalKinds)[number]

/** Side of a frame, camera pixels. */
export const side = 128
/** Side of the truth's middle that is compared, its own pixels. */
export const truthSide = 192
const pixelUm = 0.65
const wrongPixels = [0.16, 0.45, 1.0, 1.3] as const
const specimenSeed = 4242
const oddShapes = ['stars', 'crosses', 'honeycomb', 'zigzags'] as const

export interface Sample {
  readonly counts: Uint16Array
  /** What the metadata say; null = nothing. */
  readonly statedUm: number | null
  readonly numericalAperture: number
  readonly emissionNm: number
  readonly photons: number
  /** The middle of what a 20×/0.75 sees without noise, on pixels of `outputUm`; null where there is nothing. */
  truth(outputUm: number): Float32Array
  readonly trueUm: number
}

interface Scene {
  readonly specimen: Specimen
  readonly key: string
  readonly channel: ChannelId
  readonly x: number
  readonly y: number
  readonly z: number
}

const renderers = new Map<string, PoseRenderer>()

/** Renderers are kept: their tables take longer than a frame. Some 30 MB each. */
function render({ specimen, key, channel, x, y, z }: Scene, numericalAperture: number, pixel: number, width: number): Float32Array {
  const name = [key, channel, numericalAperture, pixel, width].join()
  let renderer = renderers.get(name)
  if (!renderer) {
    if (renderers.size >= 30) renderers.delete(renderers.keys().next().value as string)
    const objective = { id: 'o', label: 'o', magnification: 6.5 / pixel, numericalAperture, pixelSizeUm: pixel }
    renderer = new PoseRenderer({ specimen, objective, width, height: width })
    renderers.set(name, renderer)
  }
  return renderer.expected({ x, y, z, objective: 'o', light: { [channel]: 100 } }, 20)
}

/** Scales a picture so that its brightest structure has so many photons above the ground. */
function lit(expected: Float32Array, photons: number): { readonly picture: Float32Array; readonly factor: number } {
  const sorted = expected.slice().sort()
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] as number
  const factor = photons / Math.max(1e-6, at(0.999) - at(0.01))
  return { picture: expected.map((value) => value * factor), factor }
}

const demo = endothelialLayer(specimenSeed)

/** What to draw on top of the specimen, and how bright against its brightest structure. */
export interface Rarity {
  readonly shape: (typeof rareShapes)[number]
  readonly x: number
  readonly y: number
  readonly brightness: number
}

/** What the adversary has to choose from. */
export function rarities(kind: Kind, seed: number): Rarity[] {
  const random = new Random(hash(seed, 55))
  const shapes = kind === 'odd figure' ? (['star', 'cross', 'hexagons'] as const) : (['letter', 'ring', 'patch'] as const)
  return shapes.map((shape) => ({
    shape,
    x: random.uniform(-22, 22),
    y: random.uniform(-22, 22),
    brightness: random.uniform(0.2, 0.8),
  }))
}

/** The same seed and kind give the same frame. `rarity`: for the rare structure only. */
export function sample(kind: Kind, seed: number, rarity: Rarity | null = null): Sample {
  const random = new Random(hash(seed, 9))
  const channel = (['A', 'B', 'C'] as const)[seed % 3] as ChannelId
  const place = { x: random.uniform(-2500, 2500), y: random.uniform(-2500, 2500), z: random.uniform(0, 3) }
  const photons = Math.exp(random.uniform(Math.log(30), Math.log(4000)))
  const base: Scene = { specimen: demo, key: 'demo', channel, ...place }
  const wrong = kind.startsWith('wrong')
  const trueUm = wrong ? (wrongPixels[seed % wrongPixels.length] as number) : pixelUm
  const scene = sceneOf(kind, seed, base, random)
  const expected = render(scene, 0.4, trueUm, side)
  const { picture, factor } = lit(expected, photons)
  if (kind === 'noise only') picture.fill(Math.exp(random.uniform(0, 7)))
  const extra = rarity ? rare(rarity, base, photons) : null
  if (extra) for (let i = 0; i < picture.length; i++) picture[i]! += extra.factor * (extra.picture[i] as number)
  spoil(kind, picture, random)
  const counts = new Detector(hash(seed, [...kinds, ...rehearsalKinds].indexOf(kind))).expose(picture)
  if (kind === 'saturation') saturate(counts, random.uniform(0.002, 0.05))
  const stated = kind === 'wrong pixel size, unknown' ? null : kind === 'wrong pixel size, stated' ? trueUm : pixelUm
  return {
    counts,
    statedUm: stated,
    numericalAperture: 0.4,
    emissionNm: channels[channel].emissionNm,
    photons,
    trueUm,
    truth: (outputUm) => {
      const focused = kind === 'defocus' ? base : scene
      const clean = render(focused, 0.75, outputUm, truthSide).map((value) => value * factor)
      if (kind === 'noise only') clean.fill(1)
      if (extra) {
        const above = render(extra.scene, 0.75, outputUm, truthSide)
        for (let i = 0; i < clean.length; i++) clean[i]! += extra.factor * (above[i] as number)
      }
      return clean
    },
  }
}

function sceneOf(kind: Kind, seed: number, base: Scene, random: Random): Scene {
  if (kind === 'out-of-family structure') {
    const number = seed % shapeNames.length
    const shape = shapeNames[number] as ShapeName
    return { ...base, specimen: shapeSpecimen(shape, number), key: shape, channel: 'B', z: 0.5 }
  }
  if (kind === 'odd field') {
    const shape = oddShapes[seed % oddShapes.length] as ShapeName
    return { ...base, specimen: shapeSpecimen(shape, (seed >> 2) & 1), key: `${shape}${(seed >> 2) & 1}`, channel: 'B', z: 0.5 }
  }
  // The training's specimens reach 4 µm from the focus; the demo's cells 6 µm up from the glass.
  if (kind === 'defocus') return { ...base, z: random.uniform() < 0.5 ? -random.uniform(8, 16) : 6 + random.uniform(8, 16) }
  return base
}

/** Rare structures stand far from each other in a specimen of their own: the frame's place decides which one it sees. */
const farApart = 400
const rareShapes = ['letter', 'ring', 'patch', 'star', 'cross', 'hexagons'] as const

const rareSpecimen: Specimen = {
  haze: () => 0,
  visit: (_channel, area, _spacing, callback) => {
    const emitters = new Emitters()
    for (let i = Math.ceil(area.left / farApart); i * farApart <= area.right; i++)
      for (let j = Math.ceil(area.top / farApart); j * farApart <= area.bottom; j++) drawRare(emitters, i, j)
    callback(emitters)
  },
}

function drawRare(into: Emitters, i: number, j: number): void {
  const [x, y] = [i * farApart, j * farApart]
  const n = rareShapes.length
  const shape = rareShapes[((j % n) + n) % n]
  if (shape === 'letter') letter(into, i, x - 3, y - 4, 8, 0.3, 100)
  else if (shape === 'ring') ring(into, x, y, 4, 0.3, 100)
  else if (shape === 'star') star(into, x, y, 5, 4 + (i % 4), 0.3, 100)
  else if (shape === 'cross') cross(into, x, y, 4, 2 + (i % 3), 0.3, 100)
  else if (shape === 'hexagons') hexagons(into, x, y, 2.5, 2, 0.3, 100)
  else for (let k = -3; k <= 3; k++) for (let l = -3; l <= 3; l++) into.add(x + 1.6 * k, y + 1.6 * l, 0.5, 0.1, 100)
}

function rare({ shape, x, y, brightness }: Rarity, base: Scene, photons: number) {
  const i = Math.abs(Math.round(base.x + x)) % 997
  const scene: Scene = { ...base, specimen: rareSpecimen, key: 'rare', x: i * farApart - x, y: rareShapes.indexOf(shape) * farApart - y }
  const picture = render(scene, 0.4, pixelUm, side)
  return { scene, picture, factor: (brightness * photons) / picture.reduce((a, b) => Math.max(a, b), 1e-9) }
}

/** Clips the brightest share of the pixels, as a camera does whose range ends there. */
function saturate(counts: Uint16Array, share: number): void {
  const top = counts.slice().sort()[Math.floor((1 - share) * (counts.length - 1))] as number
  for (let i = 0; i < counts.length; i++) if ((counts[i] as number) > top) counts[i] = Math.max(top, detector.offset)
}

/** What happens to the light of the rehearsal's frames before the camera counts it. */
function spoil(kind: Kind, picture: Float32Array, random: Random): void {
  const plane = { width: side, height: side, data: picture }
  if (kind === 'blurred') picture.set(blur(plane, random.uniform(1.3, 3) / pixelUm).data)
  if (kind === 'moved') {
    const [length, across] = [Math.round(random.uniform(6, 14) / pixelUm), random.uniform() < 0.5]
    const original = picture.slice()
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        let sum = 0
        for (let k = 0; k < length; k++) {
          const [u, v] = across ? [Math.min(side - 1, x + k), y] : [x, Math.min(side - 1, y + k)]
          sum += original[v * side + u] as number
        }
        picture[y * side + x] = sum / length
      }
  }
  if (kind === 'stripes') {
    const depth = random.uniform(0.1, 0.5)
    for (let y = 0; y < side; y++) {
      const gain = 1 + depth * (random.uniform() - 0.5)
      for (let x = 0; x < side; x++) picture[y * side + x]! *= gain
    }
  }
  if (kind === 'blocks') {
    const size = 3 + Math.floor(random.uniform(0, 4))
    const original = picture.slice()
    for (let i = 0; i < picture.length; i++) {
      const [x, y] = [i % side, Math.floor(i / side)]
      picture[i] = original[(y - (y % size)) * side + x - (x % size)] as number
    }
  }
}
