/** A display colour for an optical channel, by the emission's place in the spectrum. Other programs fail without one. */

const bands: readonly { readonly belowNm: number; readonly color: string }[] = [
  { belowNm: 490, color: '#3d6bff' },
  { belowNm: 565, color: '#00ff00' },
  { belowNm: 595, color: '#ffbf00' },
  { belowNm: 650, color: '#ff3b30' },
]

/** sRGB "#rrggbb"; white where the emission is unknown, deep magenta beyond red, as is the habit for far-red channels. */
export function channelColor(emissionNm: number | null): string {
  if (emissionNm === null) return '#ffffff'
  return bands.find((band) => emissionNm < band.belowNm)?.color ?? '#ff00ff'
}
