import type { KindGuide } from '../kind-guide.ts'

export const guide: KindGuide = {
  summary:
    'Fixed phrases, found anywhere in a text in one pass however many there are, also where they are written in disguise.',
  examples: [
    {
      title: '',
      yaml: `guardrails:
  words:
    kind: keywords
    words: ["project nightfall", "codename-7"]
    detector: confidential
policies:
  - name: chat
    guardrails:
      - { use: words, direction: both, action: redact }`,
    },
    {
      title: 'Lists of topics in files',
      yaml: `guardrails:
  topics:
    kind: keywords
    words: ["project nightfall"]
    words_files: [/etc/weir/topics/weapons.txt, /etc/weir/topics/rivals.txt]
    detector: topic/unwanted
policies:
  - name: chat
    guardrails:
      - { use: topics, direction: both, action: redact }`,
    },
  ],
  sides: 'both',
  sends: 'Nothing.',
  finds: 'The name that `detector` gives, `keyword` when left out, with score 1.',
  redacts: { kind: 'always' },
  limits:
    'At most 10000 words of 1024 characters, those of files counted in; a file may have 4 MiB. Texts have none but `limits` of the policy.',
  notes: [
    'Words are found inside of other words as well, and where invisible, full-width, look-alike or other disguising characters stand in them. Case counts only with `case_sensitive`.',
    'Words in `words_files` count like those in `words`: one a line, lines that begin with `#` are comments. A changed file is read again without a restart, and a running exchange keeps the words that it began with. They find a topic by its words only; `llm-judge` judges by meaning.',
    'With `decode_base64` runs of at least 16 base64 characters are read too, up to 64 KiB a text; the finding is the whole run.',
    'It judges an answer that streams as it comes: text that can no longer become part of a word goes on at once with `delivery: window`.',
  ],
}
