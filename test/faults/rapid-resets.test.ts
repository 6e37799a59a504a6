import http from 'node:http'
import { expect, test } from 'vitest'
import { chatCompletion, chatRequest } from '../support/chat.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { startStack } from '../support/stack.ts'

const REQUESTS = Number(process.env.WEIR_RESET_REQUESTS ?? 100_000)
const AT_ONCE = 32

/** Sends `count` requests, `AT_ONCE` at a time, and counts the answers that are not the one expected. */
async function sendMany(url: string, count: number, body: string, expected: string): Promise<number> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE })
  let failed = 0
  let left = count
  const one = (): Promise<boolean> =>
    new Promise(resolve => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const request = http.request(url, { method: 'POST', agent, headers }, response => {
        let text = ''
        response.on('data', (chunk: Buffer) => {
          text += chunk
        })
        response.on('end', () => resolve(response.statusCode === 200 && text === expected))
        response.on('error', () => resolve(false))
      })
      request.on('error', () => resolve(false))
      request.end(body)
    })
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      if (!(await one())) failed += 1
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  agent.destroy()
  return failed
}

test(`${REQUESTS} requests over one connection, ${AT_ONCE} at once, end with none failed, however many Envoy resets`, async () => {
  const stack = await startStack('full-duplex', {
    // Envoy's default: it resets calls instead of closing them in order.
    overrides: bootstrap => {
      Reflect.deleteProperty(bootstrap, 'layered_runtime')
    },
  })
  try {
    // An echoed exchange is never ended by Weir, so that Envoy has to reset it.
    stack.use(policySet(policy({ outputRules: [rule(flagWord('never'))] })))
    const answer = chatCompletion('fine')
    stack.upstream.respond({ headers: { 'content-type': 'application/json' }, chunks: [answer] })
    const failed = await sendMany(
      `${stack.envoy.address}/v1/chat/completions`,
      REQUESTS,
      chatRequest('hello'),
      answer,
    )
    const resets = await stack.envoy.stats('cluster.weir.upstream_rq_tx_reset')
    const connections = await stack.envoy.stats('cluster.weir.upstream_cx_total')
    console.log({ failed, resets, connections })
    expect(failed).toBe(0)
    expect(connections).toBe(1)
  } finally {
    await stack.stop()
  }
}, 600_000)
