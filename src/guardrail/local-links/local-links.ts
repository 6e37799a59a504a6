import { z } from 'zod'
import type { LocalGuardrail } from '../guardrail.ts'
import { listFilesSchema } from '../list-files.ts'
import { readingGuardrail } from '../open-reading.ts'
import { guide } from './guide.ts'
import { readHost } from './host.ts'
import { FLAGS, type Flag } from './judge.ts'
import { compileOriginals } from './look-alike.ts'
import { type LinkSearch, linkReader } from './reader.ts'

const MAX_DOMAINS = 1000
const DEFAULT_PAYLOAD_CHARS = 16
/** Suspicious whatever the domain. */
const INTRINSIC: readonly Flag[] = [
  'look-alike',
  'punycode',
  'ip-host',
  'data',
  'javascript',
  'image',
  'credentials',
]

const configSchema = z.strictObject({
  kind: z.literal('local-links'),
  allow_domains: z
    .array(z.string().regex(/^(?:\*\.)?[^\s/:@*?#]{1,253}$/, 'a domain such as example.com or *.example.com'))
    .max(MAX_DOMAINS)
    .default([])
    .describe('Hosts that links may lead to; `*.` in front stands for every subdomain.'),
  allow_domains_files: listFilesSchema('more of them'),
  flag: z
    .array(z.enum(FLAGS))
    .min(1)
    .optional()
    .describe(
      'What is a finding; when left out all but `link`, and `unknown` only where `allow_domains` names some.',
    ),
  bare_domains: z
    .boolean()
    .default(false)
    .describe('Also look at domains without a scheme, such as `www.example.com/x`.'),
  payload_chars: z
    .int()
    .min(1)
    .max(1024)
    .default(DEFAULT_PAYLOAD_CHARS)
    .describe(
      'For `image` and `link`: the fewest characters of a query value that count as carrying data; a part of the path needs three times as many.',
    ),
})

export type LocalLinksConfig = z.output<typeof configSchema>

function create(name: string, config: LocalLinksConfig): LocalGuardrail {
  return readingGuardrail(name, linkReader(compile(config)))
}

function compile({ allow_domains, flag, bare_domains, payload_chars }: LocalLinksConfig): LinkSearch {
  const exact = new Set<string>()
  const parents = new Set<string>()
  const names: string[] = []
  for (const domain of allow_domains) {
    const isParent = domain.startsWith('*.')
    const written = isParent ? domain.slice(2) : domain
    const host = readHost(written)
    const ascii = host?.ascii ?? written.toLowerCase()
    if (isParent) parents.add(ascii)
    else exact.add(ascii)
    names.push(host?.unicode ?? ascii)
  }
  return {
    flags: new Set(flag ?? [...INTRINSIC, ...(allow_domains.length > 0 ? (['unknown'] as const) : [])]),
    isAllowed: host => exact.has(host) || hasParent(host, parents),
    originals: compileOriginals(names),
    payloadChars: payload_chars,
    bareDomains: bare_domains ? 'found' : 'passed-over',
  }
}

function hasParent(host: string, parents: ReadonlySet<string>): boolean {
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
    if (parents.has(host.slice(dot + 1))) return true
  }
  return false
}

/** Links that lead where nobody meant them to, in this process: nothing leaves it, and every finding has its span. */
export const localLinks = {
  configSchema,
  secretKeys: [],
  listFiles: { allow_domains_files: 'allow_domains' },
  locality: 'local',
  guide,
  create,
} as const
