import { appendFileSync } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { compressFile, endsMidLine, shiftFiles } from './rotated-files.ts'

export interface LogFileOptions {
  readonly path: string
  /** Rights of new files, as in `chmod`. */
  readonly mode: number
  /** The file is rotated when it has so many bytes. */
  readonly rotateBytes: number
  /** And when a multiple of so many milliseconds of Unix time has passed; never for that when absent. */
  readonly rotateMs?: number | undefined
  /** Rotated files that stay. */
  readonly keep: number
  readonly compress: 'gzip' | 'none'
  /** Unix time in milliseconds. */
  readonly now: () => number
}

/** What it cannot do for now. It goes on trying. */
export type LogFileTrouble = 'open' | 'write' | 'rotate' | 'compress'

export interface LogFileReport {
  /** Lines that found no room while the file could not be written. */
  lost(lines: number): void
  /** Told at each try that fails. `code`: of the system, such as ENOSPC. */
  trouble(what: LogFileTrouble, code: string): void
  /** Lines are written again. */
  mended(): void
}

/** Lines that wait for the disk hold at most so much; what comes then is lost, and counted. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024
/** Written at once. */
const BATCH_BYTES = 64 * 1024
const RETRY_MS = 1000
/** A rotation that failed is tried again after this; the file grows meanwhile. */
const ROTATE_RETRY_MS = 60_000
/** The disk may take so long for what is left at the end. */
const CLOSE_MS = 5000

/**
 * A file of lines that rotates itself, written by this process alone. Nobody waits for the disk: lines are queued, and
 * written in the background in their order. Where it cannot write, for want of room say, it keeps what its queue holds
 * and tries again.
 */
export class LogFile {
  readonly #options: LogFileOptions
  readonly #report: LogFileReport
  #queue: Buffer[] = []
  #queuedBytes = 0
  #file: FileHandle | undefined
  #fileBytes = 0
  /** Of the file's first line, or since it was last written to when it was opened. */
  #begunAt = 0
  /** The disk took part of a line: the rest must come next, in the same file. */
  #isMidLine = false
  #isMoved = false
  #rotateNotBefore = 0
  #compressing: Promise<void> | undefined
  #pumping: Promise<void> | undefined
  #state: 'open' | 'closing' | 'closed' = 'open'
  #isTroubled = false
  #wake = (): void => {}

  constructor(options: LogFileOptions, report: LogFileReport) {
    this.#options = options
    this.#report = report
  }

  /**
   * Opens the file, and makes its folder where there is none. Only to know early that it can be written.
   *
   * @throws Error of the file system
   */
  async open(): Promise<void> {
    await this.#open()
  }

  /** One line, with its end. Returns at once. */
  write(line: string): void {
    const bytes = Buffer.byteLength(line)
    if (this.#state !== 'open' || this.#queuedBytes + bytes > MAX_QUEUED_BYTES) {
      this.#report.lost(1)
      return
    }
    this.#queue.push(Buffer.from(line))
    this.#queuedBytes += bytes
    this.#pumping ??= this.#pump()
  }

  /** Resolves when nothing waits for the disk. */
  async idle(): Promise<void> {
    await this.#pumping
    await this.#compressing
  }

  /** Somebody else has moved the file away: the next line begins a new one at its path. */
  reopen(): void {
    this.#isMoved = true
  }

