import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { MAX_READERS } from '../../../src/console/decision-feed.ts'
import { KEPT_DECISIONS } from '../../../src/console/decision-ring.ts'
import { recordOf } from '../telemetry/records.ts'
import { startConsole } from './running.ts'

const EVENTS = { headers: { accept: 'text/event-stream' } }

/** Reads a following answer until its text holds what is wanted. */
async function readUntil(answer: Response, wanted: string | RegExp): Promise<string> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!(typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text))) {
    const { value, done } = await reader.read()
    if (done) throw new Error(`it ended before ${wanted}: ${text}`)
    text += value
  }
  reader.releaseLock()
  return text
}

describe('/decisions', () => {
  it('gives the kept ones as lines, and ends', async () => {
    const { url, ring } = await startConsole()
    for (const policy of ['a', 'b', 'c']) ring.add(recordOf({ policy }), 1)
    const answer = await fetch(`${url}/decisions`)
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const lines = (await answer.text()).trimEnd().split('\n')
    expect(lines.map(line => JSON.parse(line).policy)).toEqual(['a', 'b', 'c'])
    const last = await (await fetch(`${url}/decisions?last=1`)).text()
    expect(JSON.parse(last).policy).toBe('c')
  })

  it.each(['501', '-1', 'x', '1.5', ''])('refuses last=%s', async last => {
    const { url } = await startConsole()
    const answer = await fetch(`${url}/decisions?last=${last}`)
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { error: `last must be a whole number from 0 to ${KEPT_DECISIONS}` },
    ])
  })

  it('answers HEAD with headers alone', async () => {
    const { url } = await startConsole()
    const answer = await fetch(`${url}/decisions`, { method: 'HEAD', ...EVENTS })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
    ])
    expect(await answer.text()).toBe('')
  })

  it('follows as lines', async () => {
    const { url, ring } = await startConsole()
    ring.add(recordOf({ policy: 'before' }), 1)
    const answer = await fetch(`${url}/decisions?follow=true`)
    ring.add(recordOf({ policy: 'after' }), 1)
    const text = await readUntil(answer, '"after"')
    expect(
      text
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line).policy),
    ).toEqual(['before', 'after'])
  })

  it('follows as an event stream, and goes on where a reader was', async () => {
    const { url, ring } = await startConsole()
    ring.add(recordOf({ policy: 'first' }), 1)
    const text = await readUntil(await fetch(`${url}/decisions`, EVENTS), '"first"')
    expect(text).toMatch(/^retry: 2000\n\nid: [0-9a-f]{8}-1\nevent: decision\ndata: \{.*\}\n\n$/)
    const id = /id: (.*)/.exec(text)![1]!
    ring.add(recordOf({ policy: 'second' }), 1)
    const again = await fetch(`${url}/decisions`, {
      headers: { ...EVENTS.headers, 'last-event-id': id },
    })
    const rest = await readUntil(again, '"second"')
    expect(rest).not.toContain('"first"')
  })

  it('takes no place of another process for its own', async () => {
    const { url, ring } = await startConsole()
    for (const policy of ['a', 'b']) ring.add(recordOf({ policy }), 1)
    const answer = await fetch(`${url}/decisions`, {
      headers: { ...EVENTS.headers, 'last-event-id': '00000000-2' },
    })
    expect(await readUntil(answer, '"b"')).toContain('"a"')
  })

  it('says what a reader has missed', async () => {
    const { url, ring } = await startConsole()
    const answer = await fetch(`${url}/decisions?follow=true&last=0`)
    const events = await fetch(`${url}/decisions?last=0`, EVENTS)
    for (let index = 0; index < KEPT_DECISIONS + 5; index++) ring.add(recordOf(), 1)
    expect(JSON.parse((await readUntil(answer, '\n')).split('\n')[0]!)).toMatchObject({
      level: 'warn',
      msg: 'decisions left out: 5',
    })
    expect(await readUntil(events, 'gap')).toContain('event: gap\ndata: {"missed":5}\n\n')
  })

  it('lets a reader that takes nothing miss decisions, and keeps next to none for it', async () => {
    const { url, ring } = await startConsole()
    const { hostname, port } = new URL(url)
    const deaf = connect(Number(port), hostname)
    deaf.write(`GET /decisions?follow=true&last=0 HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`)
    deaf.pause()
    const lively = await fetch(`${url}/decisions?follow=true&last=0`)
    const reader = lively.body!.pipeThrough(new TextDecoderStream()).getReader()
    const policy = 'p'.repeat(20_000)
    // 60 MB in all.
    for (let batch = 0; batch < 30; batch++) {
      for (let index = 0; index < 100; index++) ring.add(recordOf({ policy }), 1)
      let fresh = 0
      while (fresh < 100) fresh += (await reader.read()).value!.split('\n').length - 1
      expect(fresh).toBe(100)
    }
    await reader.cancel()
    let bytes = 0
    const told = new Promise<void>(resolve =>
      deaf.on('data', chunk => {
        bytes += Buffer.byteLength(chunk)
        if (chunk.includes('decisions left out')) resolve()
      }),
    )
    deaf.resume()
    await told
    // What both ends of a connection hold by themselves.
    expect(bytes).toBeLessThan(30_000_000)
    deaf.destroy()
  }, 60_000)

  it(`lets ${MAX_READERS} follow and no more, and the next once one has left`, async () => {
    const { url } = await startConsole()
    const stops = Array.from({ length: MAX_READERS }, () => new AbortController())
    // Kept: the connection of an answer that nobody holds is closed when that is collected.
    const readers = await Promise.all(
      stops.map(({ signal }) => fetch(`${url}/decisions`, { ...EVENTS, signal })),
    )
    expect(readers.map(({ status }) => status)).toEqual(stops.map(() => 200))
    expect((await fetch(`${url}/decisions`, EVENTS)).status).toBe(503)
    expect((await fetch(`${url}/decisions`)).status).toBe(200)
    stops[0]!.abort()
    await expect.poll(async () => (await fetch(`${url}/decisions`, EVENTS)).status).toBe(200)
    expect(readers.slice(1).every(({ bodyUsed }) => !bodyUsed)).toBe(true)
  })

  it('counts those that came together too', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    let asked = 0
    const refresh = (): Promise<void> => {
      asked += 1
      if (asked > MAX_READERS) resolve()
      return promise
    }
    const { url } = await startConsole({ refresh })
    const answers = await Promise.all(
      Array.from({ length: MAX_READERS + 1 }, () => fetch(`${url}/decisions`, EVENTS)),
    )
    expect(answers.filter(({ status }) => status === 503)).toHaveLength(1)
  })

  it('ends with the listener, and says so', async () => {
    const { url, close } = await startConsole()
    const answer = await fetch(`${url}/decisions`, EVENTS)
    const text = answer.text().catch(() => 'cut')
    await close()
    expect(await text).toContain('event: end')
  })

  it('goes on without what a process of several does not tell', async () => {
    const { url, ring, log } = await startConsole({ refresh: () => Promise.reject(new Error('gone')) })
    ring.add(recordOf({ policy: 'here' }), 1)
    expect(await (await fetch(`${url}/decisions`)).text()).toContain('"here"')
    expect(log.lines()).toMatchObject([{ msg: 'decisions of workers not read' }])
  })
})
