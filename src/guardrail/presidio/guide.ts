import type { KindGuide } from '../kind-guide.ts'

export const guide: KindGuide = {
  summary:
    'Microsoft Presidio’s analyzer, which you run yourself: personal data by patterns and by a language model for names, in the language that you give.',
  examples: [
    {
      title: '',
      yaml: `guardrails:
  presidio:
    kind: presidio
    endpoint: http://presidio-analyzer:3000
    entities: [EMAIL_ADDRESS, PHONE_NUMBER, PERSON]
policies:
  - name: chat
    guardrails:
      - { use: presidio, direction: both, action: redact }`,
    },
  ],
  sides: 'both',
  sends:
    'Each text in a request of its own, without its role; neighbours share requests only where a conversation has more texts than one scan may send requests. The language, the entities and the threshold, and no ids. The anonymizer is not asked: Weir redacts itself.',
  finds:
    '`pii/<entity>` in lower case, such as `pii/email_address`, with the analyzer’s score. What scores below `score_threshold` is not found.',
  redacts: { kind: 'always' },
  limits:
    'At most 100000 characters in one request, up to 20 requests. `max_concurrent` is 8, since an analyzer is one process as a rule.',
  failures:
    'A language that the analyzer has no model for is answered with status 500, so every scan fails as `bad-response`.',
  notes: [
    'With a `cache` texts are remembered one by one: a conversation that grows by a turn costs one request.',
    'A result that points outside of the text has no place, and the rule denies.',
  ],
  tried:
    'Written from the analyzer’s source and API, tested against a stub. It was never run against a real analyzer.',
}
