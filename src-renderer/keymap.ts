/** What each key does. A value, so that the sheet that explains it cannot say something else. */

export type Command =
  | { readonly do: 'stage'; readonly x: number; readonly y: number }
  | { readonly do: 'focus'; readonly z: number }
  | {
      readonly do:
        | 'stop'
        | 'live'
        | 'enhance'
        | 'snap'
        | 'record'
        | 'auto-contrast'
        | 'view-mode'
        | 'fit'
        | 'zoom-in'
        | 'zoom-out'
        | 'trust'
        | 'inspect'
        | 'map'
        | 'help'
    }

export interface KeyPress {
  readonly key: string
  readonly shiftKey: boolean
  readonly ctrlKey: boolean
  readonly metaKey: boolean
  readonly altKey: boolean
}

/** Shift makes a step this many times larger. */
export const coarse = 10

const steps: Readonly<Record<string, Command>> = {
  ArrowLeft: { do: 'stage', x: -1, y: 0 },
  ArrowRight: { do: 'stage', x: 1, y: 0 },
  ArrowUp: { do: 'stage', x: 0, y: -1 },
  ArrowDown: { do: 'stage', x: 0, y: 1 },
  PageUp: { do: 'focus', z: 1 },
  PageDown: { do: 'focus', z: -1 },
}

const letters: Readonly<Record<string, Command>> = {
  Escape: { do: 'stop' },
  ' ': { do: 'snap' },
  l: { do: 'live' },
  e: { do: 'enhance' },
  r: { do: 'record' },
  a: { do: 'auto-contrast' },
  v: { do: 'view-mode' },
  t: { do: 'trust' },
  i: { do: 'inspect' },
  m: { do: 'map' },
  '0': { do: 'fit' },
  '+': { do: 'zoom-in' },
  '=': { do: 'zoom-in' },
  '-': { do: 'zoom-out' },
  '?': { do: 'help' },
}

/** The command of a key, in steps (multiplied by ten with Shift); null for keys that mean nothing here. */
export function commandOf(press: KeyPress): Command | null {
  if (press.ctrlKey || press.metaKey || press.altKey) return null
  const step = steps[press.key]
  const factor = press.shiftKey ? coarse : 1
  if (step?.do === 'stage') return { do: 'stage', x: step.x * factor || 0, y: step.y * factor || 0 }
  if (step?.do === 'focus') return { do: 'focus', z: step.z * factor }
  return letters[press.key.length === 1 ? press.key.toLowerCase() : press.key] ?? null
}

/** The sheet of shortcuts. */
export const shortcuts: readonly { readonly group: string; readonly keys: readonly (readonly [readonly string[], string])[] }[] = [
  {
    group: 'Move',
    keys: [
      [['←', '→', '↑', '↓'], 'Stage, one step'],
      [['Page Up', 'Page Down'], 'Focus, one step'],
      [['Shift', 'with these'], 'Ten steps'],
      [['Double-click'], 'Centre on this place'],
      [['Ctrl', 'Wheel'], 'Focus'],
      [['Esc'], 'Stop motion, light off'],
    ],
  },
  {
    group: 'See',
    keys: [
      [['L'], 'Live view on or off'],
      [['E'], 'Network on or off'],
      [['V'], 'Next arrangement of pictures'],
      [['A'], 'Automatic contrast'],
      [['Wheel'], 'Zoom'],
      [['Drag'], 'Move the picture in the window'],
      [['+', '−', '0'], 'Zoom in, out, whole field'],
    ],
  },
  {
    group: 'Judge a network’s picture',
    keys: [
      [['T'], 'Trust panel'],
      [['I'], 'Inspect this frame'],
      [['M'], 'Next map over the picture, or none'],
    ],
  },
  {
    group: 'Keep',
    keys: [
      [['Space'], 'Snap one frame'],
      [['R'], 'Start or stop recording'],
      [['?'], 'This sheet'],
    ],
  },
]

/** True where a key belongs to the element that has the focus, not to the microscope. */
export function belongsToElement(target: EventTarget | null, key: string): boolean {
  if (key === 'Escape' || !(target instanceof Element)) return false
  if (
    target.closest(
      'input, select, textarea, [contenteditable], [role=slider], [role=tab], [role=radio], [role=menu], [role=listbox], [role=dialog]',
    )
  )
    return true
  return (key === ' ' || key === 'Enter') && target.closest('button, a, summary, [role=button]') !== null
}
