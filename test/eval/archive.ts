import { gunzipSync, inflateRawSync } from 'node:zlib'

/** The files of an archive, read only when asked for. Nothing is unpacked to disk and nothing is run. */
export interface Archive {
  /** Sorted. */
  readonly paths: readonly string[]
  /** UTF-8. Throws for a path that is not there. */
  text(path: string): string
  bytes(path: string): Buffer
}

const END_OF_DIRECTORY = 0x06054b50
const DIRECTORY_ENTRY = 0x02014b50

/** PKWARE APPNOTE, without ZIP64, encryption and other methods than stored and deflated: a wheel has none of them. */
export function openZip(zip: Buffer): Archive {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]))
  if (end === -1 || zip.readUInt32LE(end) !== END_OF_DIRECTORY) throw new Error('not a zip file')
  const files = new Map<string, () => Buffer>()
  let at = zip.readUInt32LE(end + 16)
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    if (zip.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new Error('damaged zip directory')
    const nameLength = zip.readUInt16LE(at + 28)
    const path = zip.toString('utf8', at + 46, at + 46 + nameLength)
    const entry = at
    if (!path.endsWith('/')) files.set(path, () => readEntry(zip, entry))
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32)
  }
  return archive(files)
}

function readEntry(zip: Buffer, entry: number): Buffer {
  const method = zip.readUInt16LE(entry + 10)
  const size = zip.readUInt32LE(entry + 20)
  const local = zip.readUInt32LE(entry + 42)
  const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
  const packed = zip.subarray(start, start + size)
  if (method === 0) return packed
  if (method === 8) return inflateRawSync(packed)
  throw new Error(`zip method ${method} is not known`)
}

/** POSIX ustar in gzip, regular files only. */
export function openTarGz(packed: Buffer): Archive {
  const tar = gunzipSync(packed)
  const files = new Map<string, () => Buffer>()
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const field = (from: number, length: number): string =>
      tar.toString('utf8', at + from, at + from + length).replace(/\0.*$/s, '')
    const size = Number.parseInt(field(124, 12), 8)
    const start = at + 512
    const prefix = field(345, 155)
    const path = prefix === '' ? field(0, 100) : `${prefix}/${field(0, 100)}`
    if (['0', ''].includes(field(156, 1))) files.set(path, () => tar.subarray(start, start + size))
    at = start + Math.ceil(size / 512) * 512
  }
  return archive(files)
}

function archive(files: ReadonlyMap<string, () => Buffer>): Archive {
  const bytes = (path: string): Buffer => {
    const read = files.get(path)
    if (read === undefined) throw new Error(`no ${path} in the archive`)
    return read()
  }
  return { paths: [...files.keys()].sort(), bytes, text: path => bytes(path).toString('utf8') }
}
