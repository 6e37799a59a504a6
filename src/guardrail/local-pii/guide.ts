import type { KindGuide } from '../kind-guide.ts'

export const guide: KindGuide = {
  summary:
    'Personal data by shape and checksum, in this process: e-mail addresses, telephone numbers, payment cards, IBANs, US social security numbers.',
  examples: [
    {
      title: '',
      yaml: `guardrails:
  pii:
    kind: local-pii
    entities: [email, card, iban]
policies:
  - name: chat
    guardrails:
      - { use: pii, direction: both, action: redact, redact: { restore: true } }`,
    },
  ],
  sides: 'both',
  sends: 'Nothing.',
  finds:
    '`pii/email`, `pii/phone`, `pii/card`, `pii/iban`, `pii/us_ssn`, with a score from 0.6 to 0.99 by how telling the shape is.',
  redacts: { kind: 'always' },
  limits: 'None but `limits` of the policy.',
  notes: [
    'It finds no names, addresses or dates: `presidio` does.',
    'It judges an answer that streams as it comes: text that can no longer become part of a finding goes on at once with `delivery: window`.',
  ],
}
