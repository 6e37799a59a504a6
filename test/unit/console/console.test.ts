import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import { startConsole } from './running.ts'

const QUESTION = '{"side":"input"}'
const JSON_TYPE = { 'content-type': 'application/json' }

/** As a browser or a program asks, with headers that `fetch` would not send. */
async function ask(
  url: string,
  headers: Record<string, string> = {},
  method = 'GET',
  body?: string,
): Promise<{ status: number | undefined; text: string; headers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers }, answer => {
      let text = ''
      answer.setEncoding('utf8').on('data', chunk => {
        text += chunk
      })
      answer.on('end', () => resolve({ status: answer.statusCode, text, headers: answer.headers }))
    })
    asked.on('error', reject).end(body)
  })
}

const PAGES = ['/console/', '/console/status', '/console/main.js', '/decisions']

describe('the console', () => {
  it('serves its page and each of its files, under a policy that lets nothing else in', async () => {
    const { url } = await startConsole()
    const page = await ask(`${url}/console/`)
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    const files = [...page.text.matchAll(/(?:src|href)="([\w.-]+\.\w+)"/g)].map(match => match[1]!)
    expect(new Set(files)).toEqual(new Set(['icon.svg', 'page.css', 'main.js']))
    for (const file of [...files, 'status.js', 'decisions.js', 'bench.js', 'dom.js', '']) {
      const { status, headers } = await ask(`${url}/console/${file}`)
      expect([file, status]).toEqual([file, 200])
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'DENY',
      })
      expect(headers['set-cookie']).toBeUndefined()
      const policy = String(headers['content-security-policy'])
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toMatch(/unsafe|https?:|data:|\*/)
    }
  })

  it('leads from /console to the page below', async () => {
    const { url } = await startConsole()
    const { status, headers } = await ask(`${url}/console`)
    expect([status, headers.location]).toEqual([308, 'console/'])
  })

  it('tells the head of a page alone', async () => {
    const { url } = await startConsole()
    const { status, text, headers } = await ask(`${url}/console/`, {}, 'HEAD')
    expect([status, text, headers['content-type']]).toEqual([200, '', 'text/html; charset=utf-8'])
  })

  it.each(['/console/nope', '/console/../main.ts', '/console/%2e%2e/console.ts', '/console/tsconfig.json'])(
    'has no page %s',
    async path => {
      const { url } = await startConsole()
      expect((await ask(url + path)).status).toBe(404)
    },
  )

  it.each(PAGES)('refuses other methods on %s', async path => {
    const { url } = await startConsole()
    const { status, headers } = await ask(url + path, {}, 'POST')
    expect([status, headers.allow]).toEqual([405, 'GET, HEAD'])
  })

  it('leaves the pages of the admin listener as they are', async () => {
    const { url } = await startConsole()
    expect((await ask(`${url}/healthz`, { host: 'evil.example' })).status).toBe(200)
    expect((await ask(`${url}/nope`)).status).toBe(404)
  })

  it('tells the status', async () => {
    const { url } = await startConsole()
    expect(JSON.parse((await ask(`${url}/console/status`)).text)).toMatchObject({
      access: 'full',
      readiness: { ready: true },
      snapshot: { version: 'v1', policies: ['chat'] },
      metrics: { exchangesOpen: 0, guardrails: [] },
    })
  })

  it('answers a fault of its own without its message', async () => {
    const { url, log } = await startConsole({ look: () => Promise.reject(new Error('canary-5')) })
    const { status, text } = await ask(`${url}/console/status`)
    expect([status, JSON.parse(text)]).toEqual([500, { error: 'internal error' }])
    expect(log.lines()).toMatchObject([{ msg: 'console request failed' }])
  })
})

