/** Sizes of axes: by steps, by reference, and whether a tensor that is there fits. */
import type { Axis, TensorDescription } from './description.ts'
import { FieldProblem } from './field-problem.ts'

/** floor(reference · reference scale / scale + offset), as the specification says; rounding errors of the quotient are not a pixel. */
export function referredSize(axis: Axis, reference: Axis, referenceSize: number, offset: number): number {
  return Math.floor((referenceSize * reference.scale) / axis.scale + offset + 1e-9)
}

/** Smallest size that an axis can have. */
export function minimalSize(axis: Axis, tensors: readonly TensorDescription[]): number {
  const { size } = axis
  if (size.kind === 'fixed') return size.size
  if (size.kind !== 'reference') return size.min
  const reference = axisOf(size, tensors)
  return reference ? referredSize(axis, reference, minimalSize(reference, tensors), size.offset) : 1
}

export function axisOf(place: { readonly tensor: string; readonly axis: string }, tensors: readonly TensorDescription[]): Axis | undefined {
  return tensors.find(({ id }) => id === place.tensor)?.axes.find(({ id }) => id === place.axis)
}

/** What a tensor of such dimensions would violate; nothing where it fits. `dims` of all tensors that are known, by id. Throws FieldProblem. */
export function checkDims(
  tensor: TensorDescription,
  tensors: readonly TensorDescription[],
  dims: ReadonlyMap<string, readonly number[]>,
): void {
  const own = dims.get(tensor.id)
  if (!own) return
  const place = tensor.test?.source ?? tensor.id
  if (own.length !== tensor.axes.length) {
    const axes = tensor.axes.map(({ id }) => id).join(', ')
    throw new FieldProblem(
      `${tensor.field}.axes`,
      `"${place}" has ${own.length} dimensions (${own.join(' × ')}), not one for each of ${axes}`,
    )
  }
  tensor.axes.forEach((axis, index) => {
    const length = own[index] as number
    const wanted = expectation(axis, tensors, dims)
    if (axis.type !== 'batch' && wanted && !wanted.fits(length)) {
      throw new FieldProblem(axis.field, `"${place}" has ${length} elements along ${axis.id}, which is not ${wanted.words}`)
    }
  })
}

function expectation(
  axis: Axis,
  tensors: readonly TensorDescription[],
  dims: ReadonlyMap<string, readonly number[]>,
): { readonly words: string; readonly fits: (length: number) => boolean } | null {
  const { size } = axis
  if (size.kind === 'fixed') return { words: String(size.size), fits: (length) => length === size.size }
  if (size.kind === 'steps') {
    return { words: `${size.min} + n·${size.step}`, fits: (length) => length >= size.min && (length - size.min) % size.step === 0 }
  }
  if (size.kind === 'data') {
    const { min, max } = size
    return { words: `from ${min} to ${max ?? 'any number'}`, fits: (length) => length >= min && (max === null || length <= max) }
  }
  const other = tensors.find(({ id }) => id === size.tensor)
  const index = other?.axes.findIndex(({ id }) => id === size.axis) ?? -1
  const length = dims.get(size.tensor)?.[index]
  const reference = other?.axes[index]
  if (length === undefined || !reference) return null
  const wanted = referredSize(axis, reference, length, size.offset)
  return { words: `the ${wanted} that follow from ${length} along ${size.axis} of "${size.tensor}"`, fits: (found) => found === wanted }
}

/** A size in words: "64 + n·8", "512", "as y of raw, × 2". */
export function sizeInWords(axis: Axis, tensors: readonly TensorDescription[]): string {
  const { size } = axis
  if (axis.type === 'batch') return size.kind === 'fixed' ? '1' : 'any'
  if (size.kind === 'fixed') return String(size.size)
  if (size.kind === 'steps') return `${size.min} + n·${size.step}`
  if (size.kind === 'data') return size.max === null ? `at least ${size.min}` : `${size.min} to ${size.max}`
  const reference = axisOf(size, tensors)
  const ratio = reference ? reference.scale / axis.scale : 1
  const factor = ratio === 1 ? '' : ratio > 1 ? `, × ${shortNumber(ratio)}` : `, ÷ ${shortNumber(1 / ratio)}`
  const offset = size.offset === 0 ? '' : size.offset > 0 ? `, + ${size.offset}` : `, − ${-size.offset}`
  return `as ${size.axis} of ${size.tensor}${factor}${offset}`
}

function shortNumber(value: number): string {
  return String(Number(value.toPrecision(4)))
}
