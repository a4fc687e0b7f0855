/**
 * The contract's services without a microscope: states that tests can set, calls that are noted, pictures with known values. Served
 * over the real HTTP server, so that the page runs under its real content security policy.
 */
import { fileURLToPath } from 'node:url'
import { createAccess } from '#main/ipc/access.ts'
import { startHttpServer } from '#main/ipc/http-server.ts'
import { type Api, api, type Job, type PreviewHeader, type Settings } from '#shared/api.ts'
import { emptyMicroscope, type MicroscopeState } from '#shared/device.ts'
import { Cell } from '#shared/emitter.ts'
import { AppError, abortError } from '#shared/errors.ts'
import { bytesOf, type FrameMetadata, pixelTypeOf } from '#shared/image/frame.ts'
import type { Services, StreamSink } from '#shared/rpc/remote.ts'
import { serve } from '#shared/rpc/server.ts'
import type { Transport } from '#shared/rpc/transport.ts'
import type { InspectionState, LiveTrust } from '#shared/trust.ts'
import { enhancedPicture, type FakePicture, rawPicture, size } from './fake-scene.ts'
import { fakeDetails, fakeModels, fakeProvenance, fakeSessions, fakeSettings, fakeStates, fakeTest } from './fake-states.ts'
import { fakeInspection, fakeReport } from './fake-trust.ts'

const frameMs = 80

export interface FakeHost extends AsyncDisposable {
  createLink(): string
  readonly states: ReturnType<typeof createStates>
  /** Calls in the order they came. */
  readonly calls: { readonly name: string; readonly input: unknown }[]
  /** Bytes of each upload, by file name. */
  readonly uploads: Map<string, number>
  /** Makes the next call of a name fail. */
  failNext(name: string, error: Error): void
  /** Lets the next call of a name last until its caller gives it up; resolves then. */
  holdNext(name: string): Promise<void>
  /** Cuts every connection, as a lost network would. */
  dropConnections(): void
}

function createStates() {
  return {
    microscope: new Cell<MicroscopeState>(emptyMicroscope),
    live: new Cell(fakeStates.live),
    trust: new Cell<LiveTrust>({ report: null, frame: null, every: 4, costShare: null, problem: null }),
    inspection: new Cell<InspectionState>({ progress: null }),
    inference: new Cell(fakeStates.inference),
    recording: new Cell(fakeStates.recording),
    storage: new Cell(fakeStates.storage),
    sessions: new Cell(fakeSessions),
    models: new Cell(fakeModels),
    jobs: new Cell<Job[]>([]),
    settings: new Cell<Settings>(fakeSettings),
    log: new Cell(fakeStates.log),
    clients: new Cell<{ count: number; writer: string | null }>({ count: 0, writer: null }),
  }
}

export async function startFakeHost(): Promise<FakeHost> {
  const states = createStates()
  const calls: FakeHost['calls'] = []
  const uploads = new Map<string, number>()
  const failures = new Map<string, Error>()
  const holds = new Map<string, () => void>()
  const transports = new Set<Transport>()
  const services = createServices(states, uploads)
  const noted = Object.fromEntries(
    Object.entries(services.calls).map(([name, handler]) => [
      name,
      (input: unknown, context: { readonly signal: AbortSignal }) => {
        calls.push({ name, input })
        const failure = failures.get(name)
        failures.delete(name)
        if (failure) throw failure
        const release = holds.get(name)
        holds.delete(name)
        if (release) {
          return new Promise((_, reject) => {
            context.signal.addEventListener('abort', () => {
              release()
              reject(abortError())
            })
          })
        }
        return (handler as (input: unknown, context: unknown) => unknown)(input, context)
      },
    ]),
  ) as unknown as Services<Api>['calls']

  const server = await startHttpServer({
    rendererFolder: fileURLToPath(new URL('../../build/renderer', import.meta.url)),
    access: createAccess(),
    onClient: (transport, caller) => {
      transports.add(transport)
      states.clients.set({ count: transports.size, writer: states.clients.value.writer ?? caller.client })
      transport.onClose(() => {
        transports.delete(transport)
        const { writer } = states.clients.value
        states.clients.set({ count: transports.size, writer: writer === caller.client ? null : writer })
      })
      serve(api, { ...services, calls: noted }, transport, caller)
    },
  })
  return {
    createLink: server.createLink,
    states,
    calls,
    uploads,
    failNext: (name, error) => failures.set(name, error),
    holdNext: (name) => new Promise((resolve) => holds.set(name, resolve)),
    dropConnections: () => {
      for (const transport of [...transports]) transport.close('The network went away.')
    },
    [Symbol.asyncDispose]: () => server.close(),
  }
}

