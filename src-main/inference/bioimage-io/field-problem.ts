/** A field of a description that keeps a package from being used. */
export class FieldProblem extends Error {
  /** @param valid true: the description is sound, and only this application cannot run it. */
  constructor(
    readonly field: string,
    readonly reason: string,
    readonly valid = false,
  ) {
    super(valid ? `valid, but cannot be run, because ${field}: ${reason}` : `${field}: ${reason}`)
  }
}
