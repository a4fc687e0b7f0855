// Times a network on two threads: node time-model.mjs MODEL.onnx PIXELS… prints [{pixels, ms, runs}], ms of the fastest run.
// Other inputs than the image (a map of distances, say) are given zeros of one channel.
import { InferenceSession, Tensor } from 'onnxruntime-node';

const RUNS = 15;
const [model, ...sides] = process.argv.slice(2);
const session = await InferenceSession.create(model, { executionProviders: ['cpu'], intraOpNumThreads: 2, interOpNumThreads: 1 });
const rows = [];
for (const pixels of sides.map(Number)) {
  const feeds = Object.fromEntries(
    session.inputNames.map((name) => [name, new Tensor('float32', new Float32Array(pixels * pixels).fill(0.5), [1, 1, pixels, pixels])]),
  );
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now();
    await session.run(feeds);
    best = Math.min(best, performance.now() - start);
  }
  rows.push({ pixels, ms: Math.round(best * 10) / 10, runs: RUNS });
}
console.log(JSON.stringify(rows));
