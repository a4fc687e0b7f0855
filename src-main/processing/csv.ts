/** Tables that any spreadsheet reads (RFC 4180). */
import { dirname } from 'node:path'
import { replaceFile, storageError } from '../storage/disk.ts'

export function csv(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map((value) => field(String(value))).join(',')}\r\n`).join('')
}

/** Text that a spreadsheet would take for a formula is marked as text. */
function field(value: string): string {
  const plain = /^[=+@\t\r]|^-(?![\d.])/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}

/** Written under a temporary name and renamed. Rejects with StorageFull or StorageRefused. */
export async function writeTable(path: string, text: string): Promise<void> {
  await replaceFile(path, text).catch(async (error: unknown) => {
    throw await storageError(error, path, dirname(path))
  })
}
