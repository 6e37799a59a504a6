import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LogFile, type LogFileOptions } from '../../../src/telemetry/log-file.ts'
import { shiftFiles } from '../../../src/telemetry/rotated-files.ts'

let folder: string
let path: string
let files: LogFile[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-log-file-'))
  path = join(folder, 'decisions.log')
})
afterEach(async () => {
  for (const file of files) await file.close()
  files = []
  rmSync(folder, { recursive: true, force: true })
})

function open(overrides: Partial<LogFileOptions> = {}) {
  const told: string[] = []
  const waiting = new Map<string, () => void>()
  const tell = (what: string): void => {
    told.push(what)
    waiting.get(what)?.()
  }
  let lost = 0
  const options = { path, mode: 0o640, rotateBytes: 1e9, keep: 5, compress: 'none', now: Date.now } as const
  const file = new LogFile(
    { ...options, ...overrides },
    {
      lost: lines => {
        lost += lines
      },
      trouble: (what, code) => tell(`${what} ${code}`),
      mended: () => tell('mended'),
    },
  )
  files.push(file)
  /** Resolves when it is told, now or later. */
  const heard = (what: string): Promise<void> =>
    new Promise(resolve => {
      if (told.includes(what)) resolve()
      else waiting.set(what, resolve)
    })
  return { file, told, heard, lost: () => lost }
}

