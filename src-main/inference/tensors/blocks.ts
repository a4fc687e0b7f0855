/**
 * How an axis is cut into blocks of one size for a network whose outputs may be larger, smaller or shorter than its input. Blocks begin
 * at multiples of a unit, so that strided layers see the same phases as in one piece, and what lies within the margin of a cut is thrown
 * away: then no seam can appear.
 */
import { roundUp, type SizeRule } from '../tiling.ts'
import type { Link } from './image-layout.ts'

/** Input elements [start, start + size) are read, beyond its edges the image is mirrored; [keepStart, keepEnd) of the image is kept. */
export interface Block {
  readonly start: number
  readonly keepStart: number
  readonly keepEnd: number
}

export interface BlockPlan {
  /** Of every block. */
  readonly size: number
  readonly blocks: readonly Block[]
}

const searchLimit = 1 << 16

/**
 * Blocks of one axis of `length` elements. null: no size suits all rules.
 * @param rules sizes that each input takes; none = any.
 * @param links how each output follows from the input.
 * @param largest wished upper limit of a block; exceeded where margin and rules leave no room within it.
 */
export function planBlocks(length: number, rules: readonly SizeRule[], links: readonly Link[], largest: number): BlockPlan | null {
  const unit = unitOf(rules, links)
  if (unit === null) return null
  const up = (elements: number) => Math.ceil(elements / unit - 1e-9) * unit
  const lost = up(Math.max(0, ...links.map((link) => lostOf(link) / link.ratio)))
  const margin = up(Math.max(0, ...links.map((link) => (Math.max(0, Math.ceil(-link.offset / 2)) + link.halo) / link.ratio)))
  const whole = commonSize(length + 2 * lost, rules)
  if (whole !== null && whole <= Math.max(largest, commonSize(1, rules) ?? 0)) {
    return { size: whole, blocks: [{ start: -lost, keepStart: 0, keepEnd: length }] }
  }
  const least = commonSize(2 * margin + unit, rules)
  const wished = commonSizeBelow(largest, rules)
  const size = Math.max(least ?? 0, wished ?? 0) || commonSizeBelow(searchLimit, rules)
  // An output that is longer than its input cannot be put together from blocks.
  if (size === null || links.some(({ offset }) => offset > 0)) return null
  // A fixed size may be too small for its own halo on both sides: then less of the halo is thrown away.
  const kept = Math.max(unit, Math.floor((size - 2 * margin) / unit) * unit)
  const lead = Math.max(lost, Math.min(margin, Math.floor((size - kept) / 2 / unit) * unit))
  const advance = Math.floor((size - 2 * lead) / unit) * unit
  if (advance < unit) return null
  const lastStart = -lost + Math.max(0, up(length + 2 * lost - size))
  const blocks: Block[] = []
  for (let start = -lost, keepStart = 0; keepStart < length; ) {
    const last = start >= lastStart
    const from = last ? lastStart : start
    const keepEnd = last ? length : Math.min(length, from + advance + lead)
    blocks.push({ start: from, keepStart, keepEnd })
    keepStart = keepEnd
    start = from + advance
  }
  return { size, blocks }
}

/** Elements of the output that its network cuts off at either end of its input. */
export function lostOf({ offset }: Link): number {
  return Math.max(0, Math.floor(-offset / 2))
}

/** Elements that an output has for an image of so many. */
export function outputLength(length: number, { ratio, offset }: Link): number {
  return Math.floor(length * ratio + 1e-9) + Math.max(0, offset)
}

/** Smallest shift of the input that all steps allow and that shifts every output by whole elements; null = there is none. */
function unitOf(rules: readonly SizeRule[], links: readonly Link[]): number | null {
  const steps = rules.map(({ step }) => step).filter((step) => step > 0)
  const base = steps.reduce((least, step) => (least * step) / divisor(least, step), 1)
  const isWhole = (value: number) => Math.abs(value - Math.round(value)) < 1e-6
  for (let times = 1; times <= 64; times++) if (links.every(({ ratio }) => isWhole(base * times * ratio))) return base * times
  return null
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}

/** Smallest size of at least `least` elements that suits all rules; null = none within reason. */
function commonSize(least: number, rules: readonly SizeRule[]): number | null {
  let size = least
  for (let tries = 0; tries < 4096; tries++) {
    const next = Math.max(size, ...rules.map((rule) => roundUp(size, rule)))
    if (rules.some((rule) => rule.step === 0 && rule.min < next)) return null
    if (next === size) return size
    size = next
  }
  return null
}

/** Largest size of at most `most` elements that suits all rules. */
function commonSizeBelow(most: number, rules: readonly SizeRule[]): number | null {
  for (let size = most; size > 0; size--) {
    if (rules.every((rule) => (rule.step === 0 ? size === rule.min : size >= rule.min && (size - rule.min) % rule.step === 0))) return size
  }
  const fixed = rules.find(({ step }) => step === 0)
  return fixed && commonSize(fixed.min, rules) === fixed.min ? fixed.min : null
}
