import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Recorder } from '#main/acquisition/recorder.ts'
import type { SessionStore } from '#main/storage/dataset.ts'
import { openSessionStore } from '#main/storage/session.ts'
import { AppError } from '#shared/errors.ts'
import { ReplayCamera } from '#test/helpers/replay-camera.ts'

const newSession = {
  name: 'Test',
  kind: 'recording',
  width: 64,
  height: 64,
  pixelType: 'uint16',
  pixelSizeUm: 0.65,
  omeZarrVersion: '0.5',
  microscope: {},
} as const

let folder: string
let store: SessionStore
let camera: ReplayCamera

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deepscope-recorder-'))
  store = await openSessionStore(folder)
  camera = new ReplayCamera()
})

afterEach(async () => {
  await store[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

describe('recorder', () => {
  it('keeps every frame of the camera, in order', async () => {
    const recorder = new Recorder()
    await camera.start()
    recorder.start(camera, await store.create(newSession))
    for (let i = 0; i < 20; i++) camera.give()
    const summary = await recorder.stop()
    expect(summary).toMatchObject({ frames: 20, complete: true })
    const reader = await store.open(summary.id)
    for (let i = 0; i < 20; i++) expect((await reader.read(i)).data[100]).toBe(i)
  })

  it('stops with an explicit error when the camera lost a frame, and keeps what it had', async () => {
    const recorder = new Recorder()
    recorder.start(camera, await store.create(newSession))
    for (let i = 0; i < 3; i++) camera.give()
    camera.give(undefined, 2)
    expect(recorder.state.value).toMatchObject({ recording: false, problem: 'The camera lost 2 frames. Recording stopped.' })
    camera.give()
    const summary = await recorder.stop()
    expect(summary.frames).toBe(3)
  })

  it('ends in a safe state when the camera fails', async () => {
    const recorder = new Recorder()
    recorder.start(camera, await store.create(newSession))
    camera.give()
    camera.fail(new AppError('DeviceDisconnected', 'The camera was unplugged.'))
    expect(recorder.state.value).toMatchObject({ recording: false, problem: 'The camera was unplugged.' })
    expect((await recorder.stop()).frames).toBe(1)
  })

  it('refuses a second recording and a stop without one', async () => {
    const recorder = new Recorder()
    await expect(recorder.stop()).rejects.toThrow('No recording is running.')
    recorder.start(camera, await store.create(newSession))
    const second = await store.create(newSession)
    expect(() => recorder.start(camera, second)).toThrow('already running')
    await second.finish()
    await recorder.stop()
  })
})