  /**
   * Writes what is left, while the disk takes it, for 5 s at most. A write that hangs then keeps the process from its
   * end: neither Node's exit nor its end by itself leaves one behind.
   */
  async close(): Promise<void> {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#wake()
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, CLOSE_MS)
    await Promise.race([this.idle(), late.promise])
    this.#state = 'closed'
    this.#giveUp()
    // It waits for a write that is under way.
    const closed = this.#file?.close().catch(() => {})
    await Promise.race([closed, late.promise])
    clearTimeout(timer)
  }

  /** Before the process ends at once: writes what waits, but for the lines that the disk is taking just now. */
  flushSync(): void {
    const rest = Buffer.concat(this.#queue)
    this.#queue = []
    this.#queuedBytes = 0
    try {
      appendFileSync(this.#options.path, rest, { mode: this.#options.mode })
    } catch {
      // It is about to end, and whoever ends it says why.
    }
  }

  async #pump(): Promise<void> {
    // Lines of one turn go together.
    await Promise.resolve()
    while (this.#queuedBytes > 0 && this.#state !== 'closed') {
      const failed = await this.#writeSome()
      if (failed === undefined) continue
      this.#isTroubled = true
      this.#report.trouble(failed.what, failed.code)
      if (this.#state !== 'open') break
      await this.#pause()
    }
    this.#pumping = undefined
  }

  /** The next lines; what could not be done, if anything. */
  async #writeSome(): Promise<{ what: LogFileTrouble; code: string } | undefined> {
    let file: FileHandle
    try {
      file = await this.#fileToWrite()
    } catch (error) {
      return { what: 'open', code: codeOf(error) }
    }
    const batch = this.#takeBatch()
    let written = 0
    try {
      while (written < batch.byteLength) {
        written += (await file.write(batch, written)).bytesWritten
      }
    } catch (error) {
      this.#putBack(batch, written)
      return { what: 'write', code: codeOf(error) }
    } finally {
      this.#fileBytes += written
    }
    this.#isMidLine = false
    if (this.#isTroubled) this.#report.mended()
    this.#isTroubled = false
    return undefined
  }

  #takeBatch(): Buffer {
    let bytes = 0
    let count = 0
    for (const line of this.#queue) {
      if (count > 0 && bytes + line.byteLength > BATCH_BYTES) break
      bytes += line.byteLength
      count += 1
    }
    this.#queuedBytes -= bytes
    return Buffer.concat(this.#queue.splice(0, count), bytes)
  }

  #putBack(batch: Buffer, written: number): void {
    const rest = batch.subarray(written)
    this.#queue.unshift(rest)
    this.#queuedBytes += rest.byteLength
    if (written > 0) this.#isMidLine = batch[written - 1] !== NEWLINE
  }

  async #fileToWrite(): Promise<FileHandle> {
    if (this.#isMoved && !this.#isMidLine) {
      this.#isMoved = false
      await this.#leave()
    }
    const file = this.#file ?? (await this.#open())
    return this.#isDue() ? this.#rotate(file) : file
  }

  async #leave(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  async #open(): Promise<FileHandle> {
    const { path, mode, now } = this.#options
    await mkdir(dirname(path), { recursive: true })
    const file = await open(path, 'a', mode)
    const { size, mtimeMs, isFile } = await stated(file)
    this.#file = file
    this.#fileBytes = size
    this.#begunAt = size > 0 ? mtimeMs : now()
    if (isFile && (await endsMidLine(path))) await file.write('\n')
    return file
  }

  #isDue(): boolean {
    const { rotateBytes, rotateMs, now } = this.#options
    if (this.#fileBytes === 0 || this.#isMidLine || this.#compressing !== undefined) return false
    if (now() < this.#rotateNotBefore) return false
    const periodOf = (ms: number): number => (rotateMs === undefined ? 0 : Math.floor(ms / rotateMs))
    return this.#fileBytes >= rotateBytes || periodOf(now()) !== periodOf(this.#begunAt)
  }

  /** Where the files cannot be renamed the old one is written on. */
  async #rotate(file: FileHandle): Promise<FileHandle> {
    const { path, keep, compress, mode, now } = this.#options
    try {
      await shiftFiles(path, keep)
    } catch (error) {
      this.#rotateNotBefore = now() + ROTATE_RETRY_MS
      this.#report.trouble('rotate', codeOf(error))
      return file
    }
    await this.#leave()
    if (compress === 'gzip') {
      this.#compressing = compressFile(`${path}.1`, mode)
        .catch((error: unknown) => this.#report.trouble('compress', codeOf(error)))
        .finally(() => {
          this.#compressing = undefined
        })
    }
    return this.#open()
  }

  #pause(): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, RETRY_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #giveUp(): void {
    const lines = this.#queue.reduce((sum, bytes) => sum + linesIn(bytes), 0)
    this.#queue = []
    this.#queuedBytes = 0
    if (lines > 0) this.#report.lost(lines)
  }
}

const NEWLINE = '\n'.charCodeAt(0)

function linesIn(bytes: Buffer): number {
  return bytes.reduce((lines, byte) => lines + (byte === NEWLINE ? 1 : 0), 0)
}

async function stated(file: FileHandle): Promise<{ size: number; mtimeMs: number; isFile: boolean }> {
  const stats = await file.stat()
  return { size: stats.size, mtimeMs: stats.mtimeMs, isFile: stats.isFile() }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
