import type { KindGuide } from '../kind-guide.ts'

export const guide: KindGuide = {
  summary:
    'Keys, tokens and passwords by their format, in this process: of clouds, code hosts, LLM vendors, payment and chat services, private keys, JSON Web Tokens, URLs with passwords, and what a name calls secret.',
  examples: [
    {
      title: '',
      yaml: `guardrails:
  secrets:
    kind: local-secrets
    allow: ["sk_test_*"]
policies:
  - name: chat
    guardrails:
      - { use: secrets, direction: both, action: redact }`,
    },
  ],
  sides: 'both',
  sends: 'Nothing.',
  finds:
    '`secret/<rule>`, such as `secret/github` or `secret/private-key`; the score, from 0.6 to 0.99, says how telling the format is: 0.99 with a checksum or a header, 0.6 to 0.8 for `secret/assignment`.',
  redacts: { kind: 'always' },
  limits:
    'None but `limits` of the policy. A private key or a JSON Web Token counts up to 16,384 characters; a stream is held back a quarter more at most for one that does not end.',
  notes: [
    'A finding is the secret alone: of `password = "…"` the value, of `postgres://user:password@host` the password, of a private key the whole block, also where its end is cut off.',
    'GitHub and npm tokens must have their checksum right. Placeholders (`ghp_xxxx…`, `<your key>`), references (`$API_KEY`, `vault:…`) and the examples of vendors’ documentation are none.',
    'What a name calls secret counts from 16 characters on with digits and letters, a password from 8 with three kinds of characters; UUIDs, hashes that are called so and names in code do not count.',
    'It misses keys without a format of their own where nothing names them, passwords in prose or with blanks, passphrases made of words, secrets in base64, and keys that are spelled with blanks. Full-width and invisible characters do not hide one.',
    'Measured on held-out generated keys and texts (`docs/detection.md`): 430 of 430 found, none in harmless texts with look-alikes of keys. Both sides are made by one generator, so that this says that the rules do as they say, not how many formats there are beside them.',
    'Publishable keys (`pk_live_…`), account ids and public keys are no secrets.',
    'It judges an answer that streams as it comes: text that can no longer become part of a finding goes on at once with `delivery: window`.',
  ],
}
