import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { ConfigProblem } from '../errors.ts'
import { assertNever, WeirError } from '../errors.ts'
import type { Guardrail } from '../guardrail/guardrail.ts'
import { createGuardrail } from '../guardrail/registry.ts'
import { formatNamed } from '../llm/formats.ts'
import type { Match, Policy, PolicySet, Rule } from '../policy/policy.ts'
import type { RedactStyle } from '../policy/redaction.ts'
import type { View } from '../policy/view.ts'
import type { GuardrailDeps } from '../service/ask-service.ts'
import type { VerdictCaches } from '../verdict-cache/verdict-caches.ts'
import { canonicalJson } from './canonical.ts'
import { cacheProblems, type MadeGuardrail, openCache, remembering } from './compile-cache.ts'
import { badConfig, type LoadedConfig, type ResolvedSecrets } from './load.ts'
import { maskConfig } from './mask.ts'
import type { PolicyConfig, UseConfig } from './policy-schema.ts'
import type { Config } from './schema.ts'
import { CACHE_PLACE, OTLP_PLACE, redactPlace, secretKeysOf } from './secret-keys.ts'
import { mapSecrets } from './secret-paths.ts'
import { type Sides, sidesOf } from './sides.ts'
import type { Snapshot } from './snapshot.ts'
import { warningsOf } from './warnings.ts'

/** What guardrails need from outside, and what to give back of it when their snapshot is closed. */
export interface CompileDeps {
  readonly guardrails: GuardrailDeps
  readonly caches: VerdictCaches
  readonly close: () => Promise<void>
}

/**
 * Turns a config into what an exchange runs on.
 *
 * @throws WeirError `bad-config` when something that would be unsafe to ignore is not built yet, or a guardrail
 * cannot be made of its config
 */
export function compile({ config, secrets }: LoadedConfig, deps: CompileDeps): Snapshot {
  const cacheSecrets = secrets.get(CACHE_PLACE)
  const made = createGuardrails(config, secrets, deps.guardrails, cacheProblems(config.cache, cacheSecrets))
  // Only now: a config that cannot be used must not leave a connection behind.
  const cache = openCache(config.cache, cacheSecrets, deps.caches)
  const guardrails = new Map(
    Array.from(made, ([name, one]) => [name, remembering(one, cache, deps.guardrails.report)]),
  )
  const policies = config.policies.map((policy, index) =>
    compilePolicy(
      policy,
      position => styleOf(policy.guardrails[position]!, secrets.get(redactPlace(index, position))),
      guardrails,
    ),
  )
  const masked = maskConfig(config)
  return {
    version: versionOf(masked),
    server: config.server,
    policySet: { policies, unmatched: config.unmatched, formats: config.formats.flatMap(ownPath) },
    guardrails,
    warnings: warningsOf(config),
    masked,
    kindOf: name => config.guardrails[name]?.kind,
    otlpHeaders: () => otlpHeaders(config, secrets),
    close: async () => {
      await Promise.all([cache?.close(), deps.close()])
    },
  }
}

/** All of them, or one error with what is wrong with any, `problems` among it. */
function createGuardrails(
  config: Config,
  secrets: ResolvedSecrets,
  deps: GuardrailDeps,
  problems: readonly ConfigProblem[],
): ReadonlyMap<string, MadeGuardrail> {
  const made = new Map<string, MadeGuardrail>()
  const found = [...problems]
  for (const [name, given] of Object.entries(config.guardrails)) {
    const values = secrets.get(name)
    const filled = mapSecrets(
      given,
      secretKeysOf(given.kind),
      (path, text) => values?.get(path.join('.')) ?? text,
    )
    const resolved = { ...given, ...filled }
    try {
      made.set(name, { guardrail: createGuardrail(name, resolved, deps), config: resolved })
    } catch (error) {
      if (!(error instanceof WeirError)) throw error
      const path = `guardrails.${name}`
      found.push(...(error.problems.length > 0 ? error.problems : [{ path, message: error.message }]))
    }
  }
  if (found.length > 0) throw badConfig(found)
  return made
}

function otlpHeaders(
  { server }: Config,
  secrets: ResolvedSecrets,
): Readonly<Record<string, string>> | undefined {
  const { headers } = server.telemetry.otlp
  if (headers === undefined) return undefined
  const values = secrets.get(OTLP_PLACE)
  const resolved = Object.entries(headers).map(([name, text]) => [
    name,
    values?.get(`headers.${name}`) ?? text,
  ])
  return Object.fromEntries(resolved)
}

