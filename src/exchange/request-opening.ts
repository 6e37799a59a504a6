import { detectFormat, placeOf } from '../llm/detect.ts'
import { hasReadCharset } from '../llm/response-shape.ts'
import { needsConversation } from '../policy/needs.ts'
import type { Policy } from '../policy/policy.ts'
import { keptByRoute, type RouteFacts, selectPolicy } from '../policy/select.ts'
import { whyBlind } from './body-modes.ts'
import { contentEncodingOf } from './content-coding.ts'
import type { HeaderReader, HeadersEvent } from './events.ts'
import type { ExchangeInit } from './host.ts'
import type { GuardedRequest, RequestHead } from './known-request.ts'

/** What becomes of a request, as far as its headers tell. */
export type Opening =
  | { readonly kind: 'unknown-policy' }
  | { readonly kind: 'unmatched' }
  /** Its policy has no rules. */
  | { readonly kind: 'unruled' }
  /** No format takes it, or there is no body to look at. */
  | { readonly kind: 'unsupported'; readonly policy: Policy }
  /** What follows is no body: it has no end to judge it at, and either side may speak at any time. */
  | { readonly kind: 'upgrade' }
  /** Envoy sends too little of it. */
  | { readonly kind: 'blind'; readonly why: string }
  /** Complete as it is; its answer is looked at. */
  | { readonly kind: 'bodiless'; readonly guarded: GuardedRequest }
  | {
      readonly kind: 'body'
      readonly guarded: GuardedRequest
      readonly way: Way
      readonly coding: BodyCoding
    }

/** `gathered`: the body waits until it was judged; `copied`: it goes on at once. */
type Way = 'gathered' | 'copied'

interface BodyCoding {
  /** Undefined where there is none, or none that is known. */
  readonly contentEncoding: string | undefined
  /** The coding is known, and the charset is one that is read. */
  readonly isReadable: boolean
}

/**
 * Chooses the policy and the format of a request, and what they make of it; at the end, the policies that did not take
 * it for want of a route's name alone.
 */
export function openingOf(
  event: HeadersEvent,
  init: ExchangeInit,
): readonly [RequestHead, Opening, readonly Policy[]] {
  const { headers } = event
  const place = placeOf(headers.get(':path') ?? '')
  const facts: RouteFacts = {
    policyName: init.policyName,
    host: headers.get(':authority'),
    path: place.path,
    route: event.attributes.get('xds.route_name'),
  }
  const selection = selectPolicy(init.policies, facts)
  const kept = keptByRoute(init.policies, facts, selection)
  if (selection.kind !== 'policy') {
    return [{ headers, place, policy: undefined, format: undefined }, selection, kept]
  }
  const { policy } = selection
  const head = { headers, place, policy, format: detectFormat(place, init.policies.formats) }
  return [head, openingBy(policy, head, event, init), kept]
}

function openingBy(
  policy: Policy,
  { format }: RequestHead,
  { headers, endOfStream }: HeadersEvent,
  init: ExchangeInit,
): Opening {
  const { inputRules, outputRules, parallelRules } = policy
  if (inputRules.length + parallelRules.length + outputRules.length === 0) return { kind: 'unruled' }
  if (format === undefined || (endOfStream && !format.answersWithoutBody)) {
    return { kind: 'unsupported', policy }
  }
  if (headers.get('upgrade') !== undefined) return { kind: 'upgrade' }
  const why = whyBlind(policy, init)
  if (why !== undefined) return { kind: 'blind', why }
  const guarded = { policy, format }
  if (endOfStream) return { kind: 'bodiless', guarded }
  // Rules beside the call hold the answer themselves, until the request was read.
  const isAskedByAnswer = parallelRules.length === 0 && needsConversation(policy)
  const wantsWhole = inputRules.length > 0 || policy.canonicalize || isAskedByAnswer
  const way = wantsWhole && !init.observed ? 'gathered' : 'copied'
  return { kind: 'body', guarded, way, coding: codingOf(headers, init) }
}

function codingOf(headers: HeaderReader, { codings }: ExchangeInit): BodyCoding {
  const contentEncoding = contentEncodingOf(headers.get('content-encoding'))
  const isKnown = contentEncoding === undefined || codings.knows(contentEncoding)
  return {
    contentEncoding: isKnown ? contentEncoding : undefined,
    isReadable: isKnown && hasReadCharset(headers.get('content-type')),
  }
}
