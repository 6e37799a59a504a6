import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type AdminDeps, type AdminServer, createAdminServer } from '../../../src/telemetry/admin.ts'
import { captureLog } from './lines.ts'

const LOOPBACK = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const

let open: AdminServer[] = []
afterEach(async () => {
  await Promise.all(open.map(server => server.close()))
  open = []
})

function create(given: Partial<AdminDeps> = {}): AdminServer {
  const server = createAdminServer({
    readiness: () => ({ ready: true }),
    metrics: { contentType: 'text/plain; version=0.0.4', render: async () => 'weir_up 1\n' },
    maskedConfig: () => ({ unmatched: 'pass' }),
    hosts: ['weir.example.com'],
    log: captureLog().log,
    ...given,
  })
  open.push(server)
  return server
}

async function start(given: Partial<AdminDeps> = {}): Promise<string> {
  return `http://${await create(given).listen(LOOPBACK)}`
}

/** fetch would not send a host of ours. */
function statusOf(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, answer => resolve(answer.resume().statusCode))
      .on('error', reject)
      .end()
  })
}

describe('the admin listener', () => {
  it.each<[string, string, string]>([
    ['/healthz', 'text/plain; charset=utf-8', 'ok'],
    ['/readyz', 'text/plain; charset=utf-8', 'ok'],
    ['/readyz?verbose', 'text/plain; charset=utf-8', 'ok'],
    ['/metrics', 'text/plain; version=0.0.4', 'weir_up 1\n'],
    ['/config', 'application/json; charset=utf-8', '{\n  "unmatched": "pass"\n}\n'],
  ])('answers GET and HEAD %s', async (path, contentType, body) => {
    const url = (await start()) + path
    for (const method of ['GET', 'HEAD']) {
      const answer = await fetch(url, { method })
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe(contentType)
      expect(answer.headers.get('content-length')).toBe(String(Buffer.byteLength(body)))
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(await answer.text()).toBe(method === 'GET' ? body : '')
    }
  })

  it('is not ready while readiness says why', async () => {
    let why: string | undefined = 'draining'
    const url = await start({
      readiness: () => (why === undefined ? { ready: true } : { ready: false, why }),
    })
    const before = await fetch(`${url}/readyz`)
    expect([before.status, await before.text()]).toEqual([503, 'draining'])
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    why = undefined
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
  })

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('refuses %s', async method => {
    const answer = await fetch(`${await start()}/config`, { method })
    expect([answer.status, answer.headers.get('allow'), await answer.json()]).toEqual([
      405,
      'GET, HEAD',
      { error: 'only GET and HEAD' },
    ])
  })

  it.each(['/', '/nope', '/metrics/', '/config/../nope', '/__proto__'])('has no page %s', async path => {
    const answer = await fetch((await start()) + path)
    expect([answer.status, await answer.json()]).toEqual([404, { error: 'no such page' }])
  })

  it('answers a fault of its own without its message', async () => {
    const { log, lines } = captureLog()
    const render = () => Promise.reject(new Error('canary-5'))
    const answer = await fetch(`${await start({ log, metrics: { contentType: 'x', render } })}/metrics`)
    expect([answer.status, await answer.json()]).toEqual([500, { error: 'internal error' }])
    expect(lines()[0]).toMatchObject({ level: 'error', msg: 'admin request failed' })
  })

  it('says in one line that an address is taken', async () => {
    const address = await create().listen(LOOPBACK)
    const port = Number(address.split(':')[1])
    await expect(create().listen({ ...LOOPBACK, port })).rejects.toMatchObject({
      code: 'address-in-use',
      message: `cannot listen on ${address}: it is in use; choose another address by server.admin or --admin`,
    })
  })

  it.each([
    ['a host name that is not known', { host: 'evil.example:9090' }, 403],
    ['a page of another origin', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a host name of the config', { host: 'weir.example.com:9090' }, 200],
    ['localhost', { host: 'localhost' }, 200],
  ])('shows the config by %s: %j %i', async (_name, headers, expected) => {
    expect(await statusOf(`${await start()}/config`, headers)).toBe(expected)
  })

  it.each(['/healthz', '/readyz', '/metrics'])('shows %s by whatever name a scraper uses', async path => {
    expect(await statusOf((await start()) + path, { host: 'weir-0.monitoring.svc:9090' })).toBe(200)
  })

  it('listens on a Unix socket', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'weir-admin-'))
    try {
      const path = join(directory, 'admin.sock')
      expect(await create().listen({ kind: 'unix', path })).toBe(`unix://${path}`)
      const status = await new Promise((resolve, reject) => {
        request({ socketPath: path, path: '/healthz' }, answer => resolve(answer.resume().statusCode))
          .on('error', reject)
          .end()
      })
      expect(status).toBe(200)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
