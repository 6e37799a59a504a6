import type { KindGuide } from '../kind-guide.ts'

export const guide: KindGuide = {
  summary:
    'Amazon Bedrock Guardrails, `ApplyGuardrail`: a guardrail of your AWS account judges by its own policies for topics, content, words, sensitive information and contextual grounding.',
  examples: [
    {
      title: '',
      yaml: `guardrails:
  bedrock:
    kind: bedrock
    region: eu-west-1
    guardrail_id: gr1abcdefghi
    guardrail_version: "1"
    api_key: $env://AWS_BEARER_TOKEN_BEDROCK   # or credentials: chain, or an access key
policies:
  - name: chat
    guardrails:
      - { use: bedrock, direction: both, action: block }`,
    },
  ],
  sides: 'both',
  sends:
    'Each text as a block of its own, without roles, which the service does not know; `source` is INPUT or OUTPUT. With `grounding: conversation`, and `output_context: conversation` on the rule, answers go with the system texts and tool results of their request as grounding source and the last user message as query. No ids.',
  finds:
    'Content filters by their type in lower case (`prompt_attack`, `hate`), `topic/<name>`, `word/custom`, `word/<list>`, `pii/<entity>`, `regex/<name>`, `grounding`, `relevance`. The level is the filter’s confidence, such as `HIGH`; there is no score. What a policy only watches (action NONE) is told in the breakdown and flags nothing.',
  redacts: {
    kind: 'sometimes',
    where:
      'What the guardrail masks (ANONYMIZED) has a place: every occurrence of the match in the texts, checked against the masked texts of the answer. What it blocks has none, and a mask that cannot be found denies.',
  },
  limits:
    'At most `max_text_units` (25) of 1000 characters in one request, up to 20 requests. What the service refuses as too large is asked again in halves, within the 20. Grounding takes at most 100000 characters of source, 1000 of query and 5000 of answer in a request; a longer source or query is `over-limit`, a longer answer is split.',
  failures:
    'A text that is too large is answered by AWS with status 429; its message tells that apart, and it counts as `over-limit` and not as `rate-limited`. Credentials that cannot be fetched are `unreachable`. A wrong clock, an expired or unknown key and a wrong signature are `bad-response` with `status-4xx`, and the log says which; fetched credentials are then renewed, once a minute at most.',
  notes: [
    'Requests are signed with AWS Signature Version 4, or carry a Bedrock API key. With `credentials` the AWS SDK gets temporary keys in the background, which are renewed 5 minutes before they end; the SDK is loaded only then.',
    'The role needs `bedrock:ApplyGuardrail`.',
  ],
  tried:
    'Written from the API reference and the model of the AWS SDK; tested against a stub that checks signatures with a verifier of its own, and, for credentials, against local servers in the place of STS, pod identity and instance metadata. It was never run against AWS.',
}
