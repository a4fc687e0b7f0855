/** The contract, name by name, carried out by the host's parts. Inputs are validated before they come here. */
import { rm } from 'node:fs/promises'
import type { Api, Histogram, PreviewHeader, Provenance } from '#shared/api.ts'
import { AppError } from '#shared/errors.ts'
import { bytesOf, type Frame, pixelTypeOf } from '#shared/image/frame.ts'
import type { Services, StreamFrame } from '#shared/rpc/remote.ts'
import { distancesOf } from '#shared/surfaces.ts'
import type { TrustReport } from '#shared/trust.ts'
import { histogramOf } from '../analysis/histogram.ts'
import type { HostParts } from '../host.ts'
import type { InspectRequest } from '../processing/inspect.ts'
import type { NewJob } from '../processing/jobs.ts'
import { sessionFile } from '../processing/session-file.ts'
import type { SessionReader, SessionStore } from '../storage/dataset.ts'
import { previewStream } from './preview.ts'

export function createServices(parts: HostParts): Services<Api> {
  const { control, live, trust, recorder, captures, configurations, data, inference, models, jobs, uploads, settings, log, clients } = parts
  /** A slider asks for many frames of one session, whose index need not be read again for each. */
  let opened: { readonly store: SessionStore; readonly session: string; readonly reader: SessionReader } | null = null
  const readerOf = async (session: string, index: number) => {
    if (opened?.store === data.store && opened.session === session && index < opened.reader.frames.length) return opened.reader
    opened = { store: data.store, session, reader: await data.store.open(session) }
    return opened.reader
  }
  return {
    mayWrite: (caller) => clients.mayWrite(caller.client),
    calls: {
      'app.info': () => parts.info,
      'client.hello': (_, { client }) => ({ client }),
      'control.take': (_, { client }) => {
        clients.take(client)
        return null
      },

      'microscopes.list': async () => ({ folder: configurations.folder, microscopes: await configurations.list() }),
      'microscopes.detect': (_, { signal }) => parts.detect(signal),
      'microscopes.create': (plan) => configurations.create(plan),

      'microscope.connect': ({ configuration }) => done(captures.connect(configuration)),
      'microscope.disconnect': () => done(captures.disconnect()),
      'microscope.stop': () => done(control.stop()),
      'stage.move': (move, { signal }) => done(control.moveStage(move, signal)),
      'focus.move': (move, { signal }) => done(control.moveFocus(move, signal)),
      'light.set': ({ channel, ...change }, { signal }) => done(control.setLight(channel, change, signal)),
      'objective.select': ({ objective }, { signal }) => done(captures.selectObjective(objective, signal)),
      'camera.exposure': ({ exposureMs }) => done(control.setExposure(exposureMs)),

      'live.start': () => done(captures.startLive()),
      'live.stop': () => done(captures.stopLive()),
      'live.enhance': ({ on, model }) => {
        live.setEnhance(on, (model ?? settings.state.value.model) || null)
        return null
      },
      'live.probe': ({ u, v }) => probe(live.newest, live.newestEnhanced, trust.state.value.report?.units ?? 'arbitrary', u, v),
      'demo.truth': async () => {
        const truth = await parts.truth()
        return imageOf(truth.width, truth.height, truth.data)
      },

      'snap.take': async ({ enhanced }, { signal }) => ({ session: await captures.snap(enhanced, signal) }),
      'record.start': async ({ name }) => ({ session: await captures.startRecording(name) }),
      'record.stop': () => recorder.stop(),

      'sessions.open': async ({ session }) => {
        opened = { store: data.store, session, reader: await data.store.open(session) }
        const { summary, frames, provenance, trust: judged, notes } = opened.reader
        return { summary, frames: [...frames], provenance, trust: judged, notes: [...notes] }
      },
      'sessions.frame': async ({ session, index }, { signal }) => {
        const reader = await readerOf(session, index)
        const frame = await reader.read(index, signal)
        return { ...imageOf(frame.width, frame.height, frame.data), index, metadata: frame.metadata, provenance: reader.provenance }
      },
      'sessions.export': async ({ session }, { signal }) => ({ path: await data.store.exportTiff(session, signal) }),

      'enhance.start': async ({ path, upload, session, pixelSizeUm, model, refocus }, { client }) => {
        if (refocus) distancesOf(refocus)
        const file: GivenFile =
          session !== undefined
            ? await sessionFile(data.store, session, jobs.outFolder)
            : upload === undefined
              ? localPath(path, parts.info.shell)
              : uploads.take(upload, client)
        const temporary = upload !== undefined || session !== undefined
        try {
          const options = {
            temporary,
            name: file.name,
            prepare: file.prepare,
            pixelSizeUm: pixelSizeUm ?? null,
            model: (model ?? settings.state.value.model) || null,
            refocus,
          }
          return { job: jobs.start({ path: file.path, ...options }) }
        } catch (error) {
          if (temporary) await rm(file.path, { force: true })
          throw error
        }
      },
      'enhance.cancel': ({ job }) => {
        jobs.cancel(job)
        return null
      },
      'enhance.result': async ({ job }) => {
        const { before, after, inputUnits, distanceUm, surfaces, places, original, provenance } = await jobs.result(job)
        const surface = surfaces.findIndex((each) => each.distanceUm === distanceUm)
        return {
          before: imageOf(before.width, before.height, before.data),
          after: imageOf(after.width, after.height, after.data),
          inputUnits,
          distanceUm,
          surfaces: surfaces.map(({ distanceUm, verdict }) => ({ distanceUm, verdict })),
          surface: surface < 0 ? null : surface,
          places,
          inspectable: original,
          provenance,
        }
      },
      'enhance.surface': async ({ job, surface }, { signal }) => {
        const after = await jobs.picture(job, surface, signal)
        return { after: imageOf(after.width, after.height, after.data) }
      },

      'trust.inspect': async ({ job, surface }, { signal }) => {
        const request = job === undefined ? livePicture(parts) : await jobPicture(parts, job, surface)
        const { report, maps, prediction, picture } = await parts.inspector.inspect(request, signal)
        return {
          report,
          maps,
          provenance: prediction.provenance,
          before: imageOf(picture.width, picture.height, picture.data),
          after: imageOf(prediction.width, prediction.height, prediction.image),
        }
      },
      'models.info': ({ model }) => models.details(model),
      'models.test': ({ model }, { signal }) => inference.testModel(model, signal),
      'models.import': async ({ path, upload, as }, { client, signal }) => {
        const file = upload === undefined ? localPath(path, parts.info.shell) : uploads.take(upload, client)
        try {
          return { model: await models.import(file.path, { name: file.name, signal, ...(as === undefined ? {} : { as }) }) }
        } finally {
          if (upload !== undefined) await rm(file.path, { force: true })
        }
      },
      'models.remove': ({ model }) => done(parts.removeModel(model)),

      'settings.change': async (change) => parts.changeSettings(change),
      'log.export': () => parts.report(),
    },
    topics: {
      'microscope.state': (listener) => control.state.watch(listener),
      'live.state': (listener) => live.state.watch(listener),
      'trust.state': (listener) => trust.state.watch(listener),
      'trust.inspection': (listener) => parts.inspector.state.watch(listener),
      'inference.state': (listener) => inference.state.watch(listener),
      'recording.state': (listener) => recorder.state.watch(listener),
      'storage.state': (listener) => data.state.watch(listener),
      'sessions.index': (listener) => data.sessions.watch((list) => listener([...list])),
      'models.index': (listener) => inference.models.watch((list) => listener([...list])),
      'jobs.state': (listener) => jobs.state.watch((list) => listener([...list])),
      'settings.state': (listener) => settings.state.watch(listener),
      'log.recent': (listener) => log.recent.watch((list) => listener([...list])),
      'clients.state': (listener) => clients.state.watch(listener),
    },
    streamsDown: {
      'live.preview': ({ kind }, sink) =>
        kind === 'raw'
          ? previewStream({ newest: live.newest, onFrame: (listener) => live.onFrame(listener) }, sink, (frame, dropped) =>
              previewOf(frame, null, dropped),
            )
          : previewStream({ newest: live.newestEnhanced, onFrame: (listener) => live.onEnhanced(listener) }, sink, (frame, dropped) =>
              previewOf(frame, frame.provenance, dropped),
            ),
    },
    streamsUp: {
      'file.upload': (params, frames, caller) => uploads.receive(params, frames, caller),
    },
  }
}

