import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chatRequest } from '../support/chat.ts'
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { askChat, SCENARIOS } from '../support/guarded-traffic.ts'
import { serveConfig } from '../support/served.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { buildWeirImage, engineAnswers, IMAGE_WITHIN_MS, serveImage } from '../support/weir-docker.ts'

const CONFIG = `
guardrails: { words: { kind: keywords, words: [forbidden] } }
policies: [{ name: chat, guardrails: [{ use: words, direction: both }] }]
`

interface Driver {
  /** Part of the tests' names: it says what was really run. */
  readonly what: string
  readonly envoy: 'docker' | 'binary'
  serve(): Promise<{ readonly address: string; stop(): Promise<void> }>
}

const BINARIES: Driver = {
  what: 'as the binaries of this checkout: no container engine answers here',
  envoy: 'binary',
  serve: () => serveConfig(CONFIG),
}

const IMAGES: Driver = {
  what: 'as the images of Envoy and of deploy/Dockerfile',
  envoy: 'docker',
  serve: async () => serveImage(await buildWeirImage(), CONFIG),
}

const driver = (await engineAnswers()) ? IMAGES : BINARIES

describe(`Envoy and Weir, ${driver.what}`, () => {
  let weir: { readonly address: string; stop(): Promise<void> } | undefined
  let llm: Upstream | undefined
  let envoy: RunningEnvoy | undefined

  beforeAll(async () => {
    weir = await driver.serve()
    llm = await startUpstream()
    envoy = await startEnvoy({
      mode: 'full-duplex',
      weirAddress: weir.address,
      upstreamAddress: llm.address,
      driver: driver.envoy,
    })
  }, IMAGE_WITHIN_MS)
  afterAll(async () => {
    await envoy?.stop()
    await llm?.stop()
    await weir?.stop()
  })

  test.each(SCENARIOS)('$name', scenario => scenario.run({ url: envoy!.address, llm: llm! }))

  test('when Weir has gone nothing passes', async () => {
    await weir!.stop()
    weir = undefined
    const before = llm!.requests.length
    const answer = await askChat({ url: envoy!.address }, chatRequest('hello'))
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({ error: { code: 'guardrail_unavailable' } })
    expect(llm!.requests).toHaveLength(before)
  })
})
