/** Checks documents against a table of demands; see test/cases/storage/origin.md. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rootFolder } from '#main/processes.ts'

interface Demand {
  readonly from: string
  readonly in: 'group' | 'array'
  readonly at: string
  readonly is: Check
}

type Check = Readonly<
  Partial<
    Record<'equals' | 'oneOf' | 'matches' | 'kind' | 'lengthOf' | 'integersFrom' | 'sameLengthAs' | 'sameAs' | 'unique' | 'each', unknown>
  >
>

export type Documents = Readonly<Record<'group' | 'array', unknown>>

/** The clauses that the documents break, in words. */
export async function brokenDemands(documents: Documents): Promise<string[]> {
  const demands = JSON.parse(await readFile(join(rootFolder, 'test/cases/storage/ome-zarr-0.5.json'), 'utf8')) as Demand[]
  return demands.flatMap((demand) => {
    const value = valueAt(documents[demand.in], demand.at)
    return meets(value, demand.is, documents) ? [] : [`${demand.from}: ${demand.at} is ${JSON.stringify(value)}`]
  })
}

function valueAt(value: unknown, path: string): unknown {
  const [head = '', ...rest] = path.split('.')
  if (typeof value !== 'object' || value === null) return undefined
  // `*` collects a member of every element, where it is there.
  if (head === '*' && Array.isArray(value))
    return value.map((element) => valueAt(element, rest.join('.'))).filter((found) => found !== undefined)
  const member = (value as Record<string, unknown>)[head]
  return rest.length === 0 ? member : valueAt(member, rest.join('.'))
}

function elsewhere(documents: Documents, place: unknown): unknown {
  const [document = '', path = ''] = String(place).split(':')
  return valueAt(documents[document as 'group' | 'array'], path)
}

function meets(value: unknown, check: Check, documents: Documents): boolean {
  const list = Array.isArray(value) ? (value as unknown[]) : undefined
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
  const [least, most] = (check.lengthOf as [number, number] | undefined) ?? [0, 0]
  const rules: Record<keyof Check, () => boolean> = {
    equals: () => same(value, check.equals),
    oneOf: () => (check.oneOf as unknown[]).includes(value),
    matches: () => value !== undefined && new RegExp(String(check.matches)).test(String(value)),
    kind: () => (check.kind === 'object' ? typeof value === 'object' && value !== null && !list : typeof value === check.kind),
    lengthOf: () => list !== undefined && list.length >= least && list.length <= most,
    integersFrom: () =>
      list?.every((element) => Number.isInteger(element) && (element as number) >= (check.integersFrom as number)) ?? false,
    sameLengthAs: () => list !== undefined && list.length === (elsewhere(documents, check.sameLengthAs) as unknown[]).length,
    sameAs: () => same(value, elsewhere(documents, check.sameAs)),
    unique: () => list !== undefined && new Set(list).size === list.length,
    each: () => list?.every((element) => meets(element, check.each as Check, documents)) ?? false,
  }
  return (Object.keys(check) as (keyof Check)[]).every((rule) => rules[rule]())
}
