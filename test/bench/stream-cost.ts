import type { PolicySet } from '../../src/policy/policy.ts'
import { CHAT_HEADERS, chatRequest, STREAM_ANSWER } from '../support/chat.ts'
import { EnvoyModel } from '../support/envoy-model.ts'

const REQUEST = Buffer.from(chatRequest('hello', { stream: true }))

/** A whole streamed exchange in full duplex, without gRPC. Throws when the answer is not let through. */
export function playStream(policies: PolicySet, chunks: readonly Uint8Array[]): void {
  const envoy = new EnvoyModel(policies, { mode: 'full-duplex' })
  envoy.headers('request', CHAT_HEADERS)
  envoy.body('request', REQUEST, 'end')
  envoy.headers('response', STREAM_ANSWER)
  for (const chunk of chunks) envoy.body('response', chunk)
  envoy.body('response', '', 'end')
  const effective = envoy.records.at(-1)?.effective
  if (!envoy.response.endOut || effective !== 'released') throw new Error(`not released but ${effective}`)
}

export interface StreamCost {
  readonly chunks: number
  /** CPU microseconds of this thread for one chunk, one sample for each round. */
  readonly samples: readonly number[]
}

/**
 * What one chunk costs in streams of each length. A round plays as many chunks of every length, so the short streams
 * several times over; lengths take turns. No round begins later than `atMostMs`.
 */
export function measureStreamCost(
  policies: PolicySet,
  answers: readonly (readonly Uint8Array[])[],
  { rounds, warmUpRounds, atMostMs }: { rounds: number; warmUpRounds: number; atMostMs: number },
): readonly StreamCost[] {
  const longest = Math.max(...answers.map(({ length }) => length))
  const costs = answers.map(answer => ({ chunks: answer.length, samples: [] as number[] }))
  const overAt = performance.now() + atMostMs
  for (let round = -warmUpRounds; round < rounds && performance.now() < overAt; round++) {
    for (const [index, answer] of answers.entries()) {
      const times = Math.round(longest / answer.length)
      const before = process.threadCpuUsage()
      for (let time = 0; time < times; time++) playStream(policies, answer)
      const { user, system } = process.threadCpuUsage(before)
      if (round >= 0) costs[index]?.samples.push((user + system) / (times * answer.length))
    }
  }
  return costs
}