function ownPath({ path, format: name }: Config['formats'][number]): PolicySet['formats'] {
  const format = formatNamed(name)
  return format === undefined ? [] : [{ path, format }]
}

/** `style`: by the place of the use in the policy. */
function compilePolicy(
  policy: PolicyConfig,
  style: (position: number) => RedactStyle | undefined,
  guardrails: ReadonlyMap<string, Guardrail>,
): Policy {
  const { stream, limits } = policy
  const rulesOn = (side: keyof Sides): readonly Rule[] =>
    policy.guardrails.flatMap((use, position) =>
      sidesOf(use)[side] ? [compileRule(use, style(position), guardrails)] : [],
    )
  return {
    name: policy.name,
    match: policy.match === undefined ? undefined : compileMatch(policy.match),
    inputRules: rulesOn('input'),
    parallelRules: rulesOn('parallel'),
    outputRules: rulesOn('output'),
    stream: {
      delivery: stream.delivery,
      headers: stream.headers ?? (stream.delivery === 'window' ? 'on_first_release' : 'at_once'),
      heartbeatMs: stream.heartbeat_ms,
      maxHeldBytes: stream.max_held_bytes,
      onHeldLimit: stream.on_held_limit,
      maxDurationMs: stream.max_duration_ms,
      holdBackChars: stream.hold_back_chars,
      window: {
        firstChars: stream.window.first_chars,
        growth: stream.window.growth,
        maxChars: stream.window.max_chars,
        contextChars: stream.window.context_chars,
        maxHeldMs: stream.window.max_held_ms,
      },
    },
    limits: { maxRequestBytes: limits.max_request_bytes, maxResponseBytes: limits.max_response_bytes },
    failMode: policy.fail_mode,
    uninspectable: policy.uninspectable,
    canonicalize: policy.canonicalize,
    denyCode: policy.deny_code,
    denyFormat: policy.deny_format,
    requestFailureMessage: policy.request_failure_message,
    responseFailureMessage: policy.response_failure_message,
    revealFailureCategories: policy.reveal_failure_categories,
    finishReason: policy.finish_reason,
  }
}

function compileRule(
  use: UseConfig,
  redact: RedactStyle | undefined,
  guardrails: ReadonlyMap<string, Guardrail>,
): Rule {
  const guardrail = guardrails.get(use.use)
  if (guardrail === undefined) throw new WeirError('bug', 'a rule names a guardrail that was never made')
  return {
    guardrail,
    action: use.action,
    failOpen: use.fail_open,
    view: viewFor(use),
    outputContext: use.output_context === 'conversation' ? 'conversation' : undefined,
    redact,
  }
}

function styleOf(
  { action, redact }: UseConfig,
  secrets: ReadonlyMap<string, string> | undefined,
): RedactStyle | undefined {
  if (action !== 'redact') return undefined
  const { style, restore } = redact
  switch (style) {
    case 'replace':
      return { kind: 'replace', restore }
    case 'mask':
      return { kind: 'mask' }
    case 'hash':
      return { kind: 'hash', restore, digest: keyedDigest(secrets?.get('hash_key') ?? KEY_OF_THIS_PROCESS) }
    default:
      return assertNever(style)
  }
}

const KEY_OF_THIS_PROCESS = randomBytes(32)
/** Enough that two texts of one exchange do not meet, and short enough for a model to repeat. */
const DIGEST_DIGITS = 12

function keyedDigest(key: string | Buffer): (text: string) => string {
  return text => createHmac('sha256', key).update(text).digest('hex').slice(0, DIGEST_DIGITS)
}

function viewFor({ scan, roles }: UseConfig): View | undefined {
  if (scan === 'conversation' && roles === undefined) return undefined
  return { scan, roles: roles && new Set(roles) }
}

function compileMatch({ hosts, paths, routes }: NonNullable<PolicyConfig['match']>): Match {
  return { hosts: hosts?.map(plainHost), paths, routes }
}

/** Lower case, no port, no closing dot: as the authority of a request is compared. */
function plainHost(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '')
}

function versionOf(masked: unknown): string {
  return createHash('sha256').update(canonicalJson(masked)).digest('hex').slice(0, 12)
}