async function done(task: Promise<unknown>): Promise<null> {
  await task
  return null
}

/** One picture for a window, with the histogram of the host's data. */
function previewOf(frame: Frame, provenance: Provenance | null, dropped: number): StreamFrame<PreviewHeader> {
  const { width, height, data, metadata } = frame
  const header: PreviewHeader = {
    kind: provenance ? 'enhanced' : 'raw',
    width,
    height,
    pixelType: pixelTypeOf(data),
    metadata,
    histogram: histogramOf(data, data instanceof Uint16Array ? 65535 : undefined),
    ageMs: Math.max(0, Date.now() - metadata.time),
    provenance,
    dropped,
  }
  return { header, bytes: bytesOf(data) }
}

function imageOf(
  width: number,
  height: number,
  data: Frame['data'],
): { width: number; height: number; pixelType: 'uint8' | 'uint16' | 'float32'; bytes: Uint8Array; histogram: Histogram } {
  return { width, height, pixelType: pixelTypeOf(data), bytes: bytesOf(data), histogram: histogramOf(data) }
}

/** What stands beside a value that nobody measured. */
const networkCaveat: Readonly<Record<TrustReport['units'], string>> = {
  input: 'A network’s value, in the input’s units, is not a measurement. Measure on the raw picture.',
  arbitrary: 'A network’s value is not a measurement: its intensities are in arbitrary units. Measure on the raw picture.',
}

