import { describe, expect, test } from 'vitest'
import {
  type Denial,
  denialReply,
  errorReply,
  REFUSALS,
  requestFault,
} from '../../../src/exchange/local-reply.ts'
import type { LlmFormat } from '../../../src/llm/format.ts'
import { openaiChat } from '../../../src/llm/openai-chat/index.ts'
import type { Policy } from '../../../src/policy/policy.ts'
import { policy } from '../../support/policies.ts'

const STAMP = { id: '0123456789abcdef0123456789abcdef', startedAtSec: 1_760_000_000 }
const FLAGGED: Denial = {
  side: 'request',
  because: 'flagged',
  findings: [
    { detector: 'prompt_attack', score: 0.5, level: 'l2' },
    { detector: 'prompt_attack', score: 0.974 },
    { detector: 'prompt_attack', score: 0.9 },
    { detector: 'pii/email' },
  ],
}
const FAILED: Denial = { side: 'response', because: 'failed-closed', findings: [] }
const OURS = {
  'cache-control': 'no-store',
  'x-should-retry': 'false',
  'x-weir-decision': 'deny',
  'x-weir-request-id': STAMP.id,
}
const REVEALING: Partial<Policy> = { revealFailureCategories: true }

const reply = (
  denial: Denial,
  settings: Partial<Policy> = {},
  format: LlmFormat = openaiChat,
  shape: 'json' | 'event-stream' = 'json',
) => denialReply(denial, policy(settings), format, STAMP, undefined, shape)
const text = (body: Uint8Array) => new TextDecoder().decode(body)
const said = (denial: Denial, settings?: Partial<Policy>) =>
  JSON.parse(text(reply(denial, settings).body)).choices[0].message.content

describe('the reply of a denial', () => {
  test.each([
    [FLAGGED, 'flagged', 'weir_request_denied_flagged'],
    [FAILED, 'failed-closed', 'weir_response_denied_failed-closed'],
  ])('has these headers and no other: %#', (denial, reason, details) => {
    expect(reply(denial)).toMatchObject({ status: 200, details })
    expect(reply(denial).headers).toEqual({
      ...OURS,
      'x-weir-reason': reason,
      'content-type': 'application/json',
    })
    expect(reply(denial, {}, openaiChat, 'event-stream').headers['content-type']).toBe('text/event-stream')
  })

  test("keeps a format's own headers, but for those that are ours", () => {
    const headers = { 'request-id': 'r', 'cache-control': 'public', 'content-type': 'x' }
    const refusing: LlmFormat = {
      ...openaiChat,
      refusal: () => ({ contentType: 'application/json', body: new Uint8Array(0), headers }),
    }
    expect(reply(FLAGGED, {}, refusing).headers).toMatchObject({
      ...OURS,
      'request-id': 'r',
      'content-type': 'application/json',
    })
  })

  test('names what was found only where the policy reveals it, the highest score of each', () => {
    expect(reply(FLAGGED).headers).not.toHaveProperty('x-weir-detectors')
    expect(reply(FLAGGED, REVEALING).headers['x-weir-detectors']).toBe('prompt_attack;score=0.97, pii/email')
    expect(reply(FAILED, REVEALING).headers).not.toHaveProperty('x-weir-detectors')
  })

  test('lets no name of a guard service leave its place in the header', () => {
    const findings = [{ detector: 'a;b, c\r\nset-cookie: d é', score: 1 }]
    const { headers } = reply({ ...FLAGGED, findings }, REVEALING)
    expect(headers['x-weir-detectors']).toBe('a_b__c__set-cookie__d__;score=1.00')
  })

  test("says the policy's text for its side, and each category once where they are revealed", () => {
    expect(said(FLAGGED)).toBe('Request blocked by policy')
    expect(said(FAILED)).toBe('Response blocked by policy')
    expect(said(FAILED, REVEALING)).toBe('Response blocked by policy')
    expect(said(FLAGGED, REVEALING)).toBe(
      'Request blocked by policy. Flagged categories: prompt_attack (l2), prompt_attack, pii/email',
    )
  })

  test('has the id, the time and the finish reason that were asked for', () => {
    expect(JSON.parse(text(reply(FLAGGED, { finishReason: 'stop' }).body))).toMatchObject({
      id: `chatcmpl-${STAMP.id}`,
      created: STAMP.startedAtSec,
      choices: [{ finish_reason: 'stop' }],
    })
  })

  test('is an error where the policy has a code for it, or the API no answer that says no', () => {
    expect(reply(FLAGGED, { denyCode: 422 }, openaiChat, 'event-stream')).toMatchObject({
      status: 422,
      headers: { ...OURS, 'content-type': 'application/json' },
    })
    const textless = { ...openaiChat, refusal: () => undefined }
    expect(reply(FLAGGED, {}, textless).status).toBe(403)
    expect(JSON.parse(text(reply(FLAGGED, {}, textless).body)).error.code).toBe('content_filter')
  })

  test("has the status that the format's error asks for", () => {
    const rpc: LlmFormat = { ...openaiChat, error: error => ({ ...openaiChat.error(error), status: 200 }) }
    expect(reply(FLAGGED, { denyCode: 403 }, rpc).status).toBe(200)
  })

  test('is a violation of a guardrail where that is the form', () => {
    const violation = reply(FLAGGED, { denyFormat: 'guardrail_violation', denyCode: 422 })
    expect(violation).toMatchObject({ status: 403, headers: OURS })
    expect(JSON.parse(text(violation.body))).toEqual({
      error: { type: 'guardrail_violation', code: 'content_filter', message: 'Request blocked by policy' },
    })
  })
})

describe('an error that is none of the policy', () => {
  test.each([
    ['unknown-policy', 500],
    ['unmatched', 403],
    ['unsupported', 500],
    ['upgrade', 400],
    ['trailers', 400],
  ] as const)('%s has status %d, and is plain where no format is known', (reason, status) => {
    const error = REFUSALS[reason]
    const answer = errorReply(error, FAILED, undefined, undefined, STAMP, undefined)
    expect(answer).toMatchObject({ status, headers: { ...OURS, 'content-type': 'application/json' } })
    const { message, code } = error
    expect(JSON.parse(text(answer.body))).toEqual({ error: { message, type: code, code } })
  })

  test.each([
    [400, 'invalid_request'],
    [413, 'invalid_request'],
    [415, 'invalid_request'],
    [503, 'unavailable'],
  ] as const)("%d is %s, in the provider's form", (status, code) => {
    const error = requestFault(status)
    expect(error).toMatchObject({ status, code })
    const answer = errorReply(error, FAILED, openaiChat, policy(), STAMP, undefined)
    expect(answer.status).toBe(status)
    expect(JSON.parse(text(answer.body)).error).toMatchObject({ message: error.message, param: null, code })
  })
})
