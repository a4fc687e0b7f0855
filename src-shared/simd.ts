/**
 * A small assembler for WebAssembly functions with 128-bit vectors (WebAssembly 2.0, binary format). JavaScript has no vector types, and
 * what is done to every pixel of a live image is several times slower without. Expressions are byte sequences that leave one value on the stack.
 */

export type Expression = readonly number[]
export type ValueType = 'i32' | 'v128'

const valueTypes = { i32: 0x7f, v128: 0x7b } as const

function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    rest >>>= 7
  } while (rest > 0)
  return bytes
}

function signed(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; ) {
    const byte = rest & 0x7f
    rest >>= 7
    const last = (rest === 0 && !(byte & 0x40)) || (rest === -1 && (byte & 0x40) !== 0)
    bytes.push(last ? byte : byte | 0x80)
    if (last) return bytes
  }
}

const vector = (operation: number, ...operands: readonly Expression[]) => [...operands.flat(), 0xfd, ...unsigned(operation)]
const address = (alignment: number, offset: number) => [alignment, ...unsigned(offset)]

/** Whole numbers; addresses are in bytes. */
export const i32 = {
  constant: (value: number): Expression => [0x41, ...signed(value)],
  add: (a: Expression, b: Expression): Expression => [...a, ...b, 0x6a],
  multiply: (a: Expression, b: Expression): Expression => [...a, ...b, 0x6c],
  notLess: (a: Expression, b: Expression): Expression => [...a, ...b, 0x4f],
  load16: (at: Expression, offset = 0): Expression => [...at, 0x2f, ...address(1, offset)],
  load: (at: Expression, offset = 0): Expression => [...at, 0x28, ...address(2, offset)],
}

/** Four 32-bit floats. */
export const f32x4 = {
  /** Four unsigned 16-bit numbers as floats. */
  from16: (at: Expression, offset = 0): Expression => vector(250, [...vector(4, at), ...address(0, offset)]),
  /** Four unsigned bytes as floats. */
  from8: (at: Expression, offset = 0): Expression => vector(250, vector(169, vector(137, [...vector(92, at), ...address(0, offset)]))),
  /** Lanes named by a vector of 16 byte numbers, which may be different each time. */
  pick: (a: Expression, bytes: Expression): Expression => vector(14, a, bytes),
  load: (at: Expression, offset = 0): Expression => [...vector(0, at), ...address(0, offset)],
  /** One float in all four lanes. */
  loadSplat: (at: Expression, offset = 0): Expression => [...vector(9, at), ...address(0, offset)],
  /** Two floats in the lower lanes, 0 above. */
  loadPair: (at: Expression, offset = 0): Expression => [...vector(93, at), ...address(0, offset)],
  /** Two floats into the upper lanes of a vector. */
  loadUpper: (into: Expression, at: Expression, offset = 0): Expression => [...vector(87, at, into), ...address(0, offset), 1],
  add: (a: Expression, b: Expression): Expression => vector(228, a, b),
  subtract: (a: Expression, b: Expression): Expression => vector(229, a, b),
  multiply: (a: Expression, b: Expression): Expression => vector(230, a, b),
  maximum: (a: Expression, b: Expression): Expression => vector(233, a, b),
  constant: (value: number): Expression => {
    const bytes = new Uint8Array(Float32Array.of(value, value, value, value).buffer)
    return [...vector(12), ...bytes]
  },
  /** Lanes by number, of one vector. */
  shuffle: (a: Expression, lanes: readonly [number, number, number, number]): Expression => {
    const bytes = lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte))
    return [...vector(13, a, a), ...bytes]
  },
}

/** The body of a function under construction. */
export class FunctionBody {
  readonly #bytes: number[] = []
  readonly #locals: ValueType[] = []

  constructor(readonly parameters: number) {}

