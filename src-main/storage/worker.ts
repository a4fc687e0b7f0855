/** Worker thread that reads one TIFF: tells what is in it, then hands over planes one by one as they are asked for. */
import { parentPort, workerData } from 'node:worker_threads'
import { errorToData } from '#shared/errors.ts'
import { bytesOf, pixelTypeOf } from '#shared/image/frame.ts'
import type { TiffReply, TiffRequest } from './tiff/open.ts'
import { openTiffFile } from './tiff/reader.ts'

const port = parentPort
if (!port) throw new Error('This program runs as a worker thread of Deepscope only.')

const reply = (message: TiffReply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)

try {
  const source = await openTiffFile((workerData as { path: string }).path)
  let queue = Promise.resolve()
  port.on('message', ({ id, plane, range }: TiffRequest) => {
    // One plane at a time: several would only multiply the memory.
    queue = queue.then(async () => {
      try {
        const pixels = await (range ? source.readRows(plane, range.top, range.rows) : source.readPlane(plane))
        const bytes = bytesOf(pixels)
        reply({ kind: 'plane', id, pixelType: pixelTypeOf(pixels), bytes }, [bytes.buffer as ArrayBuffer])
      } catch (error) {
        reply({ kind: 'failed', id, error: errorToData(error) })
      }
    })
  })
  const { readPlane: _readPlane, readRows: _readRows, [Symbol.asyncDispose]: _dispose, ...info } = source
  reply({ kind: 'opened', info })
} catch (error) {
  reply({ kind: 'failed', id: null, error: errorToData(error) })
}
