import type { KindGuide } from '../kind-guide.ts'

export const guide: KindGuide = {
  summary:
    'OpenAI’s moderations, `POST /v1/moderations`, or a service of your own that speaks it: harmful content by category, each with a score. It knows no prompt attacks and no personal data.',
  examples: [
    {
      title: '',
      yaml: `guardrails:
  moderation:
    kind: openai-moderation
    api_key: $env://OPENAI_API_KEY
    thresholds: { hate: 0.4, self-harm: 0.3 }
policies:
  - name: chat
    guardrails:
      - { use: moderation, direction: both, action: block }`,
    },
  ],
  sides: 'both',
  sends:
    'Each message, or each choice of an answer, as one text, without its role. An answer goes without its question. The name of the moderation model, and no ids.',
  finds:
    'OpenAI’s categories, such as `hate`, `self-harm/intent`, `violence/graphic`, with the service’s score; `openai-moderation` where it flags without naming a category. With `service_flags: use` a category flags when the service says so or its score reaches your threshold, with `ignore` by the thresholds alone.',
  redacts: { kind: 'never' },
  limits:
    'Texts are cut to less than 2000 characters, as OpenAI advises, and go at most 32 and 32768 bytes to a request, up to 20 requests. The service would clip longer requests without a word.',
  failures:
    'An answer that has not one result for each text, or no score for a category with a threshold, is `bad-response`.',
  notes: ['The first request that is flagged decides, and ends the others.'],
  tried: 'Written from OpenAI’s reference and tested against a stub of it. It was never run against OpenAI.',
}
