/** `deepscope doctor`: what there is, what is used and why, what is missing and how to get it. */
import { constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { freemem, homedir, totalmem, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import type { InferenceState } from '#shared/api.ts'
import { messageOf } from '#shared/errors.ts'
import packageJson from '../package.json' with { type: 'json' }
import { type PortInfo, systemBinding } from './devices/serial/binding.ts'
import { startInference } from './inference/process.ts'
import { rootFolder } from './processes.ts'
import { type AppFolders, openSettings } from './settings.ts'
import { freeBytes, makeFolder, sizeText } from './storage/disk.ts'

/** `problem`: Deepscope cannot do its work; `note`: something is missing that not everybody needs. */
export interface Finding {
  readonly topic: 'versions' | 'inference' | 'serial ports' | 'graphics' | 'disk' | 'window'
  readonly state: 'ok' | 'note' | 'problem'
  readonly text: string
  /** What to do about it. */
  readonly advice: string | null
}

export interface DoctorReport {
  readonly version: string
  readonly platform: string
  readonly findings: readonly Finding[]
}

/** Longest wait for the inference process, ms: a first WebGPU or CUDA start compiles for seconds. */
const inferenceTimeoutMs = 40_000

export async function examine(folders: AppFolders, dataFolder?: string): Promise<DoctorReport> {
  const settings = (await openSettings(join(folders.config, 'settings.json'))).state.value
  const [inference, ports, disk] = await Promise.all([
    inferenceFindings(await probeInference(settings.provider)),
    systemBinding
      .list()
      .then(serialFindings, (error: unknown) => [problem('serial ports', `They cannot be listed: ${messageOf(error)}`, null)]),
    diskFindings(dataFolder ?? settings.dataFolder),
  ])
  return {
    version: packageJson.version,
    platform: `${process.platform} ${process.arch}`,
    findings: [...versionFindings(), ...inference, ...ports, ...graphicsFindings(), ...disk, ...windowFindings()],
  }
}

/** The report as a person reads it. */
export function reportText({ version, platform, findings }: DoctorReport): string {
  const marks = { ok: ' ok ', note: 'note', problem: 'FAIL' } as const
  const lines = [`Deepscope ${version} on ${platform}`]
  let topic = ''
  for (const finding of findings) {
    if (finding.topic !== topic) lines.push('', `${finding.topic[0]?.toUpperCase()}${finding.topic.slice(1)}`)
    topic = finding.topic
    lines.push(`  [${marks[finding.state]}] ${finding.text}`)
    if (finding.advice) lines.push(`         → ${finding.advice}`)
  }
  const problems = findings.filter(({ state }) => state === 'problem').length
  lines.push(
    '',
    problems === 0 ? 'Deepscope can work here.' : `${problems} problem${problems > 1 ? 's keep' : ' keeps'} Deepscope from working fully.`,
  )
  return lines.join('\n')
}

function ok(topic: Finding['topic'], text: string): Finding {
  return { topic, state: 'ok', text, advice: null }
}
function note(topic: Finding['topic'], text: string, advice: string | null): Finding {
  return { topic, state: 'note', text, advice }
}
function problem(topic: Finding['topic'], text: string, advice: string | null): Finding {
  return { topic, state: 'problem', text, advice }
}

function versionFindings(): Finding[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const recent = major > 20 || (major === 20 && minor >= 19)
  const node = `Node ${process.versions.node}`
  const findings = [recent ? ok('versions', node) : problem('versions', `${node} is too old.`, 'Install Node 20.19 or later.')]
  for (const name of ['onnxruntime-node', 'serialport', 'sharp']) {
    const version = packageVersion(name)
    findings.push(
      version
        ? ok('versions', `${name} ${version}`)
        : problem('versions', `${name} is not installed.`, 'Run “npm ci” in Deepscope’s folder.'),
    )
  }
  return findings
}

function packageVersion(name: string): string | null {
  try {
    return (JSON.parse(readFileSync(join(rootFolder, 'node_modules', name, 'package.json'), 'utf8')) as { version: string }).version
  } catch {
    return null
  }
}

/** Starts the real inference process, because only it knows what its libraries can do here. */
async function probeInference(provider: 'auto' | 'cpu' | 'webgpu' | 'cuda' | 'dml' | 'coreml'): Promise<InferenceState> {
  const said: string[] = []
  await using inference = startInference({ modelsFolders: [], provider, log: (line) => said.push(line) })
  // Awaited here: otherwise the process would be disposed of before it has answered.
  return await new Promise((resolve) => {
    const give = (state: InferenceState) => {
      clearTimeout(timer)
      setImmediate(() => unsubscribe())
      resolve(state)
    }
    const timer = setTimeout(
      () =>
        give({
          ...inference.state.value,
          status: 'failed',
          problem: `It did not get ready within ${inferenceTimeoutMs / 1000} s. ${said.at(-1) ?? ''}`,
        }),
      inferenceTimeoutMs,
    )
    const unsubscribe = inference.state.watch((state) => {
      if (state.status === 'ready' || state.status === 'failed') give(state)
    })
  })
}

/** How to get a provider that this computer could use. */
const providerAdvice: Readonly<Record<string, string>> = {
  cuda: 'With an NVIDIA GPU: “ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node” fetches the CUDA libraries (some 200 MB).',
  webgpu: 'Needs a GPU with a Vulkan driver: on Debian “apt-get install mesa-vulkan-drivers”, or NVIDIA’s own driver.',
}

export function inferenceFindings(state: InferenceState): Finding[] {
  const findings = state.providers.map(({ id, used, reason }) =>
    used
      ? ok('inference', `${id} is used. ${reason}`)
      : note('inference', `${id} is not used. ${reason}`, reason.startsWith('Not ') ? null : (providerAdvice[id] ?? null)),
  )
  if (state.status === 'ready') return findings
  const advice = 'Choose the CPU in the settings; if that fails too, run “npm ci” again.'
  return [problem('inference', `Networks cannot run: ${state.problem ?? 'the inference process did not start.'}`, advice), ...findings]
}

/** Ports, and for each whether this account may open it. */
export async function serialFindings(
  ports: readonly PortInfo[],
  may: (path: string) => Promise<boolean> = readable,
  platform: NodeJS.Platform = process.platform,
): Promise<Finding[]> {
  if (ports.length === 0)
    return [
      note(
        'serial ports',
        'None. The demo microscope needs none.',
        'Plug in and switch on the controllers; a USB one may need its maker’s driver.',
      ),
    ]
  return Promise.all(
    ports.map(async ({ path, manufacturer, serialNumber }) => {
      const about = [path, manufacturer, serialNumber && `serial number ${serialNumber}`].filter(Boolean).join(', ')
      // Elsewhere a port is no file whose permission says something.
      if (platform !== 'linux' || (await may(path))) return ok('serial ports', about)
      return problem('serial ports', `${about}: this account may not open it.`, await permissionAdvice(path))
    }),
  )
}

function readable(path: string): Promise<boolean> {
  return access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  )
}

/** Serial ports belong to a group: `dialout` on Debian, `uucp` on Arch. */
async function permissionAdvice(path: string): Promise<string> {
  const gid = await stat(path).then(
    (found) => found.gid,
    () => null,
  )
  const group = (gid !== null && groupName(gid)) || 'dialout'
  return `Add the account to the group “${group}” with “sudo usermod -aG ${group} ${accountName()}”, then log out and in again.`
}

function groupName(gid: number): string | null {
  try {
    const line = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .find((each) => each.split(':')[2] === String(gid))
    return line?.split(':')[0] ?? null
  } catch {
    return null
  }
}

function accountName(): string {
  try {
    return userInfo().username
  } catch {
    return '$USER'
  }
}

const vendors: Readonly<Record<string, string>> = { '0x10de': 'NVIDIA', '0x1002': 'AMD', '0x8086': 'Intel' }

function graphicsFindings(): Finding[] {
  const memory = `${sizeText(totalmem())} of memory, ${sizeText(freemem())} free`
  if (process.platform !== 'linux') return [ok('graphics', `The providers above tell what the GPU can do. ${memory}.`)]
  const cards = [
    ...new Set(
      list('/sys/class/drm')
        .filter((name) => /^card\d+$/.test(name))
        .map((name) => vendorOf(name)),
    ),
  ].filter(Boolean)
  const nvidia = existsSync('/proc/driver/nvidia/version')
  if (cards.length === 0 && !nvidia) return [note('graphics', `No GPU is visible; networks run on the CPU. ${memory}.`, null)]
  const drivers = [...list('/usr/share/vulkan/icd.d'), ...list('/etc/vulkan/icd.d')].map((name) => name.replace(/\.json$/, ''))
  const found = ok('graphics', `GPU: ${cards.join(', ') || 'NVIDIA'}${nvidia ? ', with NVIDIA’s driver' : ''}. ${memory}.`)
  return drivers.length > 0
    ? [found, ok('graphics', `Vulkan drivers: ${drivers.join(', ')}.`)]
    : [found, note('graphics', 'No Vulkan driver is installed, so WebGPU cannot be used.', providerAdvice.webgpu ?? null)]
}

function vendorOf(card: string): string {
  try {
    const id = readFileSync(`/sys/class/drm/${card}/device/vendor`, 'utf8').trim()
    return vendors[id] ?? id
  } catch {
    return ''
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Below this, a recording of a 4-megapixel camera is over within minutes. */
const littleDisk = 5e9

export async function diskFindings(folder: string): Promise<Finding[]> {
  const change = 'Choose another data folder in the settings or with “--data”.'
  try {
    await makeFolder(folder)
    await access(folder, constants.W_OK)
  } catch (error) {
    return [problem('disk', `The data folder “${folder}” cannot be written: ${messageOf(error)}`, change)]
  }
  const free = await freeBytes(folder)
  if (free === null) return [ok('disk', `Data folder “${folder}”.`)]
  const text = `Data folder “${folder}”, ${sizeText(free)} free.`
  return [free < littleDisk ? note('disk', text, `That is little for recordings. ${change}`) : ok('disk', text)]
}

function windowFindings(env: NodeJS.ProcessEnv = process.env): Finding[] {
  const findings: Finding[] = []
  const display = process.platform === 'win32' || process.platform === 'darwin' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY)
  const electron = electronProgram()
  findings.push(
    electron
      ? ok('window', `Electron ${packageVersion('electron') ?? process.versions.electron ?? ''} is installed.`)
      : note(
          'window',
          'Electron’s program is not installed; “npm start” uses the browser.',
          'Where there is a network, “npm start” fetches it.',
        ),
    display
      ? ok('window', 'There is a display.')
      : note(
          'window',
          'There is no display; no window can be opened here.',
          'Use “npm run -s deepscope -- serve” and open the address in a browser.',
        ),
  )
  const browser = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'firefox']
    .map((name) => programPath(name))
    .find(Boolean)
  findings.push(
    browser
      ? ok('window', `Browser: ${browser}.`)
      : note(
          'window',
          'No browser was found on the PATH.',
          'On Debian: “apt-get install chromium”. A browser on another computer does as well, see “serve --help”.',
        ),
  )
  return findings
}

function electronProgram(): boolean {
  if (process.versions.electron) return true
  try {
    const folder = join(rootFolder, 'node_modules', 'electron')
    return existsSync(join(folder, 'dist', readFileSync(join(folder, 'path.txt'), 'utf8').trim()))
  } catch {
    return false
  }
}

function programPath(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', join(homedir(), '.local/bin')]
  return (
    folders
      .filter(Boolean)
      .map((folder) => join(folder, name))
      .find((path) => existsSync(path)) ?? null
  )
}
