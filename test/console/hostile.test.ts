import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { SnapshotHistory } from '../../src/console/snapshot-history.ts'
import type { RuleRecord } from '../../src/exchange/record.ts'
import { type OpenedPage, openPage, startBrowser } from '../support/browser.ts'
import { startConsole } from '../unit/console/running.ts'
import { recordOf } from '../unit/telemetry/records.ts'

/** Would run in a page that took it for markup. */
const EVIL = '<img src=x onerror="globalThis.harmed = 1"><script>globalThis.harmed = 1</script>"\'&</td>'
const QUESTION = '{"side":"input"}'

let browser: Browser
let foreign: Server
let opened: OpenedPage | undefined

beforeAll(async () => {
  browser = await startBrowser()
  foreign = createServer((_, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>foreign</title>')
  })
  await new Promise<void>(resolve => void foreign.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  await opened?.page.context().close()
})
afterAll(async () => {
  await browser.close()
  foreign.close()
})

test('what guard services, configs and bodies say stays text', async () => {
  const rule: RuleRecord = {
    guardrail: EVIL,
    action: 'block',
    outcome: 'flagged',
    detectors: [EVIL],
    breakdown: [{ detector: EVIL, detected: true, level: EVIL, score: 0.5 }],
    guardRequestId: EVIL,
    ms: 1,
  }
  const snapshots = new SnapshotHistory(EVIL, { [EVIL]: EVIL })
  snapshots.use(`2${EVIL}`, { [EVIL]: `2${EVIL}`, policies: [{ name: EVIL }] })
  const finding = { guardrail: EVIL, detector: EVIL, level: EVIL }
  const answer = {
    decision: 'deny',
    because: EVIL,
    side: 'input',
    policy: EVIL,
    format: EVIL,
    rules: [rule],
    texts: [{ role: EVIL, kind: EVIL, path: EVIL, text: EVIL, findings: [{ ...finding, start: 0, end: 4 }] }],
    elsewhere: [finding],
    uninspectable: 1,
    reply: { status: 200, headers: { [EVIL]: EVIL }, body: EVIL },
  }
  const metrics = [
    {
      name: 'weir_guardrail_outcomes_total',
      type: 'counter',
      values: [
        {
          labels: { guardrail: EVIL, phase: EVIL, outcome: 'failure', reason: EVIL, detail: EVIL },
          value: 1,
        },
      ],
    },
  ]
  const { url, ring } = await startConsole({
    snapshots,
    readiness: () => ({ ready: false, why: EVIL }),
    look: async () => metrics,
    judge: async () => ({ status: 200, body: JSON.stringify(answer) }),
  })
  const evil = { policy: EVIL, format: EVIL, exchangeId: EVIL, rules: [rule] }
  ring.add(recordOf({ ...evil, effective: 'denied', because: 'flagged' }), 1)
  opened = await openPage(browser, `${url}/console/`)
  const { page, troubles } = opened
  await page.locator('.opener').click()
  await page.getByLabel('Body').fill(EVIL)
  await page.getByRole('button', { name: 'Judge' }).click()
  await page.locator('#bench-answer pre').first().waitFor()
  await page.locator('#changes tr').first().waitFor()
  for (const where of [
    'tr.decision td:nth-child(5)',
    'tr.decision td:nth-child(7)',
    'tr.details',
    '#state',
    '#version',
    '#changes',
    '#guardrail-rows',
    '#filter-policy',
    '#bench-answer',
  ]) {
    expect(await page.locator(where).textContent(), where).toContain(EVIL.slice(0, 40))
  }
  expect(await page.locator('main img, main script').count()).toBe(0)
  expect(await page.evaluate('globalThis.harmed')).toBeUndefined()
  expect(troubles).toEqual([])
})

test('what runs in the page all the same can neither load nor send nor make markup', async () => {
  const { url } = await startConsole()
  opened = await openPage(browser, `${url}/console/`)
  const { page } = opened
  const { port } = foreign.address() as AddressInfo
  const tries = [
    `fetch('http://127.0.0.1:${port}/').then(() => 'went', () => 'stopped')`,
    `new Promise(done => { const s = document.createElement('img'); s.onload = s.onerror = e => done(e.type === 'load' ? 'went' : 'stopped'); s.src = 'http://127.0.0.1:${port}/x.png'; document.body.append(s) })`,
    `(() => { try { document.body.innerHTML = '<b>x</b>'; return 'went' } catch { return 'stopped' } })()`,
    `(() => { try { const b = document.createElement('button'); b.setAttribute('onclick', 'globalThis.harmed = 1'); document.body.append(b); b.click(); return 'went' } catch { return 'stopped' } })()`,
  ]
  for (const attempt of tries) expect([attempt, await page.evaluate(attempt)]).toEqual([attempt, 'stopped'])
})

test('a page of another origin gets nothing from the console, and puts nothing on the bench', async () => {
  const { url, questions, ring } = await startConsole()
  ring.add(recordOf(), 1)
  const { port } = foreign.address() as AddressInfo
  // The same host at another port is another origin, and the same site.
  for (const host of ['127.0.0.1', 'localhost']) {
    opened = await openPage(browser, `http://${host}:${port}/`)
    const { page } = opened
    const reach = (path: string, init: object): Promise<string> =>
      page.evaluate(
        ([target, options]) =>
          fetch(String(target), Object(options)).then(
            answer => answer.type,
            () => 'refused',
          ),
        [url + path, init],
      )
    const post = { method: 'POST', body: QUESTION }
    const json = { 'content-type': 'application/json' }
    expect(await reach('/console/bench', { ...post, headers: json })).toBe('refused')
    expect(await reach('/console/bench', { ...post, mode: 'no-cors' })).toBe('refused')
    expect(await reach('/console/status', {})).toBe('refused')
    const events = await page.evaluate(
      target =>
        new Promise(resolve => {
          const source = new EventSource(target)
          source.onopen = () => resolve('open')
          source.onerror = () => resolve('refused')
        }),
      `${url}/decisions`,
    )
    expect(events).toBe('refused')
    await page.setContent(
      `<form method="post" enctype="text/plain" action="${url}/console/bench"><input name='{"side":"' value='input"}'></form>`,
    )
    const [answer] = await Promise.all([
      page.waitForResponse(`${url}/console/bench`),
      page.evaluate('document.forms[0].submit()'),
    ])
    expect(answer.status()).toBe(403)
    await page.context().close()
  }
  expect(questions).toEqual([])
})

test('the page stands in no frame of another', async () => {
  const { url } = await startConsole()
  const { port } = foreign.address() as AddressInfo
  opened = await openPage(browser, `http://127.0.0.1:${port}/`)
  const { page } = opened
  await page.setContent(`<iframe src="${url}/console/"></iframe>`)
  await page.locator('iframe').waitFor()
  await expect.poll(() => opened?.troubles.join(' ')).toContain('frame')
})

test('without the bench the page shows none', async () => {
  const { url } = await startConsole({ access: 'read_only' })
  opened = await openPage(browser, `${url}/console/`)
  const { page } = opened
  await expect.poll(() => page.locator('#version').textContent()).toBe('v1')
  expect(await page.locator('#bench').isVisible()).toBe(false)
  expect(await page.getByRole('link', { name: 'Bench' }).isVisible()).toBe(false)
})

test.each(['light', 'dark'] as const)('every text can be told from its ground (%s)', async colorScheme => {
  const { url, ring } = await startConsole()
  for (const effective of ['released', 'redacted', 'denied', 'discarded'] as const) {
    ring.add(recordOf({ effective }), 1)
  }
  ring.add(recordOf({ because: 'alerted' }), 1)
  opened = await openPage(browser, `${url}/console/`, { colorScheme })
  const { page } = opened
  await page.locator('tr.decision').nth(4).waitFor()
  expect(await page.evaluate(LOW_CONTRAST)).toEqual([])
})

/** Texts whose contrast is below 4.5 to 1 (WCAG 2.2, 1.4.3), as an expression for the page. */
const LOW_CONTRAST = `
(() => {
  const channels = color => color.match(/[\\d.]+/g).map(Number)
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * x + 0.7152 * y + 0.0722 * z
  }
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const found = channels(getComputedStyle(at).backgroundColor)
      if (found[3] !== 0) return found
    }
    return [255, 255, 255]
  }
  const texts = [...document.querySelectorAll('body *')].filter(
    one => one.checkVisibility() && [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim() !== ''),
  )
  return texts.flatMap(one => {
    const [a, b] = [light(channels(getComputedStyle(one).color)), light(ground(one))]
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    return contrast < 4.5 ? [one.tagName + ' ' + one.textContent.trim().slice(0, 40) + ' ' + contrast.toFixed(2)] : []
  })
})()`
