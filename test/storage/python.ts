/** Runs Debian's Python, whose tifffile and zarr are the foreign readers and writers that this product is checked against. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'

const python = '/usr/bin/python3'

/** Runs a script with one JSON argument and returns what it prints, parsed. */
export async function runPython<T>(script: string, input: unknown): Promise<T> {
  if (!existsSync(python))
    throw new Error('These tests need /usr/bin/python3: apt-get install python3 python3-numpy python3-tifffile python3-zarr')
  const text = await new Promise<string>((resolve, reject) => {
    const child = execFile(python, ['-c', script], { maxBuffer: 2 ** 28 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`Python failed (it needs python3-numpy, python3-tifffile and python3-zarr):\n${stderr}`))
      else resolve(stdout)
    })
    child.stdin?.end(JSON.stringify(input))
  })
  return JSON.parse(text) as T
}

/** Reads the JSON input. */
export const pythonInput = 'import json, sys, hashlib\nimport numpy as np\ngiven = json.load(sys.stdin)\n'
