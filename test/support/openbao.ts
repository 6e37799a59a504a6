import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort } from './program.ts'

const BAO = fileURLToPath(new URL('../../.venv/bin/bao', import.meta.url))
const ROOT = 'root-of-the-test'

export interface OpenBao {
  readonly url: string
  /** Calls its API as root, below `/v1/`; rejects on any status but a 2xx. */
  write(path: string, body: object, method?: 'POST' | 'DELETE'): Promise<unknown>
  list(path: string): Promise<unknown>
  stop(): Promise<void>
}

/** A real OpenBao in memory, with a KV engine of version 2 at `secret/`. */
export async function startOpenBao(): Promise<OpenBao> {
  const address = `127.0.0.1:${await freePort()}`
  const args = ['server', '-dev', '-dev-no-store-token', '-log-level=error']
  const child = spawn(BAO, [...args, `-dev-listen-address=${address}`, `-dev-root-token-id=${ROOT}`], {
    // Its own variables would point it, and its HOME would be, at what is not of this test.
    env: { PATH: process.env.PATH, HOME: '/nonexistent' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`OpenBao ended with ${code}`)
  })
  ended.catch(() => {})
  const output = createInterface({ input: child.stdout })
  const started = new Promise<void>(resolve => {
    output.on('line', line => {
      if (line.includes('Development mode should NOT be used')) resolve()
    })
  })
  await Promise.race([started, ended])
  const url = `http://${address}`
  const call = async (path: string, init: RequestInit): Promise<unknown> => {
    const headers = { 'x-vault-token': ROOT, 'content-type': 'application/json' }
    const response = await fetch(`${url}/v1/${path}`, { ...init, headers })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
  return {
    url,
    write: (path, body, method = 'POST') => call(path, { method, body: JSON.stringify(body) }),
    list: path => call(`${path}?list=true`, { method: 'GET' }),
    async stop() {
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
  }
}
