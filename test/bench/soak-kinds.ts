import { chatRequest } from '../support/chat.ts'
import { type OpenStream, type StreamAnswer, type StreamRequest, withoutHeartbeats } from './stream-client.ts'
import { eventsOf, type Manner } from './stream-llm.ts'

/** One way for an exchange to go, and what its client must see then. */
export interface SoakKind {
  readonly name: string
  readonly request: Omit<StreamRequest, 'agent'>
  /** Why what came is not what had to; undefined when it is. Waits for the end of the answer. */
  check(stream: OpenStream): Promise<string | undefined>
}

const BLOCKED = 'blocked-phrase'
const ADDRESS = 'ada@lovelace.example'
const TOKENS = 'A weir is a low barrier across a river that raises the water a little'
  .split(' ')
  .map(word => `${word} `)
const half = TOKENS.length / 2
const withInTheMiddle = (text: string): readonly string[] => [
  ...TOKENS.slice(0, half),
  `${text} `,
  ...TOKENS.slice(half),
]

const CLEAN = chatRequest('What is a weir good for?', { stream: true })
const ATTACK = chatRequest(`What is a ${BLOCKED} good for?`, { stream: true })
const clean: Manner = { kind: 'whole', tokens: TOKENS }
const UNTOUCHED = eventsOf(TOKENS).join('')

export const SOAK_HOSTS = {
  window: 'window.soak',
  withhold: 'withhold.soak',
  closed: 'closed.soak',
  open: 'open.soak',
} as const

/** @param failingGuard the URL of a guard service that answers with errors */
export const soakConfig = (failingGuard: string): string => `
guardrails:
  words: { kind: keywords, words: [${BLOCKED}] }
  pii: { kind: local-pii }
  failing: { kind: lakera, lakera_endpoint: '${failingGuard}', circuit_breaker: { open_ms: 50 } }
policies:
${policyOf(SOAK_HOSTS.window, LOCAL, 'delivery: window')}
${policyOf(SOAK_HOSTS.withhold, LOCAL, 'delivery: withhold')}
${policyOf(SOAK_HOSTS.closed, '{ use: failing, direction: output }', 'delivery: window')}
${policyOf(SOAK_HOSTS.open, '{ use: failing, direction: output, fail_open: true }', 'delivery: window')}
`

const LOCAL = '{ use: words, direction: both }, { use: pii, direction: both, action: redact }'

function policyOf(host: string, rules: string, stream: string): string {
  return `  - { name: ${host}, match: { hosts: [${host}] }, guardrails: [${rules}], stream: { ${stream} } }`
}

/** They take turns, so a soak has as many of each. */
export const SOAK_KINDS: readonly SoakKind[] = [
  kind('clean, window', SOAK_HOSTS.window, CLEAN, clean, isUntouched),
  kind('clean, withhold', SOAK_HOSTS.withhold, CLEAN, clean, isUntouched),
  kind('request denied', SOAK_HOSTS.window, ATTACK, clean, isRefusal),
  kind('answer denied, window', SOAK_HOSTS.window, CLEAN, answerOf(withInTheMiddle(BLOCKED)), isRefusal),
  kind('answer denied, withhold', SOAK_HOSTS.withhold, CLEAN, answerOf(withInTheMiddle(BLOCKED)), isRefusal),
  kind('answer redacted', SOAK_HOSTS.window, CLEAN, answerOf(withInTheMiddle(ADDRESS)), isRedacted),
  kind('guard fails, closed', SOAK_HOSTS.closed, CLEAN, clean, isRefusal),
  kind('guard fails, open', SOAK_HOSTS.open, CLEAN, clean, isUntouched),
  {
    name: 'client leaves',
    request: { host: SOAK_HOSTS.window, body: CLEAN, manner: { kind: 'begun', tokens: TOKENS } },
    async check(stream) {
      await stream.begun
      stream.leave()
      const { ended } = await stream.answer
      return ended === 'cut' ? undefined : `it ended as ${ended} before the client left`
    },
  },
]

function answerOf(tokens: readonly string[]): Manner {
  return { kind: 'whole', tokens }
}

function kind(
  name: string,
  host: string,
  body: string,
  manner: Manner,
  isRight: (text: string) => boolean,
): SoakKind {
  return {
    name,
    request: { host, body, manner },
    async check(stream) {
      const { status, text, ended }: StreamAnswer = await stream.answer
      const isGood = status === 200 && ended === 'complete' && isRight(withoutHeartbeats(text))
      return isGood ? undefined : `${status}, ${ended}: ${text.slice(0, 300)}`
    },
  }
}

function isUntouched(text: string): boolean {
  return text === UNTOUCHED
}

function isRefusal(text: string): boolean {
  return text.includes('blocked by policy') && !text.includes(BLOCKED) && text.endsWith('data: [DONE]\n\n')
}

function isRedacted(text: string): boolean {
  return text.includes('barrier') && !text.includes('ada@') && text.endsWith('data: [DONE]\n\n')
}
