/**
 * Fills NODE_COMPILE_CACHE with what a start of Weir compiles: starts it as the image does, and stops it once it serves.
 * Node writes the cache when the process ends. Runs when the image is built.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

const ANYWHERE = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']

const weir = spawn(process.execPath, ['src/main.ts', 'serve', ...ANYWHERE], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
const ended = once(weir, 'exit')
for await (const line of createInterface({ input: weir.stdout })) {
  console.log(line)
  if (JSON.parse(line).msg === 'serving') weir.kill('SIGTERM')
}
const [code] = await ended
process.exitCode = code === 0 ? 0 : 1
