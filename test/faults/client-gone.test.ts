import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { Snapshot } from '../../src/config/snapshot.ts'
import { snapshotOf } from '../support/config.ts'
import { type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import { type Stack, startStack } from '../support/stack.ts'
import { STREAM_TYPE, text } from '../support/stream-events.ts'
import { gate } from '../support/upstream.ts'
import { fault } from './fault.ts'
import { asksForJson, asksForStream, chat } from './served-stack.ts'

let stack: Stack
let lakera: LakeraStub
let snapshot: Snapshot
beforeAll(async () => {
  stack = await startStack('full-duplex')
})
beforeEach(async () => {
  lakera = await startLakeraStub()
  lakera.failAlways({ kind: 'hang' })
})
afterEach(async () => {
  await snapshot.close()
  await lakera.close()
})
afterAll(() => stack.stop())

async function judged(direction: 'input' | 'output'): Promise<void> {
  snapshot = await snapshotOf(`
guardrails: { lakera: { kind: lakera, lakera_endpoint: "${lakera.url}", timeout: 600000 } }
policies:
  - name: all
    guardrails: [{ use: lakera, direction: ${direction} }]
    stream: { delivery: window, hold_back_chars: 0, window: { first_chars: 1 } }
`)
  stack.use(snapshot.policySet)
}

/** The guard's answer, which would take ten minutes, is not waited for. */
async function allIsCancelled(phase: 'request' | 'response', bytesDiscarded: number): Promise<void> {
  await lakera.hungUp
  const { telemetry } = stack.weir
  await telemetry.until(() => telemetry.ends.length > 0)
  expect([telemetry.ends, telemetry.heldBytes]).toEqual([['closed-by-envoy'], 0])
  const record = await telemetry.decided(phase)
  expect(record).toMatchObject({
    effective: 'discarded',
    because: 'cancelled',
    bytesReleased: 0,
    bytesDiscarded,
  })
  expect(telemetry.faults).toEqual([])
}

fault(
  {
    fault: 'the client goes away while its request is judged',
    client: 'it is gone',
    log: '`decision` with `discarded`, `cancelled`',
    kept: 'the guard service is not waited for, the LLM not asked',
  },
  async () => {
    await judged('input')
    const asked = stack.upstream.requests.length
    const client = chat(stack.envoy, asksForJson)
    await lakera.waitForRequests(1)
    client.leave()
    await allIsCancelled('request', asksForJson.length)
    expect(stack.upstream.requests).toHaveLength(asked)
  },
)

fault(
  {
    fault: 'the client goes away while its answer is judged',
    client: 'it is gone',
    log: '`decision` with `discarded`, `cancelled`',
    kept: 'the guard service is not waited for; the LLM is cancelled, and spends no more tokens',
  },
  async () => {
    await judged('output')
    const asked = stack.upstream.requests.length
    const never = gate()
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: [text('an answer'), never] })
    const client = chat(stack.envoy, asksForStream)
    await lakera.waitForRequests(1)
    client.leave()
    await allIsCancelled('response', text('an answer').length)
    await (await stack.upstream.request(asked)).aborted
  },
)