const line = (index: number): string => `{"line":${index},"pad":"${'x'.repeat(index % 50)}"}\n`
const numbers = (text: string): number[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map(one => JSON.parse(one).line)
const upTo = (end: number, from = 0): number[] =>
  Array.from({ length: end - from }, (_, index) => from + index)

/** Looks again at once. */
const QUICKLY = { interval: 1, timeout: 20_000 }

/** The text of the file that is written just now; none between two. */
function newest(): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The texts of all files of the log, the oldest first. */
function texts(): string[] {
  const ageOf = (name: string): number => Number(/\.log\.(\d+)/.exec(name)?.[1] ?? 0)
  return readdirSync(dirname(path))
    .filter(name => name.startsWith('decisions.log'))
    .sort((a, b) => ageOf(b) - ageOf(a))
    .map(name => {
      const bytes = readFileSync(join(dirname(path), name))
      return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
    })
}

describe('a file of decision records', () => {
  it('has every line in its order, whole, however often it was rotated meanwhile', async () => {
    const { file, lost } = open({ rotateBytes: 64 * 1024, keep: 1000 })
    for (let turn = 0; turn < 100; turn++) {
      for (const index of upTo(turn * 300 + 300, turn * 300)) file.write(line(index))
      await new Promise(setImmediate)
    }
    await file.close()
    expect(texts().length).toBeGreaterThan(10)
    expect(texts().flatMap(numbers)).toEqual(upTo(30_000))
    expect(lost()).toBe(0)
  })

  it('keeps as many rotated files as it is to, the newest, with the rights that are asked for', async () => {
    const { file } = open({ rotateBytes: 1000, keep: 3, mode: 0o600 })
    for (const index of upTo(200)) {
      file.write(line(index))
      if (index % 20 === 19) await file.idle()
    }
    await file.close()
    const names = readdirSync(folder).toSorted()
    expect(names).toEqual(['decisions.log', 'decisions.log.1', 'decisions.log.2', 'decisions.log.3'])
    const seen = texts().flatMap(numbers)
    expect(seen).toEqual(upTo(200, 200 - seen.length))
    for (const name of names) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
  })

  it('compresses what it has rotated', async () => {
    const { file } = open({ rotateBytes: 1000, keep: 30, compress: 'gzip' })
    for (const index of upTo(100)) {
      file.write(line(index))
      if (index % 20 === 19) await file.idle()
    }
    await file.close()
    const rotated = readdirSync(folder).filter(name => name !== 'decisions.log')
    expect(rotated.length).toBeGreaterThan(0)
    expect(rotated.every(name => name.endsWith('.gz'))).toBe(true)
    expect(statSync(join(folder, rotated[0]!)).mode & 0o777).toBe(0o640)
    expect(texts().flatMap(numbers)).toEqual(upTo(100))
  })

  it('is not rotated anew while what it rotated is still being compressed', async () => {
    // Much, and hard to compress: the lines after it are written long before it is done.
    const much = upTo(200).map(index => `{"line":${index},"pad":"${randomBytes(32_768).toString('hex')}"}\n`)
    writeFileSync(path, much.join(''))
    const { file, told, lost } = open({ rotateBytes: 1000, keep: 5, compress: 'gzip' })
    for (const index of upTo(300, 200)) {
      file.write(line(index))
      if (index % 25 === 24) await vi.waitUntil(() => newest().includes(line(index)), QUICKLY)
    }
    await file.close()
    expect(texts().flatMap(numbers)).toEqual(upTo(300))
    expect([told, lost()]).toEqual([[], 0])
  })

  it('takes no line once it is closed, and counts those that come', async () => {
    const { file, lost } = open()
    file.write(line(0))
    const closed = file.close()
    file.write(line(1))
    await closed
    file.write(line(2))
    await file.idle()
    expect(texts().map(numbers)).toEqual([[0]])
    expect(lost()).toBe(2)
  })

  it('is rotated by the first line of another period', async () => {
    let now = 86_400_000 * 20_000 - 1
    const { file } = open({ rotateMs: 86_400_000, now: () => now })
    file.write(line(0))
    await file.idle()
    file.write(line(1))
    await file.idle()
    expect(readdirSync(folder)).toEqual(['decisions.log'])
    now += 1
    file.write(line(2))
    await file.close()
    expect(texts().map(numbers)).toEqual([[0, 1], [2]])
  })

  it('goes on where somebody has moved it away, once it is told', async () => {
    const { file } = open()
    file.write(line(0))
    await file.idle()
    renameSync(path, `${path}.moved`)
    file.write(line(1))
    await file.idle()
    file.reopen()
    file.write(line(2))
    await file.close()
    expect(numbers(readFileSync(`${path}.moved`, 'utf8'))).toEqual([0, 1])
    expect(numbers(readFileSync(path, 'utf8'))).toEqual([2])
  })

  it('begins a line of its own behind one that was cut off', async () => {
    writeFileSync(path, '{"line":0}\n{"li')
    const { file } = open()
    file.write(line(1))
    await file.close()
    expect(readFileSync(path, 'utf8')).toBe(`{"line":0}\n{"li\n${line(1)}`)
  })

  it('makes its folder', async () => {
    path = join(folder, 'not', 'there', 'decisions.log')
    const { file } = open()
    await file.open()
    expect(existsSync(path)).toBe(true)
  })

  it('writes what waits when the process ends at once', () => {
    const { file } = open()
    for (const index of upTo(3)) file.write(line(index))
    file.flushSync()
    expect(numbers(readFileSync(path, 'utf8'))).toEqual([0, 1, 2])
  })

  it('writes none of that a second time', async () => {
    const { file } = open()
    for (const index of upTo(3)) file.write(line(index))
    file.flushSync()
    file.write(line(3))
    await file.close()
    expect(numbers(readFileSync(path, 'utf8'))).toEqual([0, 1, 2, 3])
  })

  it('throws nothing then, whatever stands at its path', () => {
    mkdirSync(path)
    const { file } = open()
    expect(() => file.flushSync()).not.toThrow()
  })

  it('counts what an earlier process has written, in bytes and in time', async () => {
    writeFileSync(path, line(0))
    const full = open({ rotateBytes: line(0).length })
    full.file.write(line(1))
    await full.file.close()
    expect(texts().map(numbers)).toEqual([[0], [1]])
    const later = open({ rotateMs: 86_400_000, now: () => Date.now() + 2 * 86_400_000 })
    later.file.write(line(2))
    await later.file.close()
    expect(texts().map(numbers)).toEqual([[0], [1], [2]])
  })
})

describe('a file that cannot be written', () => {
  it('costs no memory past a bound, and says how many lines were lost', async () => {
    path = '/dev/full'
    const { file, heard, lost } = open()
    file.write(line(0))
    await heard('write ENOSPC')
    const before = process.memoryUsage().arrayBuffers
    const long = `${'x'.repeat(1023)}\n`
    for (let index = 0; index < 100_000; index++) file.write(long)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024)
    // 4 MiB wait, and one line more than fits was refused with all that follow.
    expect(lost()).toBeGreaterThan(95_000)
    await file.close()
    expect(lost()).toBe(100_001)
  })

  it('because of what stands at its path is told, and tried again', async () => {
    mkdirSync(path)
    const { file, heard } = open()
    await expect(file.open()).rejects.toMatchObject({ code: 'EISDIR' })
    file.write(line(0))
    await heard('open EISDIR')
    rmSync(path, { recursive: true })
    await heard('mended')
    expect(numbers(readFileSync(path, 'utf8'))).toEqual([0])
  })

  it('anew is written on, where the files cannot be renamed', async () => {
    const { file, told } = open({ rotateBytes: 100, keep: 1 })
    // A folder that is not empty: it can be neither replaced nor removed.
    mkdirSync(join(`${path}.1`, 'x'), { recursive: true })
    for (const index of upTo(50)) {
      file.write(line(index))
      await file.idle()
    }
    await file.close()
    expect(numbers(readFileSync(path, 'utf8'))).toEqual(upTo(50))
    expect(told).toEqual([expect.stringMatching(/^rotate E/)])
  })
})

