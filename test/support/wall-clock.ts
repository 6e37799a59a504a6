import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What scripts/fetch-faketime.sh leaves. */
const LIBRARY = fileURLToPath(new URL('../../.venv/faketime/libfaketimeMT.so.1', import.meta.url))

/** A wall clock of programs that a test starts, which jumps while they run, as by an operator or by NTP. */
export interface WallClock {
  /** For the programs. */
  readonly env: Readonly<Record<string, string>>
  /** Puts it so many days off the true time, at once. Their monotonic clocks and timers go on. */
  jump(days: number): void
  /** When the programs have ended. */
  remove(): void
}

export function createWallClock(): WallClock {
  if (!existsSync(LIBRARY)) throw new Error('no libfaketime: run `make setup`')
  const folder = mkdtempSync(join(tmpdir(), 'weir-wall-clock-'))
  const file = join(folder, 'offset')
  const jump = (days: number): void => {
    // In one step: whoever reads half of it reads the true time.
    writeFileSync(`${file}.new`, `${days < 0 ? '' : '+'}${days}d\n`)
    renameSync(`${file}.new`, file)
  }
  jump(0)
  return {
    env: {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: file,
      // Looks at the file whenever it is asked for the time.
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      // The times of files do not jump with the clock.
      NO_FAKE_STAT: '1',
    },
    jump,
    remove: () => rmSync(folder, { recursive: true }),
  }
}
