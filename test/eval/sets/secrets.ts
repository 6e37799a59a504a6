import type { Archive } from '../archive.ts'
import { Chance } from '../chance.ts'
import type { Placed, SpanText } from '../item.ts'
import type { PackageKey } from '../packages.ts'
import { codeFiles, documentation } from '../sources/npm-cli.ts'
import { place } from '../split.ts'
import { NO_SECRETS, SECRETS } from '../values/secrets.ts'
import { join, type Piece, pickWrap, WRAPS } from './wrap.ts'

/** What people paste around a key. */
const CARRIERS: readonly string[] = [
  '{v}',
  'My key is {v}, why does it not work?',
  'Here is my .env:\n\nPORT=8080\n{v}\nDEBUG=false\n',
  'curl -s https://api.example.com/v1/items -H "x-key: {v}"',
  'const client = new Client({ key: "{v}", retries: 3 })',
  'export KEY="{v}"',
  '{"service": "billing", "credential": "{v}", "ttl": 3600}',
  'services:\n  app:\n    environment:\n      - VALUE={v}\n    ports: ["80:80"]',
  'ERROR 401 at client.ts:42: rejected {v}',
  'Please rotate this one, it leaked in the channel: {v}',
  'diff --git a/conf b/conf\n-old\n+{v}\n context',
  'def connect():\n    value = """{v}"""\n    return open_session(value)',
  'Tool result: {v}',
  'Review this config.\n\n[main]\nvalue = {v}\nmode = fast',
  '<setting name="value">{v}</setting>',
  'The log of the build shows {v} in line 210. Is that a problem?',
  '1. open the console\n2. paste {v}\n3. press enter',
  'What is this for? {v}',
]
const FILLINGS = 2
const MISS_FILLINGS = 4
const CODE_FILES = 500
const DOCUMENTS = 250

export type SecretItem = Placed<SpanText>
type SourcedText = SpanText & { readonly source: string }

/** The set for secrets: made-up keys in what people paste, what only looks like one, and code. */
export function secretSet(open: (key: PackageKey) => Archive): SecretItem[] {
  const npm = open('npmCli')
  const code = [...codeFiles(npm, CODE_FILES), ...documentation(npm, DOCUMENTS)].map(
    (text): SourcedText => ({ category: 'code', wrap: 'plain', text, spans: [], basis: text, source: 'npm' }),
  )
  return place([
    ...Object.entries(SECRETS).flatMap(([kind, make]) => inCarriers(kind, make, kind, FILLINGS)),
    ...Object.entries(NO_SECRETS).flatMap(([kind, make]) =>
      inCarriers(`miss:${kind}`, make, undefined, MISS_FILLINGS),
    ),
    ...code,
  ])
}

function inCarriers(
  category: string,
  make: (chance: Chance) => string,
  entity: string | undefined,
  fillings: number,
): SourcedText[] {
  return CARRIERS.flatMap(carrier => {
    const chance = new Chance(`secrets ${category} ${carrier}`)
    return Array.from({ length: fillings }, (): SourcedText => {
      const [before = '', after = ''] = carrier.split('{v}')
      const text = make(chance)
      const value: Piece = entity === undefined ? { text } : { text, entity }
      const wrap = wrapFor(chance)
      const joined = join(WRAPS[wrap]?.([{ text: before }, value, { text: after }], chance) ?? [])
      return { category, wrap, ...joined, basis: carrier, source: 'own' }
    })
  })
}

/** A key in other characters opens nothing, and a line of code holds no key of several lines. */
function wrapFor(chance: Chance): string {
  const wrap = pickWrap(chance)
  return ['full-width', 'table', 'code'].includes(wrap) ? 'plain' : wrap
}
