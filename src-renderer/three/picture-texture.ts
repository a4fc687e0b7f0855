/** A picture on the GPU in its own number format: integers stay integers, because half floats lose them above 2,048. */
import {
  DataTexture,
  FloatType,
  NearestFilter,
  type PixelFormatGPU,
  RedFormat,
  RedIntegerFormat,
  type TextureDataType,
  UnsignedByteType,
  UnsignedShortType,
} from 'three'
import { type Pixels, type PixelType, pixelTypeOf } from '#shared/image/frame.ts'

/** Row by row from the top left; `data.length === width * height`. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly data: Pixels
}

interface Format {
  readonly internal: PixelFormatGPU
  readonly type: TextureDataType
  readonly integer: boolean
}

const formats: Readonly<Record<PixelType, Format>> = {
  uint8: { internal: 'R8UI', type: UnsignedByteType, integer: true },
  uint16: { internal: 'R16UI', type: UnsignedShortType, integer: true },
  float32: { internal: 'R32F', type: FloatType, integer: false },
}

/** Keeps one texture for pictures of the same size and type, and makes a new one when they change. */
export class PictureTexture implements Disposable {
  #texture: DataTexture | null = null
  #type: PixelType = 'uint16'

  get texture(): DataTexture | null {
    return this.#texture
  }

  get integer(): boolean {
    return formats[this.#type].integer
  }

  /** Takes the picture for the next drawing; the pixels must stay untouched until then. */
  set(picture: Picture): void {
    const type = pixelTypeOf(picture.data)
    const old = this.#texture
    if (old && this.#type === type && old.image.width === picture.width && old.image.height === picture.height) {
      old.image.data = picture.data
      old.needsUpdate = true
      return
    }
    old?.dispose()
    this.#type = type
    this.#texture = createTexture(picture, formats[type])
  }

  [Symbol.dispose](): void {
    this.#texture?.dispose()
    this.#texture = null
  }
}

function createTexture(picture: Picture, format: Format): DataTexture {
  const pixelFormat = format.integer ? RedIntegerFormat : RedFormat
  const texture = new DataTexture(picture.data, picture.width, picture.height, pixelFormat, format.type)
  texture.internalFormat = format.internal
  texture.minFilter = NearestFilter
  texture.magFilter = NearestFilter
  texture.generateMipmaps = false
  texture.unpackAlignment = 1
  texture.needsUpdate = true
  return texture
}
