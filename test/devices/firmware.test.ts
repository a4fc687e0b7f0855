import { describe, expect, it } from 'vitest'
import { Wire } from '#main/devices/simulated/firmware/wire.ts'
import { asiFirmware, conversation, lightFirmware, sleep } from './simulated.ts'

describe('the MS-2000 emulator', () => {
  /** Commands and the replies that the published command set gives for them. */
  const cases: readonly (readonly [string, string, string])[] = [
    ['accepts a move', 'MOVE X=100 Y=-50\r', ':A \r\n'],
    ['accepts the short form, in lower case', 'm x=100\r', ':A \r\n'],
    ['says where it is in tenths of µm', 'W X Y\r', ':A 0 0 \r\n'],
    ['gives hundredths of µm after 255 H', '\xffHW X\r', ':A 0.0 \r\n'],
    ['takes the high-level switch without an answer', '\xffAW X\r', ':A 0 \r\n'],
    ['is not busy at rest', '/\r', 'N\r\n'],
    ['is busy after a move', 'M X=10000\r/\r', ':A \r\nB\r\n'],
    ['reports a halted move as -21', 'M X=10000\r\\\r', ':A \r\n:N-21\r\n'],
    ['halts at rest without an error', '\\\r', ':A \r\n'],
    ['says its speed in mm/s', 'S X? Z?\r', ':A X=4.000000 Z=1.000000 \r\n'],
    ['says its ramp in ms', 'AC Z?\r', ':A Z=50.000000 \r\n'],
    ['sets a speed', 'SPEED X=2\rS X?\r', ':A \r\n:A X=2.000000 \r\n'],
    ['says its limits in mm', 'SL X?\rSU X?\r', ':A X=-5.000000 \r\n:A X=5.000000 \r\n'],
    ['takes the present place for a new coordinate', 'H X=1234\rW X\r', ':A \r\n:A 1234 \r\n'],
    ['zeroes all axes', 'H X=1234\rZ\rW X Y Z\r', ':A \r\n:A \r\n:A 0 0 0 \r\n'],
    ['says its version', 'V\r', ':A Version: USB-9.2n \r\n'],
    ['refuses an unknown command', 'FOO\r', ':N-1\r\n'],
    ['refuses an unknown axis', 'W Q\r', ':N-2\r\n'],
    ['refuses a move without a value', 'M X\r', ':N-3\r\n'],
    ['refuses a move beyond a limit', 'M X=50001\r', ':N-4\r\n'],
    ['refuses a speed out of range', 'S X=99\r', ':N-4\r\n'],
    ['moves nothing where one of two targets is refused', 'M X=10 Y=50001\r/\r', ':N-4\r\nN\r\n'],
    ['ignores an empty line', '\r\rN?\r', ':N-1\r\n'],
  ]
  for (const [name, sent, received] of cases) {
    it(name, () => expect(conversation(asiFirmware(), sent)).toBe(received))
  }

  it('answers -5 when an operation fails', () => {
    const firmware = asiFirmware()
    firmware.faults.refuse = 5
    expect(conversation(firmware, 'M X=1\r')).toBe(':N-5\r\n')
  })

  it('goes home to its lower limit', () => {
    const firmware = asiFirmware()
    expect(conversation(firmware, '! X\r')).toBe(':A \r\n')
    expect(firmware.positionAt('X', performance.now() + 60_000)).toBe(-5000)
  })

  it('knows its physical position whatever its coordinates are called', () => {
    const firmware = asiFirmware(9600, 250)
    conversation(firmware, 'Z\r', 'M X=100\r')
    expect(firmware.positionAt('X', performance.now() + 60_000)).toBe(260)
  })
})

describe('the pE-300 emulator', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['names its model', 'XMODEL\r', 'XMODEL=pE-300\r\n'],
    ['says its state', 'CSS?\r', 'CSSAXF050BXF050CXF050\r\n'],
    ['accepts LF too', 'CSS?\n', 'CSSAXF050BXF050CXF050\r\n'],
    ['sets one channel and answers with the state', 'CSSBSN030\r', 'CSSAXF050BSN030CXF050\r\n'],
    ['sets several channels', 'CSSASN001CSF100\r', 'CSSASN001BXF050CSF100\r\n'],
    [
      'switches the selected ones on, and all off',
      'CAS\rCSN\rCSS?\rCSF\rCSS?\r',
      'CAS\r\nCSN\r\nCSSASN050BXF050CXF050\r\nCSF\r\nCSSASF050BXF050CXF050\r\n',
    ],
    ['sets a level alone', 'CBI77\rCB?\r', 'CBI77\r\nCBXF077\r\n'],
    ['ignores a malformed state', 'CSSASN101\rCSSDSN010\rCSSA\r', ''],
  ]
  for (const [name, sent, received] of cases) {
    it(name, () => expect(conversation(lightFirmware(), sent)).toBe(received))
  }

  it('says its version in four lines', () => {
    expect(conversation(lightFirmware(), 'XVER\r').split('\r\n')).toHaveLength(5)
  })

  it('keeps a channel dark that is on but not selected', () => {
    const firmware = lightFirmware()
    conversation(firmware, 'CSSAXN050BSN020\r')
    expect(firmware.levelsAt(performance.now())).toEqual({ B: 20 })
  })

  it('still knows how bright it was a moment ago', async () => {
    const firmware = lightFirmware()
    const before = performance.now()
    await sleep(2)
    conversation(firmware, 'CSSBSN020\r')
    const lit = performance.now()
    await sleep(2)
    conversation(firmware, 'CSF\r')
    expect([before, lit, performance.now()].map((time) => firmware.levelsAt(time))).toEqual([{}, { B: 20 }, {}])
  })
})

describe('the wire', () => {
  it('takes ten bit times a byte: 96 bytes at 9600 baud in 100 ms, in order, never early', async () => {
    const arrivals: { time: number; count: number }[] = []
    const received: number[] = []
    using wire = new Wire(9600, (bytes) => {
      received.push(...bytes)
      arrivals.push({ time: performance.now() - begun, count: received.length })
    })
    const sent = Uint8Array.from({ length: 96 }, (_, i) => i)
    const begun = performance.now()
    wire.push(sent.subarray(0, 50))
    wire.push(sent.subarray(50))
    while (received.length < 96) await sleep(5)
    expect(received).toEqual([...sent])
    for (const { time, count } of arrivals) expect(time).toBeGreaterThanOrEqual((count * 10_000) / 9600 - 0.01)
    expect(arrivals.at(-1)?.time).toBeLessThan(1000)
    expect(arrivals.length).toBeGreaterThan(1)
  })
})
