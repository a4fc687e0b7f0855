/**
 * A process that does nothing but `session.run`: the yardstick of `live-efficiency`. Answers each message with milliseconds. The session
 * has the options that the application uses, threads and how they wait included: what is measured is all that lies around the network.
 */
import { readFile } from 'node:fs/promises'
import { constants, setPriority } from 'node:os'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { sessionOptions } from '#main/inference/session-options.ts'

const [path, side] = process.argv.slice(2)
setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
const session = await InferenceSession.create(await readFile(path!), sessionOptions('cpu'))
const size = Number(side)
const data = Float32Array.from({ length: size * size }, (_, i) => ((i * 2654435761) % 1000) / 1000)
process.on('message', async () => {
  const began = performance.now()
  await session.run({ [session.inputNames[0]!]: new Tensor('float32', data, [1, 1, size, size]) })
  process.send!(performance.now() - began)
})
process.send!('ready')
