import { createReadStream, createWriteStream } from 'node:fs'
import { access, open, rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

/** Of a file that was rotated: as it was, and compressed. */
const ENDINGS = ['', '.gz'] as const

/**
 * Makes `path` into `path.1`, and what stands there into `path.2` and so on. What would be older than `keep` is
 * removed. Where it cannot, it rejects and `path` stays; asked again and again it still removes no more than once.
 *
 * @throws Error of the file system
 */
export async function shiftFiles(path: string, keep: number): Promise<void> {
  let oldest = 1
  while (oldest <= keep && (await isThere(path, oldest))) oldest += 1
  // A place that is free already, as after a rotation that failed, ends the row: what stands behind it stays.
  for (let age = Math.min(oldest, keep + 1); age > 1; age--) await becomes(path, age - 1, age, keep)
  await rename(path, `${path}.1`)
}

async function becomes(path: string, from: number, to: number, keep: number): Promise<void> {
  for (const ending of ENDINGS) {
    const old = `${path}.${from}${ending}`
    if (!(await exists(old))) continue
    if (to > keep) await rm(old)
    else await rename(old, `${path}.${to}${ending}`)
  }
}

async function isThere(path: string, age: number): Promise<boolean> {
  const found = await Promise.all(ENDINGS.map(ending => exists(`${path}.${age}${ending}`)))
  return found.includes(true)
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/**
 * Makes `path` into `path.gz`. Where it cannot, `path` stays as it is.
 *
 * @throws Error of the file system
 */
export async function compressFile(path: string, mode: number): Promise<void> {
  const unfinished = `${path}.gz.tmp`
  try {
    await pipeline(createReadStream(path), createGzip(), createWriteStream(unfinished, { mode }))
    await rename(unfinished, `${path}.gz`)
    await rm(path)
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {})
    throw error
  }
}

const NEWLINE = '\n'.charCodeAt(0)

/** Whether the file's last line lacks its end: whoever wrote it was cut off. */
export async function endsMidLine(path: string): Promise<boolean> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if (size === 0) return false
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
    return buffer[0] !== NEWLINE
  } finally {
    await file.close()
  }
}
