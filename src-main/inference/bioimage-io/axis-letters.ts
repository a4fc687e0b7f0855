/** The letters that format 0.4 writes for axes, and what 0.5 calls them. */
import type { Axis } from './description.ts'

export const axisLetters: Readonly<Record<string, Pick<Axis, 'type' | 'id'>>> = {
  b: { type: 'batch', id: 'batch' },
  i: { type: 'index', id: 'index' },
  t: { type: 'time', id: 'time' },
  c: { type: 'channel', id: 'channel' },
  z: { type: 'space', id: 'z' },
  y: { type: 'space', id: 'y' },
  x: { type: 'space', id: 'x' },
}
