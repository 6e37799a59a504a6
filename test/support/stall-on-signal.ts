/**
 * Preloaded into a Weir that a test serves (`NODE_OPTIONS=--import …`): SIGUSR2 stalls its event loop, as a bug or a huge
 * body would, for `STALL_MS` milliseconds, or while the file `STALL_WHILE` is there. Says so on stdout, as log lines,
 * before and after.
 */
import { existsSync, writeSync } from 'node:fs'

const { STALL_MS = '0', STALL_WHILE } = process.env
const nobody = new Int32Array(new SharedArrayBuffer(4))

process.on('SIGUSR2', () => {
  const say = (msg: string): void => void writeSync(1, `${JSON.stringify({ msg })}\n`)
  const until = performance.now() + Number(STALL_MS)
  say('stalled')
  while (performance.now() < until || (STALL_WHILE !== undefined && existsSync(STALL_WHILE))) {
    Atomics.wait(nobody, 0, 0, 1)
  }
  say('stall over')
})
