/** What OME-XML tells of how a picture was seen. Elements and values are those of the schema 2016-06 (docs.openmicroscopy.org). */
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { fileFacts } from '#main/processing/file-facts.ts'
import { parseOme } from '#main/storage/tiff/ome-reader.ts'
import { openTiffFile } from '#main/storage/tiff/reader.ts'
import { createOmeTiff } from '#main/storage/tiff/writer.ts'
import { temporaryFolder } from './folder.ts'

const xml = (settings: string, channels: string) => `<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
  <Instrument ID="Instrument:0"><Objective ID="Objective:0" LensNA="0.4" NominalMagnification="10"/><Objective ID="Objective:1" LensNA="1.4"/></Instrument>
  <Image ID="Image:0">${settings}<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="8" SizeY="8" SizeZ="1" SizeC="2" SizeT="1">${channels}</Pixels></Image>
  <Image ID="Image:1"><ObjectiveSettings ID="Objective:0"/><Pixels ID="Pixels:1" SizeX="8" SizeY="8"><Channel AcquisitionMode="TIRF"/></Pixels></Image></OME>`

it('the aperture is that of the objective that the first image names, and each channel has its own light and mode', () => {
  const text = xml(
    '<ObjectiveSettings ID="Objective:1"/>',
    '<Channel ID="Channel:0:0" EmissionWavelength="525" AcquisitionMode="LaserScanningConfocalMicroscopy"/>' +
      '<Channel ID="Channel:0:1" EmissionWavelength="0.615" EmissionWavelengthUnit="µm" AcquisitionMode="MultiPhotonMicroscopy"/>',
  )
  expect(parseOme(text)?.optics).toEqual([
    { numericalAperture: 1.4, emissionNm: 525, modality: 'confocal' },
    { numericalAperture: 1.4, emissionNm: 615, modality: 'multi photon microscopy' },
  ])
})

it.each([
  ['no objective is named', '', '<Channel ID="Channel:0:0"/>'],
  [
    'the named one is not there, and the values are no measures',
    '<ObjectiveSettings ID="Objective:7"/>',
    '<Channel EmissionWavelength="-3" AcquisitionMode="Other"/>',
  ],
  ['the wavelength has a unit of its own', '', '<Channel EmissionWavelength="5" EmissionWavelengthUnit="parsec"/>'],
  ['the mode says nothing of the light’s way', '', '<Channel AcquisitionMode="SpectralImaging"/>'],
  ['the unit is a word of the language', '', '<Channel EmissionWavelength="5" EmissionWavelengthUnit="constructor"/>'],
])('where %s, nothing is invented', (_, settings, channels) => {
  expect(parseOme(xml(settings, channels))?.optics).toEqual([{ numericalAperture: null, emissionNm: null, modality: null }])
})

it('a mode that is a word of the language is a word like any other', () => {
  expect(parseOme(xml('', '<Channel AcquisitionMode="constructor"/>'))?.optics[0]?.modality).toBe('constructor')
})

it('what the writer says of a channel is what the guard is told, channel by channel; a plain file tells nothing', async () => {
  const path = join(await temporaryFolder(), 'optics.ome.tif')
  const size = { width: 8, height: 8, sizeZ: 1, sizeC: 2, sizeT: 1 }
  const channels = [
    { name: 'FITC', color: '#00ff00', emissionNm: 525, acquisitionMode: 'WideField' as const },
    { name: 'Cy3', color: '#ff0000' },
  ]
  await using writer = await createOmeTiff(path, {
    name: 'optics',
    ...size,
    pixelType: 'uint8',
    pixelSizeUm: 0.65,
    numericalAperture: 0.4,
    channels,
  })
  for (let plane = 0; plane < 2; plane++) await writer.writePlane(new Uint8Array(64))
  await writer.close()
  await using source = await openTiffFile(path)
  expect(fileFacts(source, 0.65, 0)).toEqual({
    pixelSizeUm: 0.65,
    numericalAperture: 0.4,
    emissionNm: 525,
    modality: 'widefield',
    bitDepth: 8,
    structure: null,
  })
  expect(fileFacts(source, null, 1)).toMatchObject({ pixelSizeUm: null, emissionNm: null, modality: null })
})
