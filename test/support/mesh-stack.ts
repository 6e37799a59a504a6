import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RemoteGuardrail } from '../../src/guardrail/guardrail.ts'
import { chatRequest } from './chat.ts'
import { type RunningEnvoy, startEnvoyWith } from './envoy.ts'
import { askChat, type Guarded, SCENARIOS } from './guarded-traffic.ts'
import { flagWord, policy, policySet, remoteGuardrail, rule } from './policies.ts'
import { startUpstream, type Upstream } from './upstream.ts'
import { type RunningWeir, startWeir } from './weir.ts'

/** A port that nothing listens on: 1 is reserved. */
const NOBODY = '127.0.0.1:1'
/** More than Envoy's default message_timeout of 200 ms, and than the request timeout that a control plane may add. */
const SLOW_MS = 600
/** The name that deploy/istio/route-policy.yaml gives: any other would be denied there. */
const POLICY = 'chat'

export interface MeshStack extends Guarded {
  readonly envoy: RunningEnvoy
  readonly weir: RunningWeir
}

/** Makes a bootstrap that reaches Weir and the LLM at these addresses. */
export type MeshBootstrap = (at: { weir: string; llm: string }) => object

/** Sends the common scenarios, and what a proxy's own settings could break, through what a control plane made. */
export function describeMesh(
  name: string,
  bootstrap: MeshBootstrap,
  more: (running: () => MeshStack) => void = () => {},
): void {
  let stack: MeshStack | undefined
  const running = (): MeshStack => {
    if (stack === undefined) throw new Error('the stack starts with the tests')
    return stack
  }
  describe(name, () => {
    beforeAll(async () => {
      stack = await start(bootstrap)
    })
    afterAll(async () => {
      await stack?.envoy.stop()
      await stack?.llm.stop()
      await stack?.weir.stop()
    })

    test.each(SCENARIOS)('$name', scenario => scenario.run(running()))

    test('a guard service may take its time', async () => {
      const { weir } = running()
      const usual = weir.policies
      weir.policies = policySet(policy({ name: POLICY, inputRules: [rule(slow)] }))
      const answer = await askChat(running(), chatRequest('hello'))
      weir.policies = usual
      expect(answer.status).toBe(200)
      expect(await weir.telemetry.decided('request')).toMatchObject({ effective: 'released' })
    })

    test('without Weir nothing passes', async () => {
      const llm = await startUpstream()
      const envoy = await startEnvoyWith(bootstrap({ weir: NOBODY, llm: llm.address }))
      const answer = await askChat({ url: envoy.address }, chatRequest('hello'))
      expect(answer.status).toBe(503)
      expect(llm.requests).toEqual([])
      await envoy.stop()
      await llm.stop()
    })

    more(running)
  })
}

const slow: RemoteGuardrail = {
  ...remoteGuardrail('slow'),
  timeoutMs: 10_000,
  scan: () => delay(SLOW_MS, { kind: 'clean' }),
}

async function start(bootstrap: MeshBootstrap): Promise<MeshStack> {
  const rules = [rule(flagWord('forbidden'))]
  const weir = await startWeir(policySet(policy({ name: POLICY, inputRules: rules, outputRules: rules })))
  const llm: Upstream = await startUpstream()
  const envoy = await startEnvoyWith(bootstrap({ weir: weir.address, llm: llm.address }))
  return { url: envoy.address, llm, envoy, weir }
}
