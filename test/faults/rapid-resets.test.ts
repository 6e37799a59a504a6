import http from 'node:http'
import { expect } from 'vitest'
import { chatCompletion, chatRequest } from '../support/chat.ts'
import { flagWord, policy, policySet, rule } from '../support/policies.ts'
import { startStack } from '../support/stack.ts'
import { fault } from './fault.ts'

/** Node closes a connection for a thousand resets, and as many more as 33 a second make, where nobody tells it otherwise. */
const REQUESTS = Number(process.env.WEIR_RESET_REQUESTS ?? 20_000)
const AT_ONCE = 32

/** Sends `count` requests, `AT_ONCE` at a time, and gives what came instead of the answer expected. */
async function sendMany(url: string, count: number, body: string, expected: string): Promise<string[]> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE })
  const failures: string[] = []
  let left = count
  const one = (): Promise<string | undefined> =>
    new Promise(resolve => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const request = http.request(url, { method: 'POST', agent, headers }, response => {
        let text = ''
        response.on('data', (chunk: Buffer) => {
          text += chunk
        })
        response.on('end', () => {
          const isExpected = response.statusCode === 200 && text === expected
          resolve(isExpected ? undefined : `${response.statusCode} ${text.slice(0, 200)}`)
        })
        response.on('error', error => resolve(error.message))
      })
      request.on('error', error => resolve(error.message))
      request.end(body)
    })
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const failure = await one()
      if (failure !== undefined) failures.push(failure)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  agent.destroy()
  return failures
}

fault(
  {
    fault: 'Envoy resets every call, twenty thousand of them on one connection',
    client: 'its answers, all of them',
    log: 'nothing beside the decisions',
    kept: 'the one connection to Weir stays, and with it what else runs on it',
  },
  async () => {
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
      const failures = await sendMany(
        `${stack.envoy.address}/v1/chat/completions`,
        REQUESTS,
        chatRequest('hello'),
        answer,
      )
      const resets = await stack.envoy.stats('cluster.weir.upstream_rq_tx_reset')
      const connections = await stack.envoy.stats('cluster.weir.upstream_cx_total')
      expect(failures).toEqual([])
      expect(resets).toBe(REQUESTS)
      expect(connections).toBe(1)
    } finally {
      await stack.stop()
    }
  },
  600_000,
)
