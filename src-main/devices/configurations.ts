/** The microscopes a user has described: one JSON file each, in one folder of the configuration folder. */
import { open, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { MicroscopeDescription, MicroscopePlan } from '#shared/device.ts'
import { AppError, explanationOf, messageOf } from '#shared/errors.ts'
import { type MicroscopeConfiguration, parseConfiguration, readConfiguration } from './configuration.ts'
import { demoChannels, demoObjectives } from './demo.ts'
import { asiMs2000 } from './drivers/asi-ms2000/driver.ts'
import { coolLedPe300 } from './drivers/coolled-pe300.ts'

const ending = '.json'
/** More files than a person has microscopes; the rest is not read. */
const most = 200

/** A name that may come from a browser and is safe as a file's name. */
const safeName = /^[\p{L}\p{N}_][\p{L}\p{N}_ .-]{0,119}$/u

export class Configurations {
  /** `allowed`: a file that may be opened by its path, because the user named it on the command line. */
  constructor(
    readonly folder: string,
    private readonly allowed?: string,
  ) {}

  /** `demo`, or the file of a microscope. Throws BadRequest for what is no name: a name must never lead out of the folder. */
  pathOf(name: string): string {
    if (name === 'demo' || (this.allowed !== undefined && name === this.allowed)) return name
    if (!safeName.test(name)) throw new AppError('BadRequest', `“${name}” is not the name of a microscope.`)
    return join(this.folder, `${name}${ending}`)
  }

  /** Every file of the folder, by name. One that cannot be used is listed with the reason. */
  async list(): Promise<MicroscopeDescription[]> {
    const names = (await readdir(this.folder).catch(() => []))
      .filter((name) => name.endsWith(ending))
      .map((name) => name.slice(0, -ending.length))
    return Promise.all(
      names
        .sort((a, b) => a.localeCompare(b))
        .slice(0, most)
        .map((id) => this.#describe(id)),
    )
  }

  /** Rejects with DeviceNotFound, naming those there are, where there is no such microscope. */
  async demand(name: string): Promise<void> {
    if (name === 'demo' || name === this.allowed) return
    const known = (await this.list()).map(({ id }) => id)
    if (known.includes(name)) return
    const others = ['demo', ...known].join(', ')
    throw new AppError('ConfigurationInvalid', `There is no microscope “${name}” in ${this.folder}; there is ${others}.`, { name })
  }

  /**
   * Writes a new file from what was found on the ports; nothing is overwritten. Its camera and objectives are those of the demo, until
   * there are others. Rejects with ConfigurationInvalid where the plan makes no microscope, StorageRefused where the file cannot be made.
   */
  async create(plan: MicroscopePlan): Promise<MicroscopeDescription> {
    const stem = fileName(plan.name)
    for (let number = 1; ; number++) {
      const id = number === 1 ? stem : `${stem}-${number}`
      const path = join(this.folder, `${id}${ending}`)
      const text = `${JSON.stringify(configurationOf(plan, path), null, 2)}\n`
      try {
        const file = await open(path, 'wx')
        try {
          await file.writeFile(text)
        } catch (error) {
          await unlink(path).catch(() => undefined)
          throw error
        } finally {
          await file.close()
        }
        return await this.#describe(id)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue
        throw new AppError('StorageRefused', `The microscope cannot be saved in ${path}: ${messageOf(error)}.`, { path }, error)
      }
    }
  }

  async #describe(id: string): Promise<MicroscopeDescription> {
    const unusable = (problem: string) => ({ id, name: id, parts: [], problem })
    if (id === 'demo') return unusable('The name “demo” is that of the demo microscope. Rename this file.')
    if (!safeName.test(id))
      return unusable('The file’s name may have letters, digits, spaces, dots, hyphens and underscores only. Rename it.')
    try {
      const configuration = await readConfiguration(join(this.folder, `${id}${ending}`))
      return { id, name: configuration.name, parts: partsOf(configuration), problem: null }
    } catch (error) {
      return unusable(explanationOf(error))
    }
  }
}

function partsOf({ stage, focus, light, camera }: MicroscopeConfiguration): string[] {
  return [
    stage && `XY stage: ${asiMs2000.label} on ${stage.path}`,
    focus && `Focus drive: ${asiMs2000.label} on ${focus.path}`,
    light && `Light source: ${coolLedPe300.label} on ${light.path}`,
    camera && 'Camera: simulated',
  ].filter((part) => part !== null)
}

/** Checked like a file that a person wrote. */
function configurationOf({ name, stage, focus, light }: MicroscopePlan, path: string): MicroscopeConfiguration {
  const motion = (port: MicroscopePlan['stage']) => port && { driver: asiMs2000.id, ...port }
  return parseConfiguration(
    {
      name: name.trim(),
      stage: motion(stage),
      focus: motion(focus),
      light: light && { driver: coolLedPe300.id, ...light },
      camera: { driver: 'simulated' },
      objectives: demoObjectives,
      channels: demoChannels,
    },
    path,
  )
}

/** A name for a person as one for any file system: "Room 12 (left)" → "Room 12 left". */
function fileName(name: string): string {
  const plain = name
    .replace(/[^\p{L}\p{N}_ .-]/gu, '')
    .replace(/\s+/g, ' ')
    .replace(/^[ .-]+|[ .-]+$/g, '')
    .slice(0, 80)
  return plain === '' || plain === 'demo' ? 'microscope' : plain
}
