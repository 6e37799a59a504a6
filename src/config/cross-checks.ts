import { z } from 'zod'
import type { ConfigProblem } from '../errors.ts'
import { endpointProblem } from '../service/egress.ts'
import { closestWord } from './hints.ts'

/**
 * What the checks across keys read of a config. It takes any value: what has the wrong shape reads as absent, since
 * the strict schema reports that, so that both find all their problems in one go.
 */
const viewSchema = z.looseObject({
  server: z
    .looseObject({ telemetry: z.looseObject({ otlp: z.unknown().optional() }).optional().catch(undefined) })
    .optional()
    .catch(undefined),
  guardrails: z.record(z.string(), z.unknown()).catch({}),
  policies: z
    .array(
      z
        .looseObject({
          name: z.string().optional().catch(undefined),
          match: z.unknown().optional(),
          guardrails: z.array(useView()).catch([]),
          stream: z
            .looseObject({
              window: z
                .looseObject({
                  first_chars: z.number().catch(80).default(80),
                  max_chars: z.number().catch(2000).default(2000),
                })
                .optional()
                .catch(undefined),
            })
            .optional()
            .catch(undefined),
        })
        .catch({ guardrails: [], match: null }),
    )
    .catch([]),
})

function useView() {
  return z
    .looseObject({
      use: z.string().optional().catch(undefined),
      direction: z.unknown().optional(),
      mode: z
        .unknown()
        .optional()
        .transform((mode): readonly unknown[] =>
          mode === undefined ? [] : Array.isArray(mode) ? mode : [mode],
        ),
      action: z.unknown().optional(),
      redact: z
        .looseObject({ style: z.unknown().optional(), restore: z.unknown().optional() })
        .optional()
        .catch(undefined),
    })
    .catch({ mode: [], use: undefined, direction: undefined, action: undefined, redact: undefined })
}

type View = z.output<typeof viewSchema>
type PolicyView = View['policies'][number]
type UseView = z.output<ReturnType<typeof useView>>

/** The problems of a config that no single key shows, whatever else is wrong with it. */
export function crossCheck(raw: unknown): ConfigProblem[] {
  const view = viewSchema.safeParse(raw)
  if (!view.success) return []
  const { server, guardrails, policies } = view.data
  const names = Object.keys(guardrails)
  return [
    ...Object.entries(guardrails).flatMap(([name, guardrail]) =>
      checkEndpoints(guardrail, `guardrails.${name}`),
    ),
    // A collector in plain text is the rule inside of a cluster; whose it is the operator knows.
    ...checkEndpoints(server?.telemetry?.otlp, 'server.telemetry.otlp', 'plaintext-too'),
    ...duplicateNames(policies),
    ...unreachable(policies),
    ...policies.flatMap((policy, index) => checkPolicy(policy, `policies.${index}`, names)),
  ]
}

/** Keys that hold the URL of a service, in every kind. */
const ENDPOINT_KEY = /(?:^|_)(?:endpoint|url)$/

/** What never could be connected to, as far as it shows before a name is resolved. */
function checkEndpoints(
  block: unknown,
  path: string,
  allowed: 'as-the-block-says' | 'plaintext-too' = 'as-the-block-says',
): ConfigProblem[] {
  if (typeof block !== 'object' || block === null) return []
  const allowPlaintext =
    allowed === 'plaintext-too' || ('allow_plaintext' in block && block.allow_plaintext === true)
  return Object.entries(block).flatMap(([key, value]) => {
    if (!ENDPOINT_KEY.test(key) || typeof value !== 'string') return []
    const message = endpointProblem(value, allowPlaintext)
    return message === undefined ? [] : [{ path: `${path}.${key}`, message }]
  })
}

function duplicateNames(policies: readonly PolicyView[]): ConfigProblem[] {
  const first = new Map<string, number>()
  return policies.flatMap(({ name }, index) => {
    if (name === undefined) return []
    const earlier = first.get(name)
    if (earlier === undefined) {
      first.set(name, index)
      return []
    }
    return [{ path: `policies.${index}.name`, message: `is already the name of policies.${earlier}` }]
  })
}

function unreachable(policies: readonly PolicyView[]): ConfigProblem[] {
  const catchAlls = policies.flatMap(({ match }, index) => (takesEverything(match) ? [index] : []))
  const [first, ...later] = catchAlls
  return later.map(index => ({
    path: `policies.${index}`,
    message: `can never be reached: policies.${first} has no match either and takes everything`,
  }))
}

/** Whether a policy has no match, or one without a key. */
export function takesEverything(match: unknown): boolean {
  return (
    match === undefined || (typeof match === 'object' && match !== null && Object.keys(match).length === 0)
  )
}

function checkPolicy(policy: PolicyView, path: string, names: readonly string[]): ConfigProblem[] {
  const window = policy.stream?.window
  const tooLarge = window !== undefined && window.first_chars > window.max_chars
  return [
    ...policy.guardrails.flatMap((use, index) => checkUse(use, `${path}.guardrails.${index}`, names)),
    ...(tooLarge
      ? [
          {
            path: `${path}.stream.window.first_chars`,
            message: `must not be above max_chars (${window.max_chars})`,
          },
        ]
      : []),
  ]
}

function checkUse(use: UseView, path: string, names: readonly string[]): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  if (use.use !== undefined && !names.includes(use.use)) {
    const meant = closestWord(use.use, names)
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`
    problems.push({ path: `${path}.use`, message: `names no guardrail under guardrails${hint}` })
  }
  const duringCall = use.mode.includes('during_call')
  if (use.direction !== undefined && use.mode.length > 0 && !duringCall) {
    problems.push({ path: `${path}.direction`, message: 'excludes mode: leave one of them out' })
  }
  if (duringCall && use.direction === 'output') {
    problems.push({
      path: `${path}.direction`,
      message: 'must not be output with mode during_call, which judges the request; use mode post_call',
    })
  }
  if (duringCall && use.action === 'redact') {
    problems.push({
      path: `${path}.action`,
      message:
        'must not be redact with mode during_call: the request is gone before the verdict; use pre_call',
    })
  }
  return [...problems, ...checkRestore(use, path)]
}

function checkRestore({ redact, direction, mode }: UseView, path: string): ConfigProblem[] {
  if (redact?.restore !== true) return []
  const at = `${path}.redact.restore`
  if (redact.style === 'mask') {
    return [
      { path: at, message: 'must not be true with style mask: asterisks do not say what they stand for' },
    ]
  }
  const judgesRequest = mode.length > 0 ? mode.includes('pre_call') : direction !== 'output'
  return judgesRequest
    ? []
    : [{ path: at, message: 'must not be true on the response alone: nothing of the request is redacted' }]
}
