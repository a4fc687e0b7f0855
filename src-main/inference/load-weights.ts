/** The bytes of a network, as they were when the catalog read them: what has changed since is not run. */
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { AppError, messageOf } from '#shared/errors.ts'
import { FieldProblem } from './bioimage-io/field-problem.ts'
import { openPackageFiles, readBytes } from './bioimage-io/package-files.ts'
import type { ModelIdentity } from './package.ts'

export interface Weights {
  readonly bytes: Buffer
  /** Files that the network refers to by name. */
  readonly external: readonly { readonly path: string; readonly data: Buffer }[]
}

/** Rejects with ModelInvalid, naming the field. */
export async function loadWeights(model: ModelIdentity): Promise<Weights> {
  const { path, source, sha256, external } = model.weights
  try {
    await using files = await openPackageFiles(path)
    if (!files) throw new FieldProblem('weights.onnx.source', 'cannot be read any more: the package is gone')
    const bytes = await readBytes(files, source, 'weights.onnx.source')
    if (hashOf(bytes) !== sha256) {
      throw new FieldProblem('weights.onnx.sha256', 'does not belong to the file any more: it was damaged or replaced')
    }
    if (!external) return { bytes, external: [] }
    const data = await readBytes(files, external.source, `${external.field}.source`)
    if (external.sha256 && hashOf(data) !== external.sha256) {
      throw new FieldProblem(`${external.field}.sha256`, 'does not belong to the file any more: it was damaged or replaced')
    }
    // The network names the file as it was called beside it.
    return { bytes, external: [{ path: posix.basename(external.source.replaceAll('\\', '/')), data }] }
  } catch (error) {
    const field = error instanceof FieldProblem ? error.field : 'weights.onnx.source'
    const reason = error instanceof FieldProblem ? error.reason : messageOf(error)
    throw new AppError('ModelInvalid', `The model "${model.name}" cannot be used: ${field} ${reason}.`, { model: model.id, field }, error)
  }
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
