import type { KindGuide } from '../kind-guide.ts'

export const guide: KindGuide = {
  summary:
    'Personal data by shape, check digits and the words around it, in this process: addresses and numbers of people, their papers, accounts, devices and wallets.',
  examples: [
    {
      title: 'Everything, restored in the answer',
      yaml: `guardrails:
  pii: { kind: local-pii }
policies:
  - name: chat
    guardrails:
      - { use: pii, direction: both, action: redact, redact: { restore: true } }`,
    },
    {
      title: 'Chosen entities, each with its own settings',
      yaml: `guardrails:
  pii:
    kind: local-pii
    entities: [email, phone, card, iban, national_id]
    settings:
      email: { allow: ["*@example.com"] }
      phone: { regions: [DE, AT, CH], min_score: 0.6 }
      national_id: { kinds: [de_steuer_id], context: [Mitarbeiternummer] }
      passport: { enabled: true }
policies:
  - name: chat
    guardrails:
      - { use: pii, direction: both, action: redact }`,
    },
  ],
  sides: 'both',
  sends: 'Nothing.',
  finds:
    '`pii/<entity>`, by the names of `entities`, with a score from 0 to 1. By itself counts what has check digits or a telling shape: `email`, `card` (network, length, Luhn), `iban` (mod 97), `eu_vat`, `wallet` (Base58Check, Bech32, EIP-55), `url_credentials`, public `ip`, `mac`, `us_ssn`, `us_itin`, `uk_nino`, `phone` with a plus sign or grouped as its country does, an `address` with its town, `coordinates` in degrees, and the longer ones of `national_id`. What plain digits or a weak check make it counts where a word near it names it: `uk_nhs`, `passport`, `driver_license`, `date_of_birth`, bare telephone numbers, short national numbers. Such a word raises the score by 0.55, a word that names something else (an order, an invoice, a version) lowers it by 0.5.',
  redacts: { kind: 'always' },
  limits: 'None but `limits` of the policy.',
  notes: [
    'It finds no names of people or places, and no telephone number, date, paper or address that is written out in words: `presidio` does.',
    'It does not find: private and loopback addresses (`ip: { min_score: 0.4 }` does), IPv6 addresses outside of 2000::/3, Ethereum addresses in one case without a word beside them (they have no checksum), numbers of countries that `national_id` does not list, streets without a type of street (Broadway 5), and a number with a letter or underscore right beside it.',
    "A number with a wrong check digit is nobody's. Numbers in a row with a space between each two are a table: they count where a word names them.",
    'It judges an answer that streams as it comes: text that can no longer become part of a finding goes on at once with `delivery: window`. A number that only a word behind it can name waits for that word, for 48 characters at most.',
    'Measured on held-out generated sentences (`docs/detection.md`): of what patterns and check digits tell F1 0.999 at precision 0.997, of what the words around tell F1 0.988; the weakest is `date_of_birth` with a recall of 0.85.',
    'Invisible and full-width characters, mathematical letters, odd spaces and dashes hide nothing from it.',
  ],
}
