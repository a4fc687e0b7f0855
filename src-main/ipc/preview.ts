/** Pictures for a window, at the rate it can draw: the newest wins, the rest is counted. */
import type { Unsubscribe } from '#shared/emitter.ts'
import type { StreamFrame, StreamSink } from '#shared/rpc/remote.ts'

export interface PreviewSource<F> {
  readonly newest: F | null
  onFrame(listener: (frame: F) => void): Unsubscribe
}

/**
 * Sends the newest picture, then every one the window has credit for. `describe` makes header and bytes and is called only for
 * pictures that really go, so a slow window costs the host nothing; `dropped` counts those that did not. The source never waits.
 */
export function previewStream<F, H>(
  source: PreviewSource<F>,
  sink: StreamSink<H>,
  describe: (frame: F, dropped: number) => StreamFrame<H>,
): Unsubscribe {
  const send = (frame: F) => {
    // A window that goes while a picture is on its way is not a fault.
    if (!sink.closed.aborted) sink.send(() => describe(frame, sink.dropped)).catch(() => undefined)
  }
  if (source.newest !== null) send(source.newest)
  return source.onFrame(send)
}
