/** A file of which no byte is believed to be there before it is read. */
import { type FileHandle, open } from 'node:fs/promises'
import { basename } from 'node:path'
import { AppError } from '#shared/errors.ts'

/** Directories and their values are small and lie close together. */
const blockSize = 65536

export class TiffBytes implements AsyncDisposable {
  readonly path: string
  /** The file's own name, for messages. */
  readonly name: string
  readonly size: number
  readonly #file: FileHandle
  #block: { readonly start: number; readonly bytes: Uint8Array } | undefined

  private constructor(path: string, file: FileHandle, size: number) {
    this.path = path
    this.name = basename(path)
    this.#file = file
    this.size = size
  }

  /** Rejects with DatasetInvalid. */
  static async open(path: string): Promise<TiffBytes> {
    const invalid = (why: string, cause?: unknown) => new AppError('DatasetInvalid', `${basename(path)} ${why}.`, { path }, cause)
    const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
      throw invalid(error.code === 'ENOENT' ? 'is not there' : 'cannot be opened', error)
    })
    const found = await file.stat()
    if (found.isFile() && found.size > 0) return new TiffBytes(path, file, found.size)
    await file.close()
    throw invalid(found.isFile() ? 'is empty (0 bytes)' : 'is not a file')
  }

  /** `why` completes the sentence "<name> …". */
  invalid(why: string, cause?: unknown): AppError {
    return new AppError('DatasetInvalid', `${this.name} ${why}.`, { path: this.path }, cause)
  }

  /** Rejects where a range reaches beyond the end, before anything is reserved for it. */
  check(offset: number, length: number, what: string): void {
    if (Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && offset + length <= this.size) return
    throw this.invalid(`is cut short or damaged: ${what} lies beyond its end (${this.size} bytes)`)
  }

  /** Exactly `length` fresh bytes. */
  async read(offset: number, length: number, what: string): Promise<Uint8Array> {
    this.check(offset, length, what)
    const bytes = new Uint8Array(length)
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.#file.read(bytes, done, length - done, offset + done)
      if (bytesRead === 0) throw this.invalid(`is cut short: ${what} could not be read`)
      done += bytesRead
    }
    return bytes
  }

  /** Like `read`, for small pieces: neighbours come from memory. The bytes are shared. */
  async peek(offset: number, length: number, what: string): Promise<DataView> {
    this.check(offset, length, what)
    const { start, bytes } = this.#block ?? { start: 0, bytes: new Uint8Array() }
    const inside = offset >= start && offset + length <= start + bytes.length
    if (!inside) {
      const size = Math.min(Math.max(length, blockSize), this.size - offset)
      this.#block = { start: offset, bytes: await this.read(offset, size, what) }
    }
    const block = this.#block ?? { start: 0, bytes }
    return new DataView(block.bytes.buffer, offset - block.start, length)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }
}
