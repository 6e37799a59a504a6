import { writeFileSync } from 'node:fs'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type OpenedPage, openPage, startBrowser } from '../support/browser.ts'
import { chatCompletion, chatRequest } from '../support/chat.ts'
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { type Served, serveConfig } from '../support/served.ts'
import { gate, startUpstream, type Upstream } from '../support/upstream.ts'

const CONFIG = `
server: { console: { access: full } }
guardrails: { words: { kind: keywords, words: [blocked-phrase] }, pii: { kind: local-pii } }
policies:
  - name: other
    match: { paths: ["/other/"] }
    guardrails: [{ use: words }]
  - name: chat
    guardrails: [{ use: words, direction: both }, { use: pii, action: redact }]
`

/** The status comes every two seconds. */
const SOON = { timeout: 10_000 }

let browser: Browser
let upstream: Upstream
let weir: Served
let envoy: RunningEnvoy
const opened: OpenedPage[] = []

beforeAll(async () => {
  browser = await startBrowser()
  upstream = await startUpstream()
})
beforeEach(async () => {
  upstream.respond({ headers: { 'content-type': 'application/json' }, chunks: [chatCompletion('an answer')] })
  weir = await serveConfig(CONFIG)
  envoy = await startEnvoy({
    mode: 'full-duplex',
    weirAddress: weir.address,
    upstreamAddress: upstream.address,
  })
})
afterEach(async () => {
  const troubles = opened.flatMap(one => one.troubles)
  await Promise.all(opened.splice(0).map(({ page }) => page.context().close()))
  await envoy.stop()
  await weir.stop()
  expect(troubles).toEqual([])
})
afterAll(async () => {
  await upstream.stop()
  await browser.close()
})

async function open() {
  const { admin } = await weir.logged('serving')
  const one = await openPage(browser, `http://${admin}/console/`)
  opened.push(one)
  return one.page
}

const post = async (text: string, path = '/v1/chat/completions') => {
  const headers = { 'content-type': 'application/json' }
  return (await fetch(envoy.address + path, { method: 'POST', headers, body: chatRequest(text) })).text()
}

test('shows what passes Envoy as it passes, and all of a record on a key', async () => {
  const page = await open()
  expect(await page.locator('#no-rows').textContent()).toContain('No decision yet')
  await post('a blocked-phrase')
  const row = page.locator('tr.decision')
  await row.waitFor()
  expect(await row.locator('td').allTextContents()).toEqual([
    expect.stringMatching(/^\d\d:\d\d:\d\d\.\d{3}$/),
    'denied',
    'flagged',
    'request',
    'chat',
    'openai-chat',
    'words: keyword',
    expect.stringMatching(/ ms$/),
  ])
  await row.getByRole('button').focus()
  await page.keyboard.press('Enter')
  await page.locator('tr.details').waitFor()
  expect(await row.getByRole('button').getAttribute('aria-expanded')).toBe('true')
  expect(await page.locator('tr.details').textContent()).toContain('words')
  await page.keyboard.press('Space')
  await expect.poll(() => page.locator('tr.details').count()).toBe(0)
  const { admin } = await weir.logged('serving')
  expect(new Set(opened[0]!.asked)).toEqual(new Set([admin]))
})

test('shows how things stand, and leaves nothing in the browser', async () => {
  const rest = gate()
  const first = chatCompletion('an answer').slice(0, 20)
  upstream.respond({
    headers: { 'content-type': 'application/json' },
    chunks: [first, rest, chatCompletion('an answer').slice(first.length)],
  })
  const page = await open()
  const answer = post('mail bob@example.com')
  await expect.poll(() => page.locator('#exchanges').textContent(), SOON).toBe('1')
  expect(await page.locator('#state').textContent()).toBe('serving')
  const held = () => page.locator('#held').textContent()
  await expect.poll(held, SOON).toMatch(/^20 B of /)
  rest.open()
  await answer
  await expect.poll(() => page.locator('#exchanges').textContent(), SOON).toBe('0')
  await expect.poll(held, SOON).toMatch(/^0 B of /)
  expect(await page.locator('#redacted').textContent()).toBe('1')
  const rows = await page.locator('#guardrail-rows tr').allTextContents()
  expect(rows.some(text => /^piirequest1.*ms.*ms1none$/.test(text))).toBe(true)
  expect(await page.context().cookies()).toEqual([])
  expect(await page.evaluate('localStorage.length + sessionStorage.length')).toBe(0)
})

