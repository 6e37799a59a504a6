import type { KindGuide } from '../kind-guide.ts'

export const guide: KindGuide = {
  summary: 'Patterns of your own, in RE2 syntax, on an engine whose time grows with the text only.',
  examples: [
    {
      title: '',
      yaml: `guardrails:
  tickets:
    kind: regex
    patterns:
      - { name: ticket, pattern: '\\bTCK-\\d{4,}\\b' }
      - { name: internal/host, pattern: '[\\w-]+\\.corp\\.example', flags: i }
policies:
  - name: chat
    guardrails:
      - { use: tickets, direction: both, action: redact }`,
    },
  ],
  sides: 'both',
  sends: 'Nothing.',
  finds: 'The `name` of each pattern that matched, with score 1.',
  redacts: { kind: 'always' },
  limits:
    'At most 1000 patterns of 4096 characters. After 999 matches of one pattern in one text, all that follows the next is one match.',
  notes: [
    'No backreferences and no lookaround. A pattern that does not compile is an error of the config.',
    'Texts are searched as they stand: disguised characters are for `keywords`.',
    'A match has no bound, so that an answer that streams is judged by windows: one that is longer than `stream.hold_back_chars` may be partly out before it is seen, and then denies.',
  ],
}
