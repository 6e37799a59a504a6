import type { MessageEvent } from './events.ts'
import type { ExchangeInit } from './host.ts'

/**
 * Why an exchange cannot be judged by what Envoy shows of it; undefined where it can. What is not shown must not be
 * taken for harmless: without a path, or a host where one is asked for, no policy and no format is found, without a
 * status no answer looks like one, and a body whose headers were kept back would pass as one that nobody looks at.
 * `begun`: that side's headers have come.
 */
export function whyNotShown(event: MessageEvent, begun: boolean, init: ExchangeInit): string | undefined {
  const { side } = event
  if (event.kind !== 'headers') {
    return begun
      ? undefined
      : `the ${side} came without its headers: set processing_mode.${side}_header_mode to SEND`
  }
  const { headers } = event
  const isMissing = (name: string): boolean => headers.get(name) === undefined
  if (side === 'response') return isMissing(':status') ? keptBack(side, ':status') : undefined
  // A tunnel has none.
  if (isMissing(':path') && headers.get(':method') !== 'CONNECT') return keptBack(side, ':path')
  return asksForHost(init) && isMissing(':authority') ? keptBack(side, ':authority') : undefined
}

function asksForHost({ policies: { policies }, policyName }: ExchangeInit): boolean {
  return policyName === undefined && policies.some(({ match }) => match?.hosts !== undefined)
}

function keptBack(side: string, name: string): string {
  return `the ${side} headers came without ${name}: let forward_rules.disallowed_headers leave it, and allowed_headers have it`
}
