import type { KindGuide } from '../kind-guide.ts'

export const guide: KindGuide = {
  summary:
    'Google Cloud Model Armor: a template of your project says which filters run, for prompt attacks, responsible AI, sensitive data, malicious links and more.',
  examples: [
    {
      title: '',
      yaml: `guardrails:
  armor:
    kind: model-armor
    project: my-project
    location: europe-west4
    template: strict
    access_token: $secret://file/run/secrets/google-token   # renewed by whatever writes the file
policies:
  - name: chat
    guardrails:
      - { use: armor, direction: both, action: block }`,
    },
  ],
  sides: 'both',
  sends:
    'On input all texts as one prompt, joined by line breaks, without roles. On output all texts of the answer as one, and, where the rule has `output_context: conversation`, the last user message as `userPrompt`, unless that is over 60000 characters. No ids.',
  finds:
    '`prompt_attack`, the classes of responsible AI (`hate_speech`, `dangerous` …; `rai` where none is named), `pii/<info type>`, `malicious_uri`, `csam`, `virus`; `model-armor` for a filter that is newer than Weir. The level is the service’s confidence or likelihood in lower case, such as `high`; there is no score.',
  redacts: {
    kind: 'sometimes',
    where:
      'Sensitive data has a place when the template only inspects it, and malicious links have one. Sensitive data that the template de-identifies, and all else, has none. Where the service’s two countings of a place do not agree there is none either.',
  },
  limits:
    'At most 60000 characters in one request, up to 20 requests: the filters read 65536 tokens, and one that gets more is skipped.',
  failures:
    '“No match” counts only when every filter ran: an invocation that is PARTIAL or FAILURE, and a skipped filter, are `bad-response`. What another filter found counts all the same, with a finding `unscanned` beside it, and the failure has its say beside it.',
  notes: [
    'Google’s access tokens last an hour. Weir takes a changed file without a restart, so let a sidecar or a job renew the token there; or name a proxy that adds it as `endpoint`.',
  ],
  tried:
    'Written from the service’s proto and documentation, tested against a stub. It was never run against Google Cloud.',
}
