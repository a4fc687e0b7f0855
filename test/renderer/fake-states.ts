/** What the fake host says before anybody changes it. */
import {
  type InferenceState,
  idleRecording,
  type LogEntry,
  type ModelDetails,
  type ModelSummary,
  type Provenance,
  type SelfTest,
  type SessionSummary,
  type Settings,
  stoppedLive,
} from '#shared/api.ts'
import type { DeviceStatus, MicroscopeState } from '#shared/device.ts'

const sha256 = '9f3c1b7a52d04e8892b1c6d3a4f5e60718293a4b5c6d7e8f90a1b2c3d4e5f607'

export const fakeProvenance: Provenance = {
  model: 'widefield-sr',
  modelName: 'Widefield super-resolution',
  version: '1.0.0',
  sha256,
  provider: 'cpu',
  warnings: [],
}

export const fakeSettings: Settings = {
  dataFolder: '/data/deepscope',
  omeZarrVersion: '0.5',
  theme: 'dark',
  model: 'widefield-sr',
  provider: 'auto',
  colorMap: 'gray',
  autoContrast: true,
  stageStep: 20,
  focusStep: 1,
}

const card = `# Widefield super-resolution

Turns a **10×/0.4** picture into what a 20×/0.75 objective would have seen. See [BioImage.IO](https://bioimage.io).

| Method | PSNR (dB) | SSIM |
| --- | ---: | ---: |
| Input, bicubic | 27.1 | 0.71 |
| Richardson–Lucy | 29.4 | 0.79 |
| This network | 32.8 | 0.90 |

## Limits

- Trained on endothelial-like cells only
- *Never* a measurement; <script>alert(1)</script> stays text

\`deepscope enhance --model widefield-sr\`
`

export const fakeModels: ModelSummary[] = [
  {
    id: 'widefield-sr',
    name: 'Widefield super-resolution',
    version: '1.0.0',
    description: 'Widefield 10×/0.4 to 20×/0.75, a compact residual U-Net.',
    sha256,
    pixelSizeUm: 0.325,
    bytes: 2_150_000,
    origin: 'application',
    format: '0.5.4',
    valid: true,
    usable: true,
    images: true,
    takes: 'planes of one channel',
    refocus: null,
    classes: null,
    task: 'super-resolution',
    purpose: 'Super-resolution, widefield, NA 0.4 to 0.75, pixels of 0.65 µm to 0.325 µm',
    modality: 'widefield',
    trainedPixelsUm: [0.65, 0.325],
    problem: null,
    field: null,
    notes: [],
    license: 'MIT',
    measured: { bars: 24, missed: [{ name: 'fwhm-ratio', value: '1.1615', must: '0.85-1.15, the level furthest from 1' }] },
    card,
    testable: true,
    test: null,
  },
  {
    id: 'broken',
    name: 'Broken network',
    version: '0.1.0',
    description: 'A file that was cut short.',
    sha256,
    pixelSizeUm: null,
    bytes: 12,
    origin: 'user',
    format: '0.5.4',
    valid: false,
    usable: false,
    images: false,
    takes: '',
    refocus: null,
    classes: null,
    task: null,
    purpose: '',
    modality: null,
    trainedPixelsUm: [],
    problem: 'weights.onnx.sha256: the file does not match its hash. Reinstall this model.',
    field: 'weights.onnx.sha256',
    notes: [],
    license: 'MIT',
    measured: null,
    card: null,
    testable: false,
    test: null,
  },
]

const axes = (size: string, halo: number) => [
  { id: 'batch', size: '1', scale: '', halo: 0, names: [] },
  { id: 'channel', size: '1', scale: '', halo: 0, names: ['intensity'] },
  { id: 'y', size, scale: '0.325 µm', halo, names: [] },
  { id: 'x', size, scale: '0.325 µm', halo, names: [] },
]

export const fakeDetails: ModelDetails = {
  model: 'widefield-sr',
  path: '/opt/deepscope/models/widefield-sr',
  authors: ['Deepscope developers'],
  tags: ['super-resolution', 'widefield'],
  cite: ['Wang, H. et al. Nat. Methods 16, 103-110 (2019). doi:10.1038/s41592-018-0239-0'],
  weights: ['onnx'],
  inputs: [
    {
      id: 'raw',
      description: 'One channel of the picture.',
      dtype: 'float32',
      optional: false,
      axes: axes('64 + n·8', 0),
      operations: ['values as float32', 'percentiles 1 and 99.9 to 0 and 1, over y, x'],
    },
  ],
  outputs: [
    {
      id: 'restored',
      description: 'The restored picture.',
      dtype: 'float32',
      optional: false,
      axes: axes('as y of raw', 72),
      operations: [],
    },
  ],
  training: [
    { label: 'Pixels of the input', value: '0.65 µm' },
    { label: 'Numerical aperture', value: '0.4 → 0.75' },
  ],
}

