import type { KindGuide } from '../kind-guide.ts'

export const guide: KindGuide = {
  summary:
    'Amazon Bedrock Guardrails, `InvokeGuardrailChecks`: scores a conversation for harmful content, prompt attacks and personal data, without a guardrail in the account. The thresholds are yours.',
  examples: [
    {
      title: '',
      yaml: `guardrails:
  checks:
    kind: bedrock-checks
    region: eu-west-1
    api_key: $env://AWS_BEARER_TOKEN_BEDROCK   # or credentials: chain, or an access key
    prompt_attack: { JAILBREAK: 0.8 }
    content_filter: { INSULTS: off }
    sensitive_information: { entities: [EMAIL, NAME] }
policies:
  - name: chat
    guardrails:
      - { use: checks, direction: both, action: block }`,
    },
  ],
  sides: 'both',
  sends:
    'Every message with its role: system and developer as `system`, assistant as `assistant`, user and tool as `user`. An answer goes without its question. The categories and entities that are asked for, and no ids.',
  finds:
    'Categories in lower case (`hate`, `insults`, `misconduct`, `sexual`, `violence`), `prompt_attack/jailbreak`, `prompt_attack/prompt_injection`, `prompt_attack/prompt_leakage`, and `pii/<entity>`. The score is the service’s severity or confidence, 0 to 1; it flags from the threshold on.',
  redacts: {
    kind: 'sometimes',
    where:
      'Personal data has a place. The unit of the offsets is not documented, so a place behind an emoji or another character beyond the BMP, or inside of a word, is not relied on, and the rule denies. Categories have none.',
  },
  limits:
    'At most `max_text_units` (25) of 1000 characters in one request, up to 20 requests; what the service finds too large is asked again in halves, within the 20. A message of more than 10 texts goes on in another of the same role.',
  failures:
    'An answer without a score for something that was asked for, or with `truncated: true`, is never clean: it is `bad-response`, also beside what it found. Credentials and refusals of AWS are as with `bedrock`.',
  notes: [
    'Scores come in steps of 0.2. 0.6, the default, is the first on the flagged side of AWS’s own examples.',
    'No entity is looked for unless `sensitive_information.entities` names it.',
  ],
  tried:
    'Written from the API reference and the model of the AWS SDK, tested against a stub. It was never run against AWS: offsets and the most texts in a message are the least certain.',
}
