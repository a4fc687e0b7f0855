/** Reads a description of either format, and checks that its parts agree with each other. Every fault names its field. */
import type { Axis, Description, TensorDescription } from './description.ts'
import { FieldProblem } from './field-problem.ts'
import { readFormat04 } from './format-0-4.ts'
import { readFormat05 } from './format-0-5.ts'
import type { Operation } from './operation-schema.ts'
import { minimalSize } from './sizes.ts'

/** `document`: parsed YAML. Throws FieldProblem. */
export function readDescription(document: unknown): Description {
  const head = (typeof document === 'object' && document !== null ? document : {}) as { format_version?: unknown; type?: unknown }
  const version = String(head.format_version ?? '')
  if (head.type !== undefined && head.type !== 'model') throw new FieldProblem('type', 'must be "model"')
  if (!/^0\.[45]\.\d+/.test(version)) {
    throw new FieldProblem(
      'format_version',
      `only formats 0.4 and 0.5 can be read, not ${version ? `"${version.slice(0, 20)}"` : 'one without a version'}`,
    )
  }
  const description = version.startsWith('0.4') ? readFormat04(document) : readFormat05(document)
  check(description)
  return description
}

function check({ inputs, outputs }: Description): void {
  const tensors = [...inputs, ...outputs]
  for (const [index, tensor] of tensors.entries()) {
    if (tensors.findIndex(({ id }) => id === tensor.id) < index) {
      throw new FieldProblem(tensor.idField, `"${tensor.id}" is the name of another tensor too`)
    }
  }
  for (const tensor of tensors) {
    checkAxes(tensor)
    for (const axis of tensor.axes) checkSize(axis, tensors, inputs.includes(tensor))
    tensor.operations.forEach((operation, index) => {
      checkOperation(operation, tensor, inputs, `${tensor.operationsField}[${index}].kwargs`)
    })
  }
  for (const output of outputs) for (const axis of output.axes) checkHalo(axis, tensors)
}

function checkAxes({ axes, field }: TensorDescription): void {
  axes.forEach((axis, index) => {
    if (axes.findIndex(({ id }) => id === axis.id) < index) {
      throw new FieldProblem(`${field}.axes[${index}].id`, `"${axis.id}" is another axis of this tensor too`)
    }
    if (axis.type === 'batch' && axes.findIndex(({ type }) => type === 'batch') < index) {
      throw new FieldProblem(`${field}.axes[${index}]`, 'a second batch axis')
    }
  })
}

function checkSize(axis: Axis, tensors: readonly TensorDescription[], isInput: boolean): void {
  const { size, field } = axis
  if (isInput && size.kind === 'data') throw new FieldProblem(field, 'only the size of an output may depend on the data')
  if (isInput && axis.halo > 0) throw new FieldProblem(field.replace(/size$/, 'halo'), 'only an output may have a halo')
  if (!isInput && axis.type !== 'batch' && size.kind === 'steps')
    throw new FieldProblem(field, 'an output must have a fixed size or refer to an input')
  if (size.kind !== 'reference') return
  const other = tensors.find(({ id }) => id === size.tensor)
  if (!other) throw new FieldProblem(`${field}.tensor_id`, `there is no tensor "${size.tensor}"`)
  const target = other.axes.find(({ id }) => id === size.axis)
  if (!target) throw new FieldProblem(`${field}.axis_id`, `"${size.tensor}" has no axis "${size.axis}"`)
  if (target === axis) throw new FieldProblem(field, 'refers to itself')
  if (target.type === 'batch') throw new FieldProblem(`${field}.axis_id`, 'a batch axis may not be referred to')
  if (target.size.kind === 'reference' || target.size.kind === 'data') {
    throw new FieldProblem(field, `refers to "${size.axis}" of "${size.tensor}", which has no size of its own`)
  }
  if (axis.unit !== target.unit && axis.type === target.type) {
    throw new FieldProblem(field.replace(/size$/, 'unit'), `differs from that of "${size.axis}" of "${size.tensor}", which it refers to`)
  }
  if (minimalSize(axis, tensors) < 1) throw new FieldProblem(field, `would be ${minimalSize(axis, tensors)} for the smallest input`)
}

function checkHalo(axis: Axis, tensors: readonly TensorDescription[]): void {
  if (axis.halo === 0 || axis.size.kind === 'data') return
  // A network whose smallest size leaves nothing may still be used at larger ones.
  const target = axis.size.kind === 'reference' ? tensors.find(({ id }) => id === (axis.size as { tensor: string }).tensor) : undefined
  const grows = target?.axes.find(({ id }) => id === (axis.size as { axis: string }).axis)?.size.kind === 'steps'
  if (!grows && minimalSize(axis, tensors) - 2 * axis.halo < 1) {
    throw new FieldProblem(axis.field.replace(/size$/, 'halo'), `two halos of ${axis.halo} leave nothing of ${minimalSize(axis, tensors)}`)
  }
}

function checkOperation(operation: Operation, tensor: TensorDescription, inputs: readonly TensorDescription[], field: string): void {
  const ids = tensor.axes.map(({ id }) => id)
  if ('axes' in operation && operation.axes) {
    const stranger = operation.axes.find((id) => !ids.includes(id))
    if (stranger !== undefined) throw new FieldProblem(`${field}.axes`, `"${stranger}" is no axis of "${tensor.id}" (${ids.join(', ')})`)
  }
  if ('axis' in operation && operation.axis) {
    const axis = tensor.axes.find(({ id }) => id === operation.axis)
    if (!axis || axis.type === 'batch')
      throw new FieldProblem(`${field}.axis`, `"${operation.axis}" is no axis of "${tensor.id}" (${ids.join(', ')})`)
    for (const [key, list] of Object.entries(operation)) {
      const counted = Array.isArray(list) && list.length > 1 && axis.size.kind === 'fixed'
      if (counted && axis.size.kind === 'fixed' && list.length !== axis.size.size) {
        throw new FieldProblem(`${field}.${key}`, `has ${list.length} values for the ${axis.size.size} elements of "${axis.id}"`)
      }
    }
  }
  if ('reference' in operation && operation.reference !== null) {
    const reference = inputs.find(({ id }) => id === operation.reference)
    if (!reference) throw new FieldProblem(`${field}.reference_tensor`, `there is no input "${operation.reference}"`)
  }
}
