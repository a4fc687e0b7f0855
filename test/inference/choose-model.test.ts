import { describe, expect, test } from 'vitest'
import { chooseModel } from '#main/inference/choose-model.ts'
import { purposeOf } from '#main/inference/purpose.ts'

const network = (id: string, modality: string, trainedPixelsUm: number[], task = 'super-resolution', usable = true) => ({
  ...{ id, modality, trainedPixelsUm, task },
  usable,
  images: task !== 'classification',
})
const all = [
  network('confocal-sted', 'confocal', [0.025]),
  network('deep-z', 'widefield', [0.325], 'refocusing'),
  network('localization', 'widefield', [0.2], 'classification'),
  network('tirf-sim', 'tirf', [0.0626, 0.0313]),
  network('widefield-sr', 'widefield', [0.65, 0.325]),
]

describe('where nobody has chosen a network', () => {
  test.each([
    ['the only one trained on such pixels is taken', 0.025, 'confocal-sted'],
    ['likewise for another kind of microscope', 0.0626, 'tirf-sim'],
    ['pixels need not be the same to the last digit', 0.33, 'widefield-sr'],
    ['a network for another task is not taken for its pixels', 0.325, 'widefield-sr'],
    ['unknown pixels go to the one for widefield images', null, 'widefield-sr'],
    ['pixels that none knows, too', 0.1, 'widefield-sr'],
  ])('%s', (_name, pixelSizeUm, expected) => {
    expect(chooseModel(all, pixelSizeUm)).toBe(expected)
  })

  test('one that cannot be used is not taken; of the others, the one with the nearest pixels is', () => {
    const without = all.map((each) => (each.id === 'widefield-sr' ? { ...each, usable: false } : each))
    expect(chooseModel(without, 0.65)).toBe('tirf-sim')
    expect(() => chooseModel([], 0.65)).toThrow(/No network/)
    expect(() => chooseModel([network('localization', 'widefield', [0.2], 'classification')], 0.2)).toThrow(/No network/)
  })
})

describe('what a network is for, in words', () => {
  test.each([
    [
      {
        task: 'super-resolution',
        modality: 'widefield',
        pixel_size_um: 0.325,
        source_pixel_size_um: 0.65,
        numerical_aperture: { input: 0.4, target: 0.75 },
      },
      'Super-resolution, widefield, NA 0.4 to 0.75, pixels of 0.65 µm to 0.325 µm',
    ],
    [
      {
        task: 'super-resolution',
        modality: 'confocal',
        target_modality: 'sted',
        pixel_size_um: 0.025,
        source_pixel_size_um: 0.025,
        numerical_aperture: { input: 1.4, target: 1.4 },
      },
      'Super-resolution, confocal to STED, NA 1.4, pixels of 0.025 µm',
    ],
    [
      {
        task: 'classification',
        modality: 'widefield',
        pixel_size_um: 0.2,
        pixel_sizes_um: [0.1, 0.4],
        numerical_aperture: { input: 0.95 },
      },
      'Tells what an image shows, widefield, NA 0.95, pixels of 0.1 to 0.4 µm',
    ],
    [
      { task: 'refocus', modality: 'widefield', target_modality: 'widefield', pixel_size_um: 0.325 },
      'Refocusing to another depth, widefield, pixels of 0.325 µm',
    ],
    [{ task: 'segmentation of yeast' }, 'segmentation of yeast'],
    [{ modality: 7, pixel_size_um: 'large' }, ''],
    [undefined, ''],
  ])('%j', (own, words) => {
    expect(purposeOf(own).words).toBe(words)
  })
})
