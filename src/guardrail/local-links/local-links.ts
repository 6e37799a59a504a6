import type { LocalGuardrail } from '../guardrail.ts'
import { readingGuardrail } from '../open-reading.ts'
import { configSchema, type LocalLinksConfig } from './config.ts'
import { guide } from './guide.ts'
import { readHost } from './host.ts'
import type { Flag } from './judge.ts'
import { compileOriginals } from './look-alike.ts'
import { type LinkSearch, linkReader } from './reader.ts'

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
