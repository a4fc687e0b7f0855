/** Names of result files, which never overwrite another. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'

/** The name without its TIFF ending, fit to be part of a path: names of uploads and sessions come from outside. */
export function stem(name: string): string {
  const bare = name.replace(/(\.ome)?\.(tiff?|tf2|tf8|btf)$/i, '')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not stay.
  const cleaned = bare.replace(/[\\/:*?"<>|\u0000-\u001f]+/g, '-').replace(/^[.\s-]+|[.\s]+$/g, '')
  return [...cleaned].slice(0, longest).join('') || 'picture'
}

const longest = 120

/** A path that nothing has yet, nor any of the files that go with it under `others`: the name, or the name with a number. */
export async function freeName(folder: string, name: string, ending: string, ...others: readonly string[]): Promise<string> {
  for (let number = 1; ; number++) {
    const paths = [ending, ...others].map((each) => join(folder, `${name}${number > 1 ? `-${number}` : ''}${each}`))
    const taken = await Promise.all(
      paths.map((path) =>
        access(path).then(
          () => true,
          () => false,
        ),
      ),
    )
    if (!taken.includes(true)) return paths[0] as string
  }
}

/** The path of a file that goes with a result: its OME-TIFF's with another ending. */
export function beside(output: string, ending: string): string {
  return output.replace(/\.ome\.tif$/, ending)
}