function createServices(states: ReturnType<typeof createStates>, uploads: Map<string, number>): Services<Api> {
  const light = () => {
    const on = states.microscope.value.light?.channels.find((channel) => channel.on)
    return on ? on.level : 0
  }
  const metadata = (pixelSizeUm = 0.65): FrameMetadata => {
    const { stage, focus } = states.microscope.value
    return {
      frame: 0,
      time: Date.UTC(2026, 10, 24, 10, 30),
      exposureMs: 30,
      x: stage?.x ?? 0,
      y: stage?.y ?? 0,
      z: focus?.z ?? 0,
      objective: '10x',
      pixelSizeUm,
      channel: 'FITC',
      emissionNm: 525,
      lightLevel: light(),
    }
  }
  const pixels = () => {
    const { x, y } = metadata()
    return [Math.round((x ?? 0) / 0.65), Math.round((y ?? 0) / 0.65)] as const
  }
  const imageOf = (picture: FakePicture) => ({
    width: picture.width,
    height: picture.height,
    pixelType: pixelTypeOf(picture.data),
    bytes: bytesOf(picture.data),
    histogram: picture.histogram,
  })
  const preview = (kind: 'raw' | 'enhanced', sink: StreamSink<PreviewHeader>) => {
    const send = () => {
      const { running, enhance } = states.live.value
      if (!running || (kind === 'enhanced' && !enhance)) return
      const [dx, dy] = pixels()
      const picture = kind === 'raw' ? rawPicture(dx, dy, light()) : enhancedPicture(dx, dy, light())
      const { bytes, ...rest } = imageOf(picture)
      const provenance = kind === 'raw' ? null : fakeProvenance
      const header = { kind, ...rest, metadata: metadata(kind === 'raw' ? 0.65 : 0.325), ageMs: 184, provenance, dropped: sink.dropped }
      void sink.send({ header, bytes }).catch(() => undefined)
    }
    const timer = setInterval(send, kind === 'raw' ? frameMs : frameMs * 4)
    sink.closed.addEventListener('abort', () => clearInterval(timer))
    return () => clearInterval(timer)
  }
  const session = (id: string) => {
    const found = states.sessions.value.find((each) => each.id === id)
    if (!found) throw new AppError('DatasetInvalid', `There is no session “${id}”.`)
    return found
  }
  const change = (state: Partial<MicroscopeState>) => {
    states.microscope.patch(state)
    return null
  }

  return {
    mayWrite: ({ client }) => states.clients.value.writer === client,
    calls: {
      'app.info': () => ({ version: '0.1.0', shell: 'browser', platform: 'test', uploadLimit: 64 * 2 ** 20 }),
      'client.hello': (_, { client }) => ({ client }),
      'control.take': (_, { client }) => {
        states.clients.patch({ writer: client })
        return null
      },
      'microscopes.list': () => ({
        folder: '/config/microscopes',
        microscopes: [
          { id: 'room-12', name: 'Room 12', parts: ['XY stage: ASI MS-2000 on COM3'], problem: null },
          { id: 'old', name: 'old', parts: [], problem: 'The microscope configuration old.json is not JSON.' },
        ],
      }),
      'microscopes.detect': () => [
        {
          path: 'COM3',
          about: 'FTDI',
          device: {
            driver: 'asi-ms2000',
            label: 'ASI MS-2000 (USB-9.2n)',
            baudRate: 115_200,
            kinds: ['xy-stage' as const, 'focus' as const],
          },
          problem: null,
        },
        { path: 'COM7', about: null, device: null, problem: 'The port COM7 could not be opened: another program is using it.' },
      ],
      'microscopes.create': ({ name }) => ({ id: name, name, parts: [], problem: null }),
      'microscope.connect': () => change(fakeStates.microscope),
      'microscope.disconnect': () => change(emptyMicroscope),
      'microscope.stop': () => {
        const channels = states.microscope.value.light?.channels ?? []
        return change({ light: { channels: channels.map((channel) => ({ ...channel, on: false })) } })
      },
      'stage.move': ({ x, y, relative }) => {
        const { stage } = states.microscope.value
        if (!stage) throw new AppError('DeviceNotFound', 'No XY stage is connected.')
        return change({ stage: { ...stage, x: x + (relative ? stage.x : 0), y: y + (relative ? stage.y : 0) } })
      },
      'focus.move': ({ z, relative }) => {
        const { focus } = states.microscope.value
        if (!focus) throw new AppError('DeviceNotFound', 'No focus drive is connected.')
        return change({ focus: { ...focus, z: z + (relative ? focus.z : 0) } })
      },
      'light.set': ({ channel, ...wanted }) => {
        const channels = states.microscope.value.light?.channels ?? []
        const set = {
          ...(wanted.on === undefined ? {} : { on: wanted.on }),
          ...(wanted.level === undefined ? {} : { level: wanted.level }),
        }
        return change({ light: { channels: channels.map((each) => (each.id === channel ? { ...each, ...set } : each)) } })
      },
      'objective.select': ({ objective }) => {
        const { objectives } = states.microscope.value
        return change({ objectives: objectives && { ...objectives, current: objective } })
      },
      'camera.exposure': ({ exposureMs }) => {
        const { camera } = states.microscope.value
        return change({ camera: camera && { ...camera, exposureMs } })
      },
      'live.start': () => {
        states.live.patch({ running: true, cameraFps: 30.1 })
        return null
      },
      'live.stop': () => {
        states.live.patch({ running: false, cameraFps: 0 })
        return null
      },
      'live.enhance': ({ on }) => {
        states.live.patch({
          enhance: on,
          model: fakeProvenance.model,
          inferenceFps: on ? 6.2 : 0,
          inferenceMegapixels: on ? 6.5 : 0,
          latencyMs: on ? 180 : null,
        })
        return null
      },
      'live.probe': ({ u, v }) => {
        const [dx, dy] = pixels()
        const { data } = rawPicture(dx, dy, light())
        const raw = data[Math.floor(v * size) * size + Math.floor(u * size)] ?? null
        const made = states.live.value.enhance ? enhancedPicture(dx, dy, light()).data : null
        const enhanced = made?.[Math.floor(v * size * 2) * size * 2 + Math.floor(u * size * 2)] ?? null
        const { x, y } = metadata()
        return {
          raw,
          enhanced,
          caveat: enhanced === null ? null : 'An estimate, in arbitrary units.',
          x: (x ?? 0) + (u - 0.5) * size * 0.65,
          y: (y ?? 0) + (v - 0.5) * size * 0.65,
        }
      },
      'demo.truth': () => imageOf(enhancedPicture(0, 0, 50)),
      'snap.take': () => ({ session: 'snap-1' }),
      'record.start': () => {
        states.recording.set({ session: 'recording-1', recording: true, frames: 128, bytes: 67_108_864, seconds: 4.3, problem: null })
        return { session: 'recording-1' }
      },
      'record.stop': () => {
        states.recording.patch({ recording: false })
        return session('recording-1')
      },
      'sessions.open': ({ session: id }) => {
        const summary = session(id)
        const made = summary.kind === 'enhanced'
        const frames = Array.from({ length: summary.frames }, (_, frame) => ({ ...metadata(), frame }))
        const notes = summary.complete ? [] : ['The recording was interrupted; every finished frame is here.']
        return { summary, frames, provenance: made ? fakeProvenance : null, trust: made ? fakeReport('caution') : null, notes }
      },
      'sessions.frame': ({ session: id, index }) => {
        const made = session(id).kind === 'enhanced'
        const picture = made ? enhancedPicture(index * 3, 0, 50) : rawPicture(index * 3, 0, 50)
        return {
          ...imageOf(picture),
          index,
          metadata: { ...metadata(made ? 0.325 : 0.65), frame: index },
          provenance: made ? fakeProvenance : null,
        }
      },
      'sessions.export': ({ session: id }) => ({ path: `/data/${id}.ome.tif` }),
      'enhance.start': ({ upload, path }) => {
        const file = upload ? 'cells.tif' : (path ?? '')
        const job: Job = {
          id: 'job-1',
          file,
          status: 'done',
          progress: 1,
          remaining: 0,
          rate: null,
          model: 'widefield-sr',
          output: '/data/cells.enhanced.ome.tif',
          warnings: ['The pixel size is not known: the network’s scale could not be checked.'],
          verdict: fakeReport('caution').verdict,
          judged: 'Every plane was judged.',
          answer: null,
          problem: null,
        }
        const waiting: Job = {
          ...job,
          id: 'job-2',
          file: 'stack.tif',
          status: 'running',
          progress: 0.43,
          remaining: 74,
          rate: { megapixels: 3.42, planes: 0.82 },
          model: 'widefield-sr',
          output: null,
          warnings: [],
          verdict: null,
          judged: null,
          answer: null,
        }
        states.jobs.set([waiting, job])
        return { job: job.id }
      },
      'enhance.cancel': ({ job }) => {
        states.jobs.set(states.jobs.value.map((each) => (each.id === job ? { ...each, status: 'cancelled' } : each)))
        return null
      },
      'enhance.result': () => ({
        before: imageOf(rawPicture(0, 0, 50)),
        after: imageOf(enhancedPicture(0, 0, 50)),
        inputUnits: true,
        distanceUm: null,
        surfaces: [],
        surface: null,
        places: null,
        inspectable: true,
        provenance: fakeProvenance,
      }),
      'enhance.surface': () => ({ after: imageOf(enhancedPicture(0, 0, 50)) }),
      'trust.inspect': () => fakeInspection(imageOf(rawPicture(0, 0, 50)), imageOf(enhancedPicture(0, 0, 50))),
      'models.info': ({ model }) => ({ ...fakeDetails, model }),
      'models.test': ({ model }) => {
        states.models.set(states.models.value.map((each) => (each.id === model ? { ...each, test: fakeTest } : each)))
        return fakeTest
      },
      'models.import': () => {
        const [first] = fakeModels
        if (!first) throw new AppError('Internal', 'There is no fake model.')
        states.models.set([
          ...states.models.value,
          { ...first, id: 'nuclei', name: 'UNet 2D Nuclei Broad', origin: 'user', pixelSizeUm: null },
        ])
        return { model: 'nuclei' }
      },
      'models.remove': ({ model }) => {
        states.models.set(states.models.value.filter(({ id }) => id !== model))
        return null
      },
      'settings.change': (changes) => {
        const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined))
        states.settings.patch(given)
        return states.settings.value
      },
      'log.export': () => ({ name: 'deepscope-report.txt', text: 'Deepscope 0.1.0' }),
    },
    topics: {
      'microscope.state': (listener) => states.microscope.watch(listener),
      'live.state': (listener) => states.live.watch(listener),
      'trust.state': (listener) => states.trust.watch(listener),
      'trust.inspection': (listener) => states.inspection.watch(listener),
      'inference.state': (listener) => states.inference.watch(listener),
      'recording.state': (listener) => states.recording.watch(listener),
      'storage.state': (listener) => states.storage.watch(listener),
      'sessions.index': (listener) => states.sessions.watch(listener),
      'models.index': (listener) => states.models.watch(listener),
      'jobs.state': (listener) => states.jobs.watch(listener),
      'settings.state': (listener) => states.settings.watch(listener),
      'log.recent': (listener) => states.log.watch(listener),
      'clients.state': (listener) => states.clients.watch(listener),
    },
    streamsDown: { 'live.preview': ({ kind }, sink) => preview(kind, sink) },
    streamsUp: {
      'file.upload': async ({ name }, frames) => {
        let received = 0
        for await (const { header, bytes } of frames) {
          if (header.offset !== received) throw new AppError('BadRequest', 'A part is missing.')
          received += bytes.byteLength
          if (header.last) break
        }
        uploads.set(name, received)
      },
    },
  }
}
