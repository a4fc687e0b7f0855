/** Where the windows of a picture that a network named lie in what is shown of it, and what to write there. */
import { isNamed, oddsWords, type Places } from '#shared/places.ts'

export interface WindowMark {
  /** Shares of the picture that is shown, 0…1. */
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  readonly words: string
  /** false: none of the places, or nothing there. */
  readonly named: boolean
}

/** Place among the marks of the one that a point, 0…1 of the picture, lies in. */
export function markAt(marks: readonly WindowMark[], x: number, y: number): number | null {
  const found = marks.findIndex(({ left, top, width, height }) => x >= left && x < left + width && y >= top && y < top + height)
  return found < 0 ? null : found
}

/** Empty where one window is the whole of it. */
export function windowMarks({ windows, frame }: Pick<Places, 'windows' | 'frame'>): WindowMark[] {
  if (windows.length < 2) return []
  return windows.map((window) => {
    const named = isNamed(window)
    return {
      left: (window.x - frame.x) / frame.width,
      top: (window.y - frame.y) / frame.height,
      width: window.width / frame.width,
      height: window.height / frame.height,
      words: named ? `${window.place} ${oddsWords(window.ranked[0]?.probability ?? 0)}` : window.place,
      named,
    }
  })
}
