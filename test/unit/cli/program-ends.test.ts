import { once } from 'node:events'
import { appendFileSync, existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CacheListener, startCacheListener } from '../../support/cache-listener.ts'
import { fileOf } from './command-line.ts'
import { runReal, serveReal } from './real-program.ts'

/** A connection that nobody closes keeps a process for ever: each of these would then run into its time. */

const ANY_PORTS = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']
const KEY = '0123456789abcdef'

let cache: CacheListener
beforeEach(async () => {
  cache = await startCacheListener()
})
afterEach(() => cache.close())

function configWith(apiKey: string, key = KEY): string {
  return fileOf(`
cache: { url: "${cache.url}", key: "${key}" }
guardrails: { w: { kind: webhook, dialect: generic, url: "https://guard.example/", api_key: "${apiKey}" } }
policies: [{ name: p, guardrails: [{ use: w }] }]
`)
}

describe('a config with a cache server and a guardrail that cannot be made', () => {
  it.each([
    ['serve', (file: string) => ['serve', '--config', file, ...ANY_PORTS]],
    ['check', (file: string) => ['check', file]],
    ['scan', (file: string) => ['scan', fileOf('{}'), '--config', file]],
  ])('ends weir %s by itself, and nothing was connected to', async (_, args) => {
    const program = runReal(args(configWith('a b')))
    expect(await program.closed).toBe(2)
    expect(program.stderr()).toContain('guardrails.w.api_key: holds a space')
    expect(cache.came).toBe(0)
  })
})

describe('a config with a cache server', () => {
  it('ends weir check by itself', async () => {
    const program = runReal(['check', configWith('k')])
    expect(await program.closed).toBe(0)
    expect(program.stdout()).toBe('ok\n')
    await cache.untilOpen(0)
  })

  it('ends weir scan by itself, also where what it is to scan is not there', async () => {
    const program = runReal(['scan', '/no/such/file', '--config', configWith('k')])
    expect(await program.closed).toBe(2)
    await cache.untilOpen(0)
  })

  it('ends weir serve by itself when its address is taken', async () => {
    const blocker = createServer().listen(0, '127.0.0.1')
    await once(blocker, 'listening')
    const { port } = blocker.address() as AddressInfo
    const file = configWith('k')
    const program = serveReal(['--config', file, '--listen', `127.0.0.1:${port}`, '--admin', '127.0.0.1:0'])
    expect(await program.closed).toBe(1)
    blocker.close()
  })
})

/** A Vault whose secret is another one each time. It answers so many requests, and the others when it is let. */
async function startSlowVault(answeredAtOnce = 1) {
  const waiting: (() => void)[] = []
  let mayAnswer = answeredAtOnce
  const asked = Promise.withResolvers<void>()
  let reads = 0
  const vault: Server = createServer((_request, response) => {
    reads += 1
    const data = { data: { k: `${KEY}${reads}` }, metadata: { version: reads } }
    const answer = (): void => void response.end(JSON.stringify({ data, auth: { client_token: 'hvs.lent' } }))
    if (reads <= mayAnswer) return answer()
    waiting.push(answer)
    asked.resolve()
  }).listen(0, '127.0.0.1')
  await once(vault, 'listening')
  const { port } = vault.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    /** Resolves when it was asked for more than it answers at once. */
    waited: asked.promise,
    answer() {
      mayAnswer = Number.POSITIVE_INFINITY
      for (const answer of waiting.splice(0)) answer()
    },
    async close() {
      vault.closeAllConnections()
      vault.close()
      await once(vault, 'close')
    },
  }
}

const ASKS_AGAIN = { WEIR_SECRET_POLL_MS: '5', VAULT_REFRESH_MS: '5' }

/** Serves a config with a secret of that Vault. */
function serveWith({ url }: { readonly url: string }, env: Record<string, string> = {}, more = '') {
  const file = configWith('k', '$secret://vault/kv/team/k')
  appendFileSync(file, more)
  return serveReal(['--config', file, ...ANY_PORTS], { VAULT_ADDR: url, VAULT_TOKEN: 'hvs.token', ...env })
}

it('a signal during a renewal of secrets: it is over before all is closed, and then the program ends', async () => {
  const vault = await startSlowVault()
  try {
    const weir = serveWith(vault, ASKS_AGAIN)
    const { admin } = await weir.until('serving')
    await vault.waited
    weir.child.kill('SIGTERM')
    const page = () =>
      fetch(`http://${admin}/readyz`).then(
        response => response.status,
        () => 'down',
      )
    await expect.poll(page).toBe('down')
    vault.answer()
    expect(await weir.closed).toBe(0)
    const told = ['draining', 'secrets rotated', 'stopped']
    expect(weir.lines.map(({ msg }) => msg).filter(msg => told.includes(msg))).toEqual(told)
    await cache.untilOpen(0)
  } finally {
    await vault.close()
  }
})

it('a signal while the workers start: they end, and then the program does', async () => {
  const file = fileOf('server: { workers: 2 }\npolicies: []\n')
  const socket = join(dirname(file), 'admin.sock')
  const weir = serveReal(['--config', file, '--listen', '127.0.0.1:0', '--admin', `unix://${socket}`])
  await expect.poll(() => existsSync(socket)).toBe(true)
  weir.child.kill('SIGTERM')
  expect(await weir.closed).toBe(0)
  expect(weir.lines.flatMap(({ msg, worker }) => (worker === undefined ? [msg] : []))).toEqual([
    'draining',
    'stopped',
  ])
})

it('a supervisor that is killed while its worker reads the config: the worker ends as well', async () => {
  const vault = await startSlowVault()
  try {
    const weir = serveWith(vault, {}, 'server: { workers: 2 }\n')
    await vault.waited
    weir.child.kill('SIGKILL')
    await once(weir.child, 'exit')
    vault.answer()
    // Its output is the workers' as well, and ends with the last of them.
    await weir.closed
    expect(weir.stderr()).toBe('')
  } finally {
    await vault.close()
  }
})

it.each(['SIGTERM', 'SIGINT'] as const)(
  '%s while the config is read: it is over, and nothing is served',
  async signal => {
    const vault = await startSlowVault(0)
    try {
      // It asks for more than one thing, so that the signal is heard before the last of them came.
      const login = { VAULT_TOKEN: '', VAULT_K8S_ROLE: 'weir', VAULT_K8S_TOKEN_FILE: fileOf('jwt') }
      const weir = serveWith(vault, login)
      await vault.waited
      weir.child.kill(signal)
      vault.answer()
      expect(await weir.closed).toBe(0)
      expect(weir.lines.map(({ msg }) => msg)).toEqual(['stopped before it served'])
    } finally {
      await vault.close()
    }
  },
)

it('SIGHUP while the config is read has it read again, and ends nothing', async () => {
  const vault = await startSlowVault(0)
  try {
    const weir = serveWith(vault)
    await vault.waited
    weir.child.kill('SIGHUP')
    vault.answer()
    await weir.until('secrets rotated')
    weir.child.kill('SIGTERM')
    expect(await weir.closed).toBe(0)
  } finally {
    await vault.close()
  }
})

it('SIGHUP while it ends does not cut that short', async () => {
  const vault = await startSlowVault()
  try {
    const weir = serveWith(vault, ASKS_AGAIN)
    await vault.waited
    weir.child.kill('SIGTERM')
    await weir.until('draining')
    weir.child.kill('SIGHUP')
    vault.answer()
    expect(await weir.closed).toBe(0)
    expect(weir.lines.at(-1)?.msg).toBe('stopped')
  } finally {
    await vault.close()
  }
})
