import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { chatCompletion, chatRequest } from '../support/chat.ts'
import { snapshotOf } from '../support/config.ts'
import { type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import { type Stack, startStack } from '../support/stack.ts'

const ASKED = 'what was asked'
const ANSWERED = 'what was answered'

describe.each(ENVOY_MODES)('when a rule is asked, Envoy in %s', mode => {
  let stack: Stack
  let lakera: LakeraStub
  beforeAll(async () => {
    stack = await startStack(mode)
    lakera = await startLakeraStub()
  })
  afterAll(async () => {
    await stack.stop()
    await lakera.close()
  })

  /** Plays one exchange under rules; returns the texts that the service was asked about. */
  async function askedUnder(rules: string, content = ASKED): Promise<readonly string[]> {
    const snapshot = snapshotOf(`
guardrails:
  lakera: { kind: lakera, lakera_endpoint: "${lakera.url}" }
  words: { kind: keywords, words: [forbidden] }
policies: [{ name: chat, guardrails: [${rules}] }]
`)
    stack.use(snapshot.policySet)
    stack.upstream.respond({
      headers: { 'content-type': 'application/json' },
      chunks: [chatCompletion(ANSWERED)],
    })
    const before = lakera.requests.length
    await (await stack.chat(chatRequest(content))).text()
    await snapshot.close()
    return lakera.requests.slice(before).flatMap(({ messages }) => messages.map(one => String(one.content)))
  }

  test.each([
    ['mode: pre_call', 'the request', [ASKED]],
    ['direction: input', 'the request', [ASKED]],
    ['mode: post_call', 'the answer', [ANSWERED]],
    ['direction: output', 'the answer', [ANSWERED]],
    ['mode: [pre_call, post_call]', 'both', [ASKED, ANSWERED]],
    ['direction: both', 'both', [ASKED, ANSWERED]],
  ])('%s is asked about %s', async (rule, _, texts) => {
    expect(await askedUnder(`{ use: lakera, ${rule} }`)).toEqual(texts)
  })

  test('a guard service is not asked about what a local rule denies', async () => {
    const rules = '{ use: lakera }, { use: words }'
    expect(await askedUnder(rules, 'a forbidden word')).toEqual([])
    expect(await askedUnder(rules)).toEqual([ASKED])
  })
})