describe('a rotation that fails', () => {
  it('again and again costs no more files than one that does not', async () => {
    for (const age of [1, 2, 3]) writeFileSync(`${path}.${age}`, String(age))
    for (let turn = 0; turn < 3; turn++) await expect(shiftFiles(path, 3)).rejects.toThrow('ENOENT')
    expect(readdirSync(folder).toSorted()).toEqual(['decisions.log.2', 'decisions.log.3'])
    writeFileSync(path, '0')
    await shiftFiles(path, 3)
    expect([1, 2, 3].map(age => readFileSync(`${path}.${age}`, 'utf8'))).toEqual(['0', '1', '2'])
  })
})

/** Only root may mount. */
const mounts = spawnSync('mount', ['--version']).status === 0 && process.getuid?.() === 0

describe.runIf(mounts)('a disk that is full', () => {
  let disk: string
  beforeEach(() => {
    disk = join(folder, 'disk')
    mkdirSync(disk)
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk])
    if (status !== 0) throw new Error(`no disk to fill: ${stderr}`)
    path = join(disk, 'decisions.log')
  })
  afterEach(async () => {
    for (const file of files) await file.close()
    spawnSync('umount', [disk])
  })

  /** The disk has taken what there was room for, up to the middle of a line, and more room is made by the function. */
  async function filled(overrides: Partial<LogFileOptions> = {}) {
    const other = join(disk, 'other')
    writeFileSync(other, Buffer.alloc(48 * 1024))
    const opened = open(overrides)
    for (const index of upTo(1000)) opened.file.write(line(index))
    await opened.heard('write ENOSPC')
    expect(readFileSync(path, 'utf8').endsWith('\n')).toBe(false)
    return { ...opened, makeRoom: () => rmSync(other) }
  }

  it('loses no line that could wait, and tears none, when there is room again', async () => {
    const { file, heard, lost, makeRoom } = await filled()
    // Whoever moves the file away now gets the rest of that line as well.
    renameSync(path, `${path}.moved`)
    file.reopen()
    makeRoom()
    await heard('mended')
    file.write(line(1000))
    await file.close()
    expect(numbers(readFileSync(`${path}.moved`, 'utf8'))).toEqual(upTo(1000))
    expect(numbers(readFileSync(path, 'utf8'))).toEqual([1000])
    expect(lost()).toBe(0)
  })

  it('is not rotated in the middle of a line', async () => {
    const { file, heard, lost, makeRoom } = await filled({ rotateBytes: 1000 })
    makeRoom()
    await heard('mended')
    file.write(line(1000))
    await file.close()
    expect(texts().map(numbers)).toEqual([upTo(1000), [1000]])
    expect(lost()).toBe(0)
  })
})

it('is closed in time where the disk hangs, and counts what it could not write', async () => {
  // A pipe that is full and that nobody reads: a write to it ends when its reader goes.
  spawnSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  expect(() => {
    for (;;) writeSync(reader, Buffer.alloc(4096))
  }).toThrow('EAGAIN')
  const { file, lost } = open()
  await file.open()
  file.write(line(0))
  // The first is on its way.
  await new Promise(setImmediate)
  file.write(line(1))
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const closed = file.close()
    vi.advanceTimersByTime(5000)
    await closed
    expect(lost()).toBe(1)
  } finally {
    vi.useRealTimers()
    closeSync(reader)
  }
})
