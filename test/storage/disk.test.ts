import { execFileSync } from 'node:child_process'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { freeBytes, makeFolder, replaceFile, sizeText, storageError, watchStorage } from '#main/storage/disk.ts'
import { abortError } from '#shared/errors.ts'
import { temporaryFolder } from './folder.ts'

describe('the data disk', () => {
  it('has the free space that df reports', async () => {
    const folder = await temporaryFolder()
    const reported = Number(execFileSync('df', ['--block-size=1', '--output=avail', folder], { encoding: 'utf8' }).split('\n')[1])
    // Other programs write meanwhile.
    expect(Math.abs(((await freeBytes(folder)) ?? 0) - reported)).toBeLessThan(1e9)
  })

  it('of a folder that is not there has no known free space', async () => {
    expect(await freeBytes(join(await temporaryFolder(), 'absent'))).toBeNull()
  })

  it('is watched: free space, whether it can be written, and a sentence when it cannot', async () => {
    const folder = await temporaryFolder()
    using watch = watchStorage(folder, { intervalMs: 20 })
    await watch.refresh()
    expect(watch.state.value).toMatchObject({ folder, writable: true, freeBytes: expect.any(Number) })
    const gone = new Promise((resolve) => watch.state.watch((state) => !state.writable && resolve(state)))
    await rm(folder, { recursive: true })
    expect(await gone).toMatchObject({
      writable: false,
      problem: `Cannot write to the data folder ${folder}: the folder is no longer there.`,
    })
  })

  it.each([
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1500, '1.5 kB'],
    [52_400_000, '52.4 MB'],
    [252e9, '252 GB'],
  ])('says %d bytes as %s', (bytes, text) => {
    expect(sizeText(bytes)).toBe(text)
  })

  it.each([
    ['ENOSPC', 'StorageFull', 'the disk is full'],
    ['EDQUOT', 'StorageFull', 'quota'],
    ['EROFS', 'StorageRefused', 'read-only'],
    ['EACCES', 'StorageRefused', 'not permitted'],
  ])('answers %s with %s, the path and what is wrong', async (code, kind, why) => {
    const folder = await temporaryFolder()
    const error = await storageError(Object.assign(new Error('write failed'), { code }), join(folder, 'x'), folder)
    expect(error).toMatchObject({ kind, info: { path: join(folder, 'x'), freeBytes: expect.any(Number), code } })
    expect(error.message).toContain(why)
    // Free space explains a full disk, and misleads elsewhere.
    expect(error.message.includes('are free')).toBe(kind === 'StorageFull')
  })

  it('lets a cancelled task stay cancelled', async () => {
    const aborted = abortError()
    expect(await storageError(aborted, 'x', 'y')).toBe(aborted)
  })
})

describe('making a folder', () => {
  it('makes those above it too, and is content where it is there', async () => {
    const folder = join(await temporaryFolder(), 'one', 'two', 'three')
    await makeFolder(folder)
    await makeFolder(folder)
    expect((await stat(folder)).isDirectory()).toBe(true)
  })

  it.skipIf(process.platform !== 'linux')('ends with a reason where the file system takes no folders', async () => {
    await expect(makeFolder('/proc/deepscope/below')).rejects.toMatchObject({ code: expect.stringMatching(/ENOTSUP|EACCES|EPERM/) })
  })

  it('ends with a reason where a file is in the way', async () => {
    const file = join(await temporaryFolder(), 'file')
    await writeFile(file, '')
    await expect(makeFolder(file)).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(makeFolder(join(file, 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })
})

describe('replacing a file', () => {
  it('leaves the new text and nothing else', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'file.json')
    await writeFile(path, 'old')
    await replaceFile(path, 'new', true)
    expect(await readFile(path, 'utf8')).toBe('new')
    expect(await readdir(folder)).toEqual(['file.json'])
  })

  it('that fails leaves the old text and nothing else', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'folder')
    await writeFile(join(folder, 'file'), 'old')
    await expect(replaceFile(join(path, 'file.json'), 'new')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await readdir(folder)).toEqual(['file'])
  })
})
