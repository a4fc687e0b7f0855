/** Names of result files, which never overwrite another. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'

/** The name without its TIFF ending. */
export function stem(name: string): string {
  return name.replace(/(\.ome)?\.(tiff?|tf2|tf8|btf)$/i, '')
}

/** A path that nothing has yet: the name, or the name with a number. */
export async function freeName(folder: string, name: string, ending: string): Promise<string> {
  for (let number = 1; ; number++) {
    const path = join(folder, `${name}${number > 1 ? `-${number}` : ''}${ending}`)
    const taken = await access(path).then(
      () => true,
      () => false,
    )
    if (!taken) return path
  }
}

/** The path of a file that goes with a result: its OME-TIFF's with another ending. */
export function beside(output: string, ending: string): string {
  return output.replace(/\.ome\.tif$/, ending)
}
