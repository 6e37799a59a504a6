import { describe, expect, test } from 'vitest'
import { PROOF_MS, slownessOf } from '../support/slow-patterns.ts'
import { patternsOfSource } from './regexes.ts'

/**
 * No pattern of `src/` goes back over what it has read, whoever wrote the text: recheck proves it of each. Those that
 * look at text of our own or of the operator's, and those made as the process starts, are listed with the reason.
 */
const { written, made } = patternsOfSource()

const CONFIG = 'an address or a name in the config'
const SHORT = 'a text of ours, or a field of a few hundred bytes'
const BEHIND = 'looks back over one segment of the path, and only from a slash'
const ALLOWED: Readonly<Record<string, readonly [pattern: string, why: string][]>> = {
  'aws/bedrock-runtime.ts': [['\\/+$', CONFIG]],
  'aws/refusal.ts': [
    [':.*$|^.*#', 'AWS names an error in its answer to us, which is bounded'],
    ['security token .* is expired', 'the message of such an error'],
    ['security token .* is invalid', 'the message of such an error'],
  ],
  'config/secrets.ts': [['[\\r\\n]+$', 'a secret has at most 64 KiB, and is the operator’s']],
  'config/vault-http.ts': [['\\/+$', CONFIG]],
  'config/vault-settings.ts': [
    ['\\/+$', CONFIG],
    ['^\\/+|\\/+$', CONFIG],
    ['[\\r\\n]+$', CONFIG],
  ],
  'guardrail/azure-content-safety/azure-content-safety.ts': [['\\/+$', CONFIG]],
  'guardrail/model-armor/model-armor.ts': [['\\/+$', CONFIG]],
  'guardrail/pieces.ts': [['\\d+$', SHORT]],
  'guardrail/presidio/config.ts': [['^[A-Za-z]{2,3}([_-]\\w+)*$', CONFIG]],
  'guardrail/presidio/presidio.ts': [['(\\/+|\\/analyze\\/*)$', CONFIG]],
  'guardrail/webhook/dialect.ts': [['\\/+$', CONFIG]],
  'guardrail/webhook/template-config.ts': [['\\$\\{([^}]*)\\}', 'a template in the config']],
  'llm/formats.ts': [['(?<!\\/(?:threads|completions)\\/[^/]+)\\/messages\\/?$', BEHIND]],
  'llm/openai-audio/refusal.ts': [['\\s*[\\r\\n]+\\s*', 'the refusal in the config']],
  'service/egress.ts': [['\\.+$', CONFIG]],
}

/** Where patterns are put together when the process starts: local guardrails prove those by their own tests. */
const MADE: Readonly<Record<string, string>> = {
  'guardrail/keywords/undisguise.ts': 'classes of characters, test/property/normalised-scans.test.ts',
  'guardrail/local-pii/address.ts': 'test/unit/guardrail/local-pii/patterns.test.ts',
  'guardrail/local-pii/coordinates.ts': 'test/unit/guardrail/local-pii/patterns.test.ts',
  'guardrail/local-pii/left-reach.ts': 'test/unit/guardrail/local-pii/patterns.test.ts',
  'guardrail/local-pii/phone-plans.ts': 'patterns of libphonenumber over at most 17 digits',
  'guardrail/text/character-view.ts': 'a class of characters',
}

const isAllowed = (file: string, source: string): boolean =>
  ALLOWED[file]?.some(([pattern]) => pattern === source) ?? false
const files = [...new Set(written.map(({ file }) => file))]

test('the patterns are found', () => expect(written.length).toBeGreaterThan(300))

describe('none goes back over what it has read', () => {
  test.each(files)(
    '%s',
    file => {
      const slow = written.filter(one => one.file === file && !isAllowed(file, one.source)).filter(isSlow)
      expect(slow).toEqual([])
    },
    2 * PROOF_MS,
  )

  /** A sticky one is tried at one place only. */
  function isSlow({ source, flags }: { source: string; flags: string }): boolean {
    const slowness = flags.includes('y')
      ? slownessOf(`^(?:${source})`, flags.replace('y', ''))
      : slownessOf(source, flags)
    return slowness !== 'safe'
  }
})

test('what is allowed is there, and slow', () => {
  for (const [file, patterns] of Object.entries(ALLOWED)) {
    for (const [pattern] of patterns) {
      expect(written.some(one => one.file === file && one.source === pattern)).toBe(true)
    }
  }
})

test('what is made at the start is known', () => {
  expect([...new Set(made.map(({ file }) => file))].sort()).toEqual(Object.keys(MADE).sort())
})
