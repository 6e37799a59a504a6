/**
 * Preloaded into a Weir that a test serves (`NODE_OPTIONS=--import …`): SIGUSR2 keeps its event loop busy for
 * `STALL_MS` milliseconds, as a bug or a huge body would. Says so on stdout, as log lines, before and after.
 */
import { writeSync } from 'node:fs'

const stallMs = Number(process.env.STALL_MS)

process.on('SIGUSR2', () => {
  const say = (msg: string): void => void writeSync(1, `${JSON.stringify({ msg })}\n`)
  say('stalled')
  const until = performance.now() + stallMs
  while (performance.now() < until);
  say('stall over')
})
