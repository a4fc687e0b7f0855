/** A CoolLED pE-300 light source with its control pod, from its connector. Command syntax as in the driver's header. */
import { LineFirmware } from './line-firmware.ts'

interface Led {
  readonly selected: boolean
  readonly on: boolean
  readonly level: number
}

/** Percent by channel from a moment on. */
interface Glow {
  readonly time: number
  readonly levels: Readonly<Record<string, number>>
}

/** How long past states stay known, ms. */
const MEMORY_MS = 10_000

export class CoolLedPe300Firmware extends LineFirmware {
  #leds: ReadonlyMap<string, Led>
  #glow: Glow[]

  constructor(options: { readonly baudRate: number; readonly channels?: string; readonly level?: number }) {
    super(options.baudRate)
    const level = options.level ?? 50
    this.#leds = new Map([...(options.channels ?? 'ABC')].map((letter) => [letter, { selected: false, on: false, level }]))
    this.#glow = [{ time: Number.NEGATIVE_INFINITY, levels: {} }]
  }

  /** Light that leaves, percent by channel, at a time of the `performance.now()` clock. A dark channel is absent. */
  levelsAt(time: number): Readonly<Record<string, number>> {
    return (this.#glow.findLast((glow) => glow.time <= time) ?? this.#glow[0])?.levels ?? {}
  }

  /** Somebody turns a knob on the pod. */
  pod(letter: string, change: Partial<Led>): void {
    this.#change((name, led) => (name === letter ? { ...led, ...change } : led))
  }

  override connected(): void {
    this.reply('CoolLED precisExcite, Hello,\r\npleased to meet you\r\n')
  }

  protected handle(line: string): void {
    const answer = this.#execute(line)
    if (answer !== null) this.reply(`${answer}\r\n`)
  }

  /** null: an unknown command is ignored. */
  #execute(line: string): string | null {
    const single = /^C([A-H])([SX?]|I(\d{1,3}))$/.exec(line)
    if (line === 'XMODEL') return 'XMODEL=pE-300'
    if (line === 'XVER') return 'XVER_CTRL=2.1.4\r\nXVER_POD=1.3.0\r\nXVER_HEAD=1.1.2\r\nXVER_BOOT=1.0.1'
    if (line === 'CSS?') return this.#state()
    if (line.startsWith('CSS')) return this.#setAll(line.slice(3))
    if (line === 'CSN') {
      this.#change((_, led) => ({ ...led, on: led.selected }))
      return line
    }
    if (line === 'CSF') {
      this.#change((_, led) => ({ ...led, on: false }))
      return line
    }
    if (single) return this.#single(single[1] ?? '', single[2] ?? '', single[3])
    return null
  }

  #single(letter: string, verb: string, level: string | undefined): string | null {
    if (!this.#leds.has(letter) || Number(level ?? 0) > 100) return null
    if (verb === '?') return `C${this.#text(letter)}`
    if (level === undefined) this.pod(letter, { selected: verb === 'S' })
    else this.pod(letter, { level: Number(level) })
    return `C${letter}${verb}`
  }

  #setAll(text: string): string | null {
    const parts = text.match(/[A-H][SX][NF]\d{3}/g) ?? []
    if (parts.length === 0 || parts.join('') !== text) return null
    if (parts.some((part) => !this.#leds.has(part.charAt(0)) || Number(part.slice(3)) > 100)) return null
    for (const part of parts) {
      this.pod(part.charAt(0), { selected: part.charAt(1) === 'S', on: part.charAt(2) === 'N', level: Number(part.slice(3)) })
    }
    return this.#state()
  }

  #state(): string {
    return `CSS${[...this.#leds.keys()].map((letter) => this.#text(letter)).join('')}`
  }

  #text(letter: string): string {
    const led = this.#leds.get(letter)
    if (!led) return ''
    return `${letter}${led.selected ? 'S' : 'X'}${led.on ? 'N' : 'F'}${String(led.level).padStart(3, '0')}`
  }

  #change(change: (letter: string, led: Led) => Led): void {
    this.#leds = new Map([...this.#leds].map(([letter, led]) => [letter, change(letter, led)]))
    const time = performance.now()
    // A channel that is not selected stays dark whatever its switch says.
    const lit = [...this.#leds].filter(([, led]) => led.selected && led.on && led.level > 0)
    const kept = this.#glow.filter((_, i, all) => (all[i + 1]?.time ?? time) > time - MEMORY_MS)
    this.#glow = [...kept, { time, levels: Object.fromEntries(lit.map(([letter, led]) => [letter, led.level])) }]
  }
}
