/** The test tensors of a package. */
import { AppError, messageOf } from '#shared/errors.ts'
import type { TensorDescription } from './bioimage-io/description.ts'
import { FieldProblem } from './bioimage-io/field-problem.ts'
import { readNpy } from './bioimage-io/npy.ts'
import { openPackageFiles, type PackageFiles, readBytes } from './bioimage-io/package-files.ts'
import type { NetworkModel } from './package.ts'
import type { NdArray } from './tensors/nd-array.ts'
import type { TestTensors } from './tensors/self-test.ts'

const largestTensor = 2 ** 30

/** Rejects with ModelInvalid, naming the field, where one is missing or cannot be read. */
export async function loadTests(model: NetworkModel): Promise<TestTensors> {
  try {
    await using files = await openPackageFiles(model.weights.path)
    if (!files) throw new FieldProblem('test_tensor', 'the package is gone')
    const inputs: NdArray[] = []
    const outputs: NdArray[] = []
    for (const tensor of model.inputs) inputs.push(await readTest(tensor, files))
    for (const tensor of model.outputs) outputs.push(await readTest(tensor, files))
    return { inputs, outputs }
  } catch (error) {
    const field = error instanceof FieldProblem ? error.field : null
    throw new AppError('ModelInvalid', messageOf(error), { model: model.id, field }, error)
  }
}

async function readTest({ field, test }: TensorDescription, files: PackageFiles): Promise<NdArray> {
  if (!test) throw new FieldProblem(`${field}.test_tensor`, 'the package has no test tensor here, so it cannot be tested')
  const named = test.field.endsWith(']') ? test.field : `${test.field}.source`
  return readNpy(await readBytes(files, test.source, named, largestTensor), named)
}
