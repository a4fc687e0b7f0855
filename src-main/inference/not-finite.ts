import { AppError } from '#shared/errors.ts'

/** Of an image that holds something else than numbers. */
export function notFinite(): AppError {
  return new AppError('OutOfRange', 'The image contains values that are not finite numbers (NaN or infinity). Replace them first.')
}
