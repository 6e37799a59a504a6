import type { KindGuide } from '../kind-guide.ts'

export const guide: KindGuide = {
  summary:
    'Prompt attacks by their usual phrasing, in this process. It catches the plain ones, not a determined author.',
  examples: [
    {
      title: '',
      yaml: `guardrails:
  attacks:
    kind: local-prompt-attack
    threshold: 0.5
policies:
  - name: chat
    guardrails:
      - { use: attacks, direction: input, action: block }`,
    },
  ],
  sides: 'input',
  sends: 'Nothing.',
  finds:
    '`prompt_attack`, once for each sign, with the score of the whole text: the chance that not all of its signs are innocent, each rule counted once.',
  redacts: { kind: 'always' },
  limits:
    'None but `limits` of the policy. After 99 signs of one rule in one text, all that follows the next is one sign.',
  notes: [
    'It judges what users and tools wrote. System and developer texts are the operator’s own, and answers attack nobody: both are always clean.',
    'It knows English phrasing, and the plainest of German, French, Spanish, Portuguese, Italian, Chinese and Japanese. Look-alike and invisible characters do not hide it.',
    'A redaction takes out the signs only, and the rest of an attack may still work: block instead.',
  ],
}
