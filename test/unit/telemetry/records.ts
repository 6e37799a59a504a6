import type { DecisionRecord } from '../../../src/exchange/record.ts'

/** A released, clean request, but for what is given. */
export function recordOf(given: Partial<DecisionRecord> = {}): DecisionRecord {
  return {
    exchangeId: '0123456789abcdef0123456789abcdef',
    policy: 'chat',
    phase: 'request',
    format: 'openai-chat',
    delivery: 'body',
    effective: 'released',
    because: 'clean',
    rules: [],
    uninspectable: 0,
    bytesReleased: 10,
    bytesDiscarded: 0,
    ...given,
  }
}
