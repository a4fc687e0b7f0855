/**
 * One picture lying in the field. Another picture of the same field lies in the same place, whatever its grid. An overlay lies over
 * other pictures, which show through it.
 */
import { type DataTexture, DoubleSide, GLSL3, Mesh, PlaneGeometry, ShaderMaterial, Vector2 } from 'three'
import { type Picture, PictureTexture } from './picture-texture.ts'
import { planeFragment, planeVertex } from './shaders.ts'
import type { Size } from './view.ts'

/** How values become colours: from `low` (first colour) to `high` (last colour). */
export interface Display {
  readonly low: number
  readonly high: number
  readonly gamma: number
  /** Linear interpolation between pixels; otherwise each pixel is a square. */
  readonly smooth: boolean
}

export class Plane implements Disposable {
  readonly #picture = new PictureTexture()
  readonly #geometry = new PlaneGeometry(1, 1)
  readonly #uniforms
  readonly #material: ShaderMaterial
  readonly mesh: Mesh
  #size: Size | null = null

  constructor(
    colorMap: DataTexture,
    private readonly overlay = false,
  ) {
    this.#uniforms = {
      picture: { value: null as DataTexture | null },
      colorMap: { value: colorMap },
      limits: { value: new Vector2(0, 65535) },
      gamma: { value: 1 },
      smoothPixels: { value: true },
      opacity: { value: 1 },
    }
    this.#material = new ShaderMaterial({
      glslVersion: GLSL3,
      vertexShader: planeVertex,
      fragmentShader: planeFragment,
      uniforms: this.#uniforms,
      defines: overlay ? { OVERLAY: 1 } : {},
      transparent: overlay,
      // The camera looks with y downwards, which turns triangles over.
      side: DoubleSide,
      depthTest: false,
      depthWrite: false,
    })
    this.mesh = new Mesh(this.#geometry, this.#material)
    this.mesh.frustumCulled = false
    this.mesh.visible = false
    this.mesh.renderOrder = overlay ? 1 : 0
  }

  /** Size of the picture itself; null while there is none. */
  get size(): Size | null {
    return this.#size
  }

  show(picture: Picture | null): void {
    this.#size = picture && { width: picture.width, height: picture.height }
    if (!picture) return
    const before = this.#picture.integer
    const had = this.#picture.texture !== null
    this.#picture.set(picture)
    this.#uniforms.picture.value = this.#picture.texture
    if (had && before === this.#picture.integer) return
    this.#material.defines = { ...(this.#picture.integer ? { INTEGER: 1 } : {}), ...(this.overlay ? { OVERLAY: 1 } : {}) }
    this.#material.needsUpdate = true
  }

  /** Spreads the picture over the field. */
  cover(field: Size): void {
    this.mesh.scale.set(field.width, field.height, 1)
    this.mesh.position.set(field.width / 2, field.height / 2, 0)
  }

  setDisplay({ low, high, gamma, smooth }: Display): void {
    this.#uniforms.limits.value.set(low, high)
    this.#uniforms.gamma.value = gamma
    this.#uniforms.smoothPixels.value = smooth
  }

  /** 0…1; only overlays let anything through. */
  setOpacity(opacity: number): void {
    this.#uniforms.opacity.value = opacity
  }

  setColorMap(texture: DataTexture): void {
    this.#uniforms.colorMap.value = texture
  }

  [Symbol.dispose](): void {
    this.#picture[Symbol.dispose]()
    this.#geometry.dispose()
    this.#material.dispose()
  }
}