describe('who may ask the console', () => {
  it.each(['evil.example', 'evil.example:9090', '127.0.0.1.evil.example', 'localhost.evil.example'])(
    'nobody by the host name %j, which may be led here',
    async host => {
      const { url, questions } = await startConsole()
      for (const path of PAGES) expect([path, (await ask(url + path, { host })).status]).toEqual([path, 403])
      const posted = await ask(`${url}/console/bench`, { host, ...JSON_TYPE }, 'POST', QUESTION)
      expect([posted.status, questions]).toEqual([403, []])
    },
  )

  it.each(['127.0.0.1:1', '10.1.2.3', '[::1]:9090', 'localhost', 'a.localhost:80', 'weir.example.com:443'])(
    'who asks by %s',
    async host => {
      const { url } = await startConsole()
      expect((await ask(`${url}/console/status`, { host })).status).toBe(200)
    },
  )

  it.each(['cross-site', 'same-site'])('no page of another origin (%s)', async site => {
    const { url } = await startConsole()
    const headers = { 'sec-fetch-site': site }
    for (const path of PAGES) expect([path, (await ask(url + path, headers)).status]).toEqual([path, 403])
    // A link there leads to the page; what it holds stays out of reach of where the link stands.
    const link = { ...headers, 'sec-fetch-mode': 'navigate' }
    expect((await ask(`${url}/console/`, link)).status).toBe(200)
    expect((await ask(`${url}/console`, link)).status).toBe(308)
    expect((await ask(`${url}/console/status`, link)).status).toBe(403)
  })
})

describe('the way to the bench', () => {
  it('takes a question as JSON', async () => {
    const { url, questions } = await startConsole()
    const { status } = await ask(`${url}/console/bench`, JSON_TYPE, 'POST', QUESTION)
    expect([status, questions]).toEqual([200, [QUESTION]])
    const origin = { origin: url, 'sec-fetch-site': 'same-origin', ...JSON_TYPE }
    expect((await ask(`${url}/console/bench`, origin, 'POST', QUESTION)).status).toBe(200)
  })

  it('answers as the bench does, whatever it answers', async () => {
    const { url } = await startConsole({ judge: async () => ({ status: 429, body: '{"error":"busy"}\n' }) })
    const { status, text } = await ask(`${url}/console/bench`, JSON_TYPE, 'POST', QUESTION)
    expect([status, text]).toEqual([429, '{"error":"busy"}\n'])
  })

  it.each<[number, string, Record<string, string>]>([
    [403, 'another origin', { origin: 'https://evil.example', ...JSON_TYPE }],
    [403, 'an origin that is hidden', { origin: 'null', ...JSON_TYPE }],
    [403, 'another port of this host', { origin: 'http://127.0.0.1:1', ...JSON_TYPE }],
    [403, 'another site', { 'sec-fetch-site': 'cross-site', ...JSON_TYPE }],
    [415, 'a form', { 'content-type': 'text/plain' }],
    [415, 'a form that names JSON', { 'content-type': 'text/plain; application/json' }],
    [415, 'no type', {}],
  ])('answers %d to %s', async (status, _, headers) => {
    const { url, questions } = await startConsole()
    const answer = await ask(`${url}/console/bench`, headers, 'POST', QUESTION)
    expect([answer.status, questions]).toEqual([status, []])
  })

  it('allows no other origin to ask first', async () => {
    const { url } = await startConsole()
    const answer = await ask(`${url}/console/bench`, { origin: 'https://evil.example' }, 'OPTIONS')
    expect(answer.status).toBe(403)
    expect(answer.headers['access-control-allow-origin']).toBeUndefined()
  })

  it.each(['GET', 'PUT'])('takes no %s', async method => {
    const { url } = await startConsole()
    const { status, headers } = await ask(`${url}/console/bench`, {}, method)
    expect([status, headers.allow]).toEqual([405, 'POST'])
  })

  it.each<[string, Record<string, string>]>([
    ['said', JSON_TYPE],
    ['unsaid', { ...JSON_TYPE, 'transfer-encoding': 'chunked' }],
  ])('takes no question that is too large, its size %s', async (_, headers) => {
    const { url, questions } = await startConsole()
    const answer = await ask(`${url}/console/bench`, headers, 'POST', 'x'.repeat(1_000_000)).catch(
      (error: NodeJS.ErrnoException) => ({ status: error.code }),
    )
    // The answer may come while the question is still on its way, which cuts it.
    expect([413, 'EPIPE', 'ECONNRESET']).toContain(answer.status)
    expect(questions).toEqual([])
  })

  it('is closed where the console is to be read only', async () => {
    const { url, questions } = await startConsole({ access: 'read_only' })
    const answer = await ask(`${url}/console/bench`, JSON_TYPE, 'POST', QUESTION)
    expect([answer.status, questions]).toEqual([403, []])
    expect(answer.text).toContain('server.console.access: full')
  })
})