export const fakeTest: SelfTest = {
  time: Date.UTC(2026, 10, 24, 10, 30),
  passed: true,
  problem: null,
  provider: 'cpu',
  elapsedMs: 412,
  outputs: [
    {
      id: 'restored',
      dims: [1, 2, 256, 256],
      elements: 131_072,
      outside: 3,
      allowed: 13,
      largestDifference: 0.0021,
      relative: 0.001,
      absolute: 0.001,
      perMillion: 100,
    },
  ],
}

const summary: SessionSummary = {
  id: 'snap-1',
  name: 'Snap 1',
  created: '2026-11-24T09:12:00Z',
  kind: 'snap',
  frames: 1,
  width: 256,
  height: 256,
  pixelType: 'uint16',
  bytes: 131_072,
  complete: true,
  omeZarrVersion: '0.5',
}

export const fakeSessions: SessionSummary[] = [
  summary,
  {
    ...summary,
    id: 'recording-1',
    name: 'Endothelial drift, well B3',
    kind: 'recording',
    frames: 24,
    bytes: 3_145_728,
    created: '2026-11-24T10:02:00Z',
  },
  {
    ...summary,
    id: 'enhanced-1',
    name: 'Snap 1, enhanced',
    kind: 'enhanced',
    width: 512,
    height: 512,
    pixelType: 'float32',
    bytes: 1_048_576,
    created: '2026-11-24T09:12:01Z',
  },
  { ...summary, id: 'recording-0', name: 'Power cut', kind: 'recording', frames: 9, complete: false, created: '2026-11-23T18:40:00Z' },
]

const device = (id: string, label: string, kind: DeviceStatus['kind'], connection: string): DeviceStatus => ({
  id,
  label,
  kind,
  state: 'ready',
  connection,
  problem: null,
  simulated: true,
})

const microscope: MicroscopeState = {
  configuration: 'demo',
  devices: [
    device('stage', 'XY stage', 'xy-stage', 'ASI MS-2000 on demo:stage'),
    device('focus', 'Focus drive', 'focus', 'ASI MS-2000 on demo:stage'),
    device('light', 'Light source', 'light', 'CoolLED pE-300 on demo:light'),
    device('camera', 'Camera', 'camera', 'Simulated scientific camera'),
    device('turret', 'Objectives', 'objective-turret', 'Simulated turret'),
  ],
  stage: { x: 120.4, y: -38.2, moving: false, limitsX: { min: -5000, max: 5000 }, limitsY: { min: -5000, max: 5000 } },
  focus: { z: 3.25, moving: false, limits: { min: -200, max: 200 } },
  light: {
    channels: [
      { id: 'A', name: 'DAPI', emissionNm: 460, color: '#3f7dff', on: false, level: 20 },
      { id: 'B', name: 'FITC', emissionNm: 525, color: '#3ddc6a', on: false, level: 50 },
      { id: 'C', name: 'TxRed', emissionNm: 615, color: '#ff6a3d', on: false, level: 0 },
    ],
  },
  camera: { width: 256, height: 256, bitDepth: 16, exposureMs: 30, exposureRange: { min: 1, max: 2000 } },
  objectives: {
    current: '10x',
    all: [
      { id: '10x', label: '10×/0.4', magnification: 10, numericalAperture: 0.4, pixelSizeUm: 0.65 },
      { id: '20x', label: '20×/0.75', magnification: 20, numericalAperture: 0.75, pixelSizeUm: 0.325 },
    ],
  },
}

const inference: InferenceState = {
  status: 'ready',
  provider: 'cpu',
  providers: [
    { id: 'cuda', used: false, reason: 'the CUDA libraries are not installed' },
    { id: 'webgpu', used: false, reason: 'no graphics adapter was found' },
    { id: 'cpu', used: true, reason: 'always works' },
  ],
  restarts: 0,
  problem: null,
}

const log: LogEntry[] = [
  { time: Date.UTC(2026, 10, 24, 10, 0, 1), level: 'info', source: 'host', message: 'Deepscope 0.1.0 started.' },
  { time: Date.UTC(2026, 10, 24, 10, 0, 4), level: 'info', source: 'devices', message: 'ASI MS-2000 answered: firmware 9.2.' },
  {
    time: Date.UTC(2026, 10, 24, 10, 2, 9),
    level: 'warn',
    source: 'inference',
    message: 'CUDA is not used: its libraries are not installed.',
  },
]

export const fakeStates = {
  microscope,
  live: stoppedLive,
  inference,
  recording: idleRecording,
  storage: { folder: fakeSettings.dataFolder, freeBytes: 412_000_000_000 as number | null, writable: true, problem: null as string | null },
  log,
}
