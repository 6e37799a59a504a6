import type { MessageEvent } from './held-response.ts'

/**
 * Why an exchange cannot be judged by what Envoy shows of it; undefined where it can. What is not shown must not be
 * taken for harmless: without a path no policy and no format is found, without a status no answer looks like one, and
 * a body whose headers were kept back would pass as one that nobody looks at. `begun`: that side's headers have come.
 */
export function whyNotShown(event: MessageEvent, begun: boolean): string | undefined {
  const { side } = event
  if (event.kind !== 'headers') {
    return begun ? undefined : `the ${side} came without its headers: let processing_mode send them`
  }
  const needed = side === 'request' ? ':path' : ':status'
  if (event.headers.get(needed) !== undefined || event.headers.get(':method') === 'CONNECT') return undefined
  return `the ${side} headers came without ${needed}: let forward_rules pass it on`
}
