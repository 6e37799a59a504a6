/** The policies whose waits are compared, each chosen by a host name of its own. */

/** They clear text as it comes; the classifier of prompt attacks judges it by windows of its own. */
const PATTERNS = ['words', 'pii']
const LOCAL = [...PATTERNS, 'attacks']

/** A keyword list, patterns of PII and phrasings of prompt attacks: what runs without a network. */
const LOCAL_GUARDRAILS = `
  words: { kind: keywords, words: [blocked-phrase, internal use only, project halcyon] }
  pii: { kind: local-pii }
  attacks: { kind: local-prompt-attack }`

export interface GuardAddresses {
  /** URLs of guard services that answer clean after so many milliseconds. */
  readonly after50Ms: string
  readonly after300Ms: string
}

/** How an answer that is streamed reaches the client. */
export const STREAMED = {
  unguarded: 'unguarded.bench',
  windowPatterns: 'window-patterns.bench',
  windowLocal: 'window-local.bench',
  windowRemote: 'window-remote.bench',
  windowRemoteTuned: 'window-remote-tuned.bench',
  live: 'live.bench',
  withholdLocal: 'withhold-local.bench',
} as const

/** When a request is judged, seen from the upstream. */
export const JUDGED = { preCall: 'pre-call.bench', duringCall: 'during-call.bench' } as const

/** A first window of a few words, all of which may go: what waits for the text to come is given up for speed. */
const TUNED = 'hold_back_chars: 0, window: { first_chars: 20 }'

export function latencyConfig({ after50Ms, after300Ms }: GuardAddresses): string {
  const local = (action: string, names: readonly string[] = LOCAL): string =>
    names.map(name => `{ use: ${name}, direction: both, ${action} }`).join(', ')
  const remote = (name: string, when: string): string => `{ use: ${name}, ${when}, action: block }`
  const output = remote('after-50-ms', 'direction: output')
  return `
guardrails:${LOCAL_GUARDRAILS}
  after-50-ms: { kind: lakera, lakera_endpoint: '${after50Ms}' }
  after-300-ms: { kind: lakera, lakera_endpoint: '${after300Ms}' }
policies:
${policyOf(STREAMED.unguarded, '', '')}
${policyOf(STREAMED.windowPatterns, local('action: block', PATTERNS), 'delivery: window')}
${policyOf(STREAMED.windowLocal, local('action: block'), 'delivery: window')}
${policyOf(STREAMED.windowRemote, output, 'delivery: window')}
${policyOf(STREAMED.windowRemoteTuned, output, `delivery: window, ${TUNED}`)}
${policyOf(STREAMED.live, local('action: alert, fail_open: true'), 'delivery: window')}
${policyOf(STREAMED.withholdLocal, local('action: block'), 'delivery: withhold')}
${policyOf(JUDGED.preCall, remote('after-300-ms', 'mode: pre_call'), '')}
${policyOf(JUDGED.duringCall, remote('after-300-ms', 'mode: during_call, direction: input'), '')}
`
}

function policyOf(host: string, rules: string, stream: string): string {
  return `  - { name: ${host}, match: { hosts: [${host}] }, guardrails: [${rules}], stream: { ${stream} } }`
}

/** One policy for everything: the local guardrails on both sides, by window. */
export const LOCAL_WINDOW_CONFIG = `
guardrails:${LOCAL_GUARDRAILS}
policies:
  - name: local-window
    guardrails: [${LOCAL.map(name => `{ use: ${name}, direction: both }`).join(', ')}]
    stream: { delivery: window }
`
