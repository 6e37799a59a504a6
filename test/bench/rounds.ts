import type { Upstream, UpstreamHandler } from '../support/upstream.ts'
import type { GuardCall } from './slow-guard.ts'
import type { TimedAnswer, TimedClient } from './timed-client.ts'

export type Goal =
  /** At most so many milliseconds more than the group's first variant, at the median. */
  | { readonly kind: 'added-ms'; readonly atMost: number }
  /** The first text waits for at most so many calls of a guard service, nine times of ten. */
  | { readonly kind: 'guard-calls'; readonly atMost: number }

export interface Variant {
  readonly name: string
  readonly host: string
  readonly goal?: Goal
}

export interface Group {
  readonly title: string
  /** The others are compared with the first. */
  readonly variants: readonly [Variant, ...Variant[]]
  readonly request: Buffer
  readonly answer: UpstreamHandler
  /** What the client must get of it, byte for byte. */
  readonly expected: Buffer
  readonly rounds: number
  readonly warmUpRounds: number
  /** No round begins later than this. */
  readonly atMostMs: number
}

export interface Sample extends TimedAnswer {
  /** Requests that guard services got in all. */
  readonly guardCalls: number
  /** Those that were answered before the first text came, so that it may have waited for them. */
  readonly guardCallsBeforeText: number
  /** Milliseconds from the client's request to the first of them; undefined without one. */
  readonly guardAskedMs: number | undefined
}

export interface Rig {
  readonly upstream: Upstream
  readonly client: TimedClient
  /** What guard services were asked so far. */
  readonly guardCalls: readonly GuardCall[]
  readonly interrupted: AbortSignal
}

/**
 * The samples of each variant, in the order of `variants`. Every round takes one of each, beginning with another one
 * each time. Rejects when a client did not get the upstream's answer, and when it is interrupted.
 */
export async function runRounds(rig: Rig, group: Group): Promise<readonly (readonly Sample[])[]> {
  rig.upstream.respond(group.answer)
  const samples = group.variants.map((): Sample[] => [])
  const overAt = performance.now() + group.atMostMs
  for (let round = -group.warmUpRounds; round < group.rounds && performance.now() < overAt; round++) {
    for (let turn = 0; turn < group.variants.length; turn++) {
      const index = (round + group.warmUpRounds + turn) % group.variants.length
      const sample = await exchange(rig, group, group.variants[index]!)
      if (round >= 0) samples[index]?.push(sample)
    }
  }
  return samples
}

async function exchange(rig: Rig, group: Group, { name, host }: Variant): Promise<Sample> {
  rig.interrupted.throwIfAborted()
  const before = rig.guardCalls.length
  const answer = await rig.client.post(host, group.request)
  if (answer.status !== 200 || !answer.body.equals(group.expected)) {
    throw new Error(`${name}: status ${answer.status} and not the upstream's answer: ${answer.body}`)
  }
  const { startedAt, firstTextMs, totalMs } = answer
  const calls = rig.guardCalls.slice(before)
  const textAt = startedAt + (firstTextMs ?? totalMs)
  return {
    ...answer,
    guardCalls: calls.length,
    guardCallsBeforeText: calls.filter(({ answeredAt }) => answeredAt !== undefined && answeredAt <= textAt)
      .length,
    guardAskedMs: calls[0] && calls[0].arrivedAt - startedAt,
  }
}