test('shows those decisions only that the filters let through, and none while it pauses', async () => {
  const page = await open()
  await post('a blocked-phrase')
  await post('a blocked-phrase', '/other/v1/chat/completions')
  await post('hello')
  const policies = () => page.locator('tr.decision td:nth-child(5)').allTextContents()
  await expect.poll(policies).toEqual(['chat', 'chat', 'other', 'chat'])
  await page.locator('#filter-policy').selectOption('other')
  expect(await policies()).toEqual(['other'])
  await page.locator('#filter-policy').selectOption('')
  await page.getByLabel('without clean ones').check()
  expect(await policies()).toEqual(['other', 'chat'])
  await page.locator('#filter-effective').selectOption('released')
  expect(await policies()).toEqual([])
  expect(await page.locator('#no-rows').textContent()).toContain('filters')
  await page.locator('#filter-effective').selectOption('')
  await page.locator('#filter-guardrail').selectOption('pii')
  expect(await policies()).toEqual(['chat'])
  await page.locator('#filter-guardrail').selectOption('')

  await page.getByRole('button', { name: 'Pause' }).click()
  await post('a blocked-phrase')
  await expect.poll(() => page.locator('#feed-note').textContent()).toBe('paused, 1 waiting')
  expect(await policies()).toEqual(['other', 'chat'])
  await page.getByRole('button', { name: 'Go on' }).click()
  expect(await policies()).toEqual(['chat', 'other', 'chat'])
})

test('shows what a changed config changes', async () => {
  const page = await open()
  await expect
    .poll(() => page.locator('#config-note').textContent(), SOON)
    .toContain('not changed since the start')
  const before = await page.locator('#version').textContent()
  writeFileSync(weir.file, CONFIG.replace('[blocked-phrase]', '[another-phrase]'))
  weir.signal('SIGHUP')
  await expect
    .poll(() => page.locator('#changes tr').allTextContents(), SOON)
    .toEqual(['guardrails.words.words["blocked-phrase"]["another-phrase"]'])
  expect(await page.locator('#version').textContent()).not.toBe(before)
  expect(await page.locator('#config-note').textContent()).toContain(`since ${before}`)
})

test('judges what is pasted, and shows where and why', async () => {
  const page = await open()
  const answer = page.locator('#bench-answer')
  await page.getByLabel('Body').fill('the blocked-phrase of bob@example.com')
  await page.getByRole('button', { name: 'Make a chat request' }).click()
  await page.getByLabel('Body').press('Control+Enter')
  await answer.waitFor()
  expect(await answer.locator('.verdict').textContent()).toBe('deny flagged policy chat, format openai-chat')
  expect(await answer.locator('mark').allTextContents()).toEqual(['blocked-phrase', 'bob@example.com'])
  expect(await answer.locator('pre').last().textContent()).toContain('Request blocked by policy')
  expect(await answer.locator('pre').last().textContent()).toContain('HTTP 200')

  await page.getByLabel('Body').fill(chatRequest('mail bob@example.com'))
  await page.getByRole('button', { name: 'Judge' }).click()
  await expect.poll(() => answer.locator('.verdict strong').textContent()).toBe('redact')
  expect(await answer.locator('pre').last().textContent()).toContain('mail <EMAIL>')

  await page.getByLabel('Path of the request').fill('x')
  await page.getByRole('button', { name: 'Judge' }).click()
  await expect
    .poll(() => page.locator('#bench-note').textContent())
    .toBe('Not judged: path: must start with /')
  expect(await answer.isVisible()).toBe(false)
  for (const one of opened) one.forget(/status of 400/)
  expect(weir.output()).not.toContain('bob@example.com')
  expect(await weir.page('/metrics')).not.toMatch(/^weir_(?:decisions|exchanges)_total\{.*\} [1-9]/m)
})

test('says that Weir is gone, and comes back with it', async () => {
  const page = await open()
  await expect.poll(() => page.locator('#state').textContent(), SOON).toBe('serving')
  weir.signal('SIGTERM')
  await expect.poll(() => page.locator('#state').textContent(), SOON).toBe('not reachable')
  // What the browser itself says of a server that is gone is no trouble of the page.
  for (const one of opened)
    one.forget(/ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE|ERR_CONNECTION_RESET/)
})