  /** A new variable with a first value. */
  variable(type: ValueType, value: Expression): { readonly get: Expression; set(value: Expression): void } {
    const index = unsigned(this.parameters + this.#locals.push(type) - 1)
    const set = (next: Expression) => this.#bytes.push(...next, 0x21, ...index)
    set(value)
    return { get: [0x20, ...index], set }
  }

  /** Computes a vector once, to be used several times. */
  keep(value: Expression): Expression {
    return this.variable('v128', value).get
  }

  store(at: Expression, value: Expression, offset = 0): void {
    this.#bytes.push(...at, ...value, 0xfd, 11, ...address(0, offset))
  }

  /** Stores the lower two floats. */
  storePair(at: Expression, value: Expression): void {
    this.#bytes.push(...at, ...value, 0xfd, 91, ...address(0, 0), 0)
  }

  /** Repeats while a < b, not at all if that is false at first. */
  whileLess(a: Expression, b: Expression, body: () => void): void {
    this.#bytes.push(0x02, 0x40, 0x03, 0x40, ...i32.notLess(a, b), 0x0d, 1)
    body()
    this.#bytes.push(0x0c, 0, 0x0b, 0x0b)
  }

  get code(): number[] {
    const locals = [...unsigned(this.#locals.length), ...this.#locals.flatMap((type) => [1, valueTypes[type]])]
    const bytes = [...locals, ...this.#bytes, 0x0b]
    return [...unsigned(bytes.length), ...bytes]
  }
}

/** A function of whole numbers without result: its name, how many parameters it has, and what it does with them. */
export interface FunctionSource {
  readonly name: string
  readonly parameters: number
  build(body: FunctionBody, ...parameters: readonly Expression[]): void
}

/** Compiles functions that work on one imported memory, `env.memory`. */
export function assemble(sources: readonly FunctionSource[]): WebAssembly.Module {
  const text = (value: string) => [...unsigned(value.length), ...new TextEncoder().encode(value)]
  const list = (items: readonly (readonly number[])[]) => [...unsigned(items.length), ...items.flat()]
  const section = (id: number, bytes: readonly number[]) => [id, ...unsigned(bytes.length), ...bytes]
  const types = sources.map(({ parameters }) => [0x60, ...list(Array.from({ length: parameters }, () => [valueTypes.i32])), 0])
  const codes = sources.map((source) => {
    const body = new FunctionBody(source.parameters)
    source.build(body, ...Array.from({ length: source.parameters }, (_, i) => [0x20, ...unsigned(i)]))
    return body.code
  })
  const bytes = [
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list(types)),
    ...section(2, list([[...text('env'), ...text('memory'), 2, 0, 1]])),
    ...section(3, list(sources.map((_, i) => unsigned(i)))),
    ...section(7, list(sources.map(({ name }, i) => [...text(name), 0, ...unsigned(i)]))),
    ...section(10, list(codes)),
  ]
  return new WebAssembly.Module(Uint8Array.from(bytes))
}

/** Memory of a set size, handed out piece by piece. */
export class KernelMemory {
  readonly memory: WebAssembly.Memory
  #used = 0

  constructor(bytes: number) {
    this.memory = new WebAssembly.Memory({ initial: Math.ceil((bytes + 1024) / 65536) })
  }

  /** Zeroed floats at a multiple of 16 bytes; their address is the array's `byteOffset`. */
  floats(length: number): Float32Array {
    return new Float32Array(this.memory.buffer, this.#take(4 * length), length)
  }

  shorts(length: number): Uint16Array {
    return new Uint16Array(this.memory.buffer, this.#take(2 * length), length)
  }

  /** The functions of a module, working on this memory. */
  kernels<Name extends string>(module: WebAssembly.Module): Readonly<Record<Name, (...parameters: number[]) => void>> {
    const { exports } = new WebAssembly.Instance(module, { env: { memory: this.memory } })
    return exports as Record<Name, (...parameters: number[]) => void>
  }

  #take(bytes: number): number {
    const at = this.#used
    this.#used += Math.ceil(bytes / 16) * 16
    return at
  }
}
