import type { KindGuide } from '../kind-guide.ts'

export const guide: KindGuide = {
  summary:
    'Azure AI Content Safety: `text:shieldPrompt` looks for attacks on the model, `text:analyze` for harmful content and for terms of your blocklists.',
  examples: [
    {
      title: '',
      yaml: `guardrails:
  azure:
    kind: azure-content-safety
    endpoint: https://my-resource.cognitiveservices.azure.com
    api_key: $env://AZURE_CONTENT_SAFETY_KEY
    thresholds: { violence: 6 }
policies:
  - name: chat
    guardrails:
      - { use: azure, direction: both, action: block }`,
    },
  ],
  sides: 'both',
  sends:
    'Texts without roles. For `prompt_shield` what was said to the model is the prompt, whoever said it; tool results, and on output the answer, are documents. For `analyze` all texts, neighbours joined by a blank line. An answer goes without its question. No ids.',
  finds:
    '`prompt_attack` and `prompt_attack/document`, without a score; `hate`, `self_harm`, `sexual`, `violence` with the level `severity_<n>`, from the threshold on; `blocklist/<name>`.',
  redacts: { kind: 'never' },
  limits:
    'At most 10000 characters in one request, for `prompt_shield` 10000 of prompt and 5 documents of 10000 together. Longer texts are split; all checks together send up to 20 requests.',
  failures: 'An answer that lacks a category or a document that was asked for is `bad-response`.',
  notes: [
    'Each of `checks` costs a request of its own. The first that is flagged decides, and ends the others.',
    'Only keys are supported, not tokens of Entra ID.',
  ],
  tried:
    'Written from Microsoft’s reference and OpenAPI file (2024-09-01), tested against a stub of it. It was never run against Azure.',
}
