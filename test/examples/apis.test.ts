import { afterAll, beforeAll, expect, test } from 'vitest'
import { detectFormat, type OwnPath, placeOf } from '../../src/llm/detect.ts'
import type { ClientDriver } from '../clients/driver.ts'
import { DRIVERS } from '../clients/drivers.ts'
import { snapshotOf } from '../support/config.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { configsIn, textOf } from './files.ts'
import { requestsIn, runRequest } from './requests.ts'

/** What the LLM says to whoever gets through: each config redacts personal data, where the API has texts. */
const TOKENS = ['Write ', 'to ', 'jane@example.com', '.']

let stack: Stack
beforeAll(async () => {
  stack = await startStack('full-duplex')
})
afterAll(async () => {
  await stack.stop()
})

/** Has the LLM answer in the API that is asked, streamed where the request wants it. Tells which client's API it was. */
function answerAsAsked(formats: readonly OwnPath[]): () => ClientDriver | undefined {
  let played: ClientDriver | undefined
  stack.upstream.respond(async (request, reply) => {
    const body = await request.complete
    const place = placeOf(request.path)
    const format = detectFormat(place, formats)
    const asked = format?.decodeRequest(body, place)
    const said = asked?.kind === 'ok' ? asked.value.streams : undefined
    const streams = said ?? String(request.headers.accept).includes('text/event-stream')
    played = DRIVERS.find(driver => driver.format === format?.name && driver.streams === streams)
    const answer = played?.answer(TOKENS)
    reply.head(answer === undefined ? 404 : 200, { 'content-type': answer?.contentType })
    for (const chunk of answer?.chunks ?? []) await reply.send(chunk)
    reply.end()
  })
  return () => played
}

test.each(configsIn('apis'))('%s: its requests come to what they say, through Envoy', async name => {
  const snapshot = snapshotOf(textOf(`${name}.yaml`))
  try {
    for (const { title, script, claims } of requestsIn(textOf(`${name}.sh`))) {
      stack.use(snapshot.policySet)
      const played = answerAsAsked(snapshot.policySet.formats)
      const before = stack.upstream.requests.length
      const shown = await runRequest(script, stack.envoy.address)
      const reached = stack.upstream.requests.length - before
      for (const claim of claims) expect(shown, title).toContain(claim)
      if (title.startsWith('Denied')) {
        expect(claims, title).not.toEqual([])
        expect({ title, reached }).toEqual({ title, reached: 0 })
        continue
      }
      expect(title).toMatch(/^Passes/)
      expect(shown).toMatch(/^HTTP\/1\.1 200 OK\n/m)
      expect({ title, reached }).toEqual({ title, reached: 1 })
      expect(String(stack.upstream.requests.at(-1)?.body), title).not.toContain('jane@')
      const { streams, denied } = played() ?? {}
      expect({ title, streams }).toEqual({ title, streams: title.includes('streamed') })
      if (denied?.kind !== 'answer') continue
      expect(shown, title).toContain('<EMAIL>')
      expect(shown, title).not.toContain('jane@')
    }
  } finally {
    await snapshot.close()
  }
})
