/** How the canvas is divided between the raw and the enhanced picture. Pure geometry, CSS pixels. */

export type Slot = 'raw' | 'enhanced'
export type Layout = 'raw' | 'enhanced' | 'curtain' | 'side'

/** What can be shown: a picture in a pane, or a map laid over one. */
export type Layer = Slot | 'overlay'

/** A part of the canvas that shows one picture. The picture is laid out in the viewport and cut to the scissor. */
export interface Pane {
  readonly slot: Slot
  readonly x: number
  readonly width: number
  readonly scissorX: number
  readonly scissorWidth: number
}

/** Space between the pictures when they stand side by side. */
export const gutter = 2

/** What can be shown of the wanted layout, given which pictures there are. */
export function possibleLayout(wanted: Layout, has: { readonly raw: boolean; readonly enhanced: boolean }): Layout {
  if (has.raw && has.enhanced) return wanted
  return has.enhanced ? 'enhanced' : 'raw'
}

/** `curtain` is the divider's place, 0…1 of the width: raw to its left, enhanced to its right. */
export function panes(layout: Layout, width: number, curtain: number): readonly Pane[] {
  const whole = { x: 0, width, scissorX: 0, scissorWidth: width }
  switch (layout) {
    case 'raw':
    case 'enhanced':
      return [{ slot: layout, ...whole }]
    case 'curtain': {
      const edge = Math.round(width * Math.max(0, Math.min(1, curtain)))
      return [
        { slot: 'raw', ...whole, scissorWidth: edge },
        { slot: 'enhanced', ...whole, scissorX: edge, scissorWidth: width - edge },
      ]
    }
    case 'side': {
      const half = Math.floor((width - gutter) / 2)
      const right = width - half
      return [
        { slot: 'raw', x: 0, width: half, scissorX: 0, scissorWidth: half },
        { slot: 'enhanced', x: right, width: half, scissorX: right, scissorWidth: half },
      ]
    }
  }
}

/** The picture that a map is laid over: the network's where it is in sight, so that the camera's stays clear beside it. */
export function overlaid(all: readonly Pane[]): Slot | null {
  return (all.find(({ slot }) => slot === 'enhanced') ?? all[0])?.slot ?? null
}

/** The pane under a point of the canvas. */
export function paneAt(all: readonly Pane[], x: number): Pane | null {
  return all.find((pane) => x >= pane.scissorX && x < pane.scissorX + pane.scissorWidth) ?? null
}