/** The frame that was enhanced last, and the one after it where both show the same thing. */
function livePicture({ live, trust, factsOf }: HostParts): InspectRequest {
  const { enhance, model } = live.state.value
  const pair = trust.pair
  if (!enhance || !model || !pair)
    throw new AppError('BadRequest', 'There is no picture of a network to inspect. Switch on enhancement first.')
  return { model, picture: pair.newest, second: pair.before, facts: factsOf(pair.newest) }
}

async function jobPicture({ jobs }: HostParts, job: string, surface: number | undefined): Promise<InspectRequest> {
  const { before, facts, provenance, original, distanceUm } = await jobs.result(job)
  if (!original)
    throw new AppError(
      'BadRequest',
      'Only a picture that the network took plane by plane, at most 2048 pixels wide and high, can be inspected. What was judged stands in the file.',
    )
  return {
    model: provenance.model,
    picture: before,
    second: null,
    facts,
    distanceUm: surface === undefined ? distanceUm : (await jobs.surface(job, surface)).distanceUm,
  }
}

/** Values under a point of the field, and where in the sample it is. x to the right, y down, the stage position at the field's centre. */
function probe(raw: Frame | null, enhanced: Frame | null, units: TrustReport['units'], u: number, v: number) {
  const at = (frame: Frame | null) => {
    if (!frame) return null
    const column = Math.min(frame.width - 1, Math.floor(u * frame.width))
    const row = Math.min(frame.height - 1, Math.floor(v * frame.height))
    return frame.data[row * frame.width + column] ?? null
  }
  const { x = null, y = null, pixelSizeUm = null } = raw?.metadata ?? {}
  const known = raw && x !== null && y !== null && pixelSizeUm !== null
  return {
    raw: at(raw),
    enhanced: at(enhanced),
    caveat: enhanced ? networkCaveat[units] : null,
    x: known ? x + (u - 0.5) * raw.width * pixelSizeUm : null,
    y: known ? y + (v - 0.5) * raw.height * pixelSizeUm : null,
  }
}

/** A file that is to go through a network; `name`: for a person. */
type GivenFile = Pick<NewJob, 'path' | 'name' | 'prepare'>

/** Only the desktop window may name a file of the host: its user chose it in a dialog or dropped it. A browser uploads. */
function localPath(path: string | undefined, shell: 'electron' | 'browser'): { path: string; name: string } {
  if (path === undefined) throw new AppError('BadRequest', 'Name a file or an upload.')
  if (shell !== 'electron')
    throw new AppError('NotPermitted', 'A browser cannot name files of the microscope computer. Upload the file instead.')
  return { path, name: path.split(/[\\/]/).at(-1) ?? path }
}
