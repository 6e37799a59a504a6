import type { KindGuide } from '../kind-guide.ts'

export const guide: KindGuide = {
  summary:
    'Links by where they lead and how they are made, in this process: domains that are not on a list or imitate one that is, IP addresses, punycode, `javascript:` and `data:`, and images whose address carries data away.',
  examples: [
    {
      title: '',
      yaml: `guardrails:
  links:
    kind: local-links
    allow_domains: [example.com, "*.example.org"]
policies:
  - name: chat
    guardrails:
      - { use: links, direction: output, action: redact }`,
    },
  ],
  sides: 'both',
  sends: 'Nothing.',
  finds:
    '`link/unknown`, `link/look-alike`, `link/punycode`, `link/ip-host`, `link/data`, `link/javascript`, `link/image`, `link/link`, `link/credentials`, each with a fixed score from 0.5 (`unknown`, `link`) to 0.9 (`look-alike`, `javascript`); several may name one link.',
  redacts: { kind: 'always' },
  limits:
    'None but `limits` of the policy. A URL counts up to 2,048 characters, the text of an image up to 128; a stream is held back a quarter more at most for one that does not end.',
  notes: [
    'Without `allow_domains` a domain alone is no finding, only what is suspicious in itself; `look-alike` needs domains to compare with. An allowed domain is a finding for `credentials` only.',
    '`image` is a Markdown or HTML image, or a definition that one may refer to, whose query has a value or whose path has a part long enough to carry data (`payload_chars`): a client fetches it unasked. The finding of a Markdown image is the whole of it. `link` is the same for links, which somebody has to open.',
    '`ip-host` are public addresses, also as one number or in octal and hex; loopback and private ones are not. `data` are only those that a browser would run, such as `data:text/html`; images in base64 are not.',
    '`look-alike` is a domain one letter from an allowed one, drawn like it, or with its name as one of its words (`example.com.evil.net`, `example-login.com`). It compares as many labels as the allowed domain has, since it knows no list of public suffixes.',
    'It misses addresses that are taken apart with blanks or words (`example dot com`), schemes with blanks in them or backslashes behind them, redirects and short links of allowed domains, and domains without a scheme unless `bare_domains` is on. With it, only the commonest top-level domains count.',
    'No labelled set of links is at hand, so that its precision and recall are not measured; `docs/detection.md` has its cost.',
    'It judges an answer that streams as it comes: text that can no longer become part of a finding goes on at once with `delivery: window`.',
  ],
}
