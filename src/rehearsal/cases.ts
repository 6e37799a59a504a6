import type { z } from 'zod'
import { NO_HINTS, problemsFrom } from '../config/problems.ts'
import { parseYaml } from '../config/yaml.ts'
import { type ConfigProblem, WeirError } from '../errors.ts'
import { detectFormat, placeOf } from '../llm/detect.ts'
import type { LlmFormat } from '../llm/format.ts'
import type { PolicySet } from '../policy/policy.ts'
import { type CasesFile, casesSchema, type PolicyCase } from './case-schema.ts'
import type { Message } from './play.ts'

const WHAT = 'the file of cases'

/**
 * Reads the text of a file of policy tests.
 *
 * @throws WeirError `bad-config` with every problem and its place
 */
export function loadCases(text: string): CasesFile {
  const raw = parseYaml(text, WHAT)
  if (isConfig(raw)) throw badCases([{ path: '', message: NO_CASES }])
  const parsed = casesSchema.safeParse(raw, { reportInput: true })
  if (!parsed.success) throw badCases(problemsFrom(issuesOf(parsed.error), NO_HINTS))
  const problems = parsed.data.cases.flatMap(bodyProblems)
  if (problems.length > 0) throw badCases(problems)
  return parsed.data
}

const NO_CASES =
  'this is a config: its cases stand in a file of their own, which names it by `config`; see docs/en/policy-tests.md'

/** The two are mixed up easily, and nearly every key of the one is unknown in the other. */
function isConfig(raw: unknown): boolean {
  return typeof raw === 'object' && raw !== null && 'policies' in raw && !('cases' in raw)
}

/** Of a union whose members all refuse a value, what the closest of them says. */
function issuesOf(error: z.ZodError): z.core.$ZodIssue[] {
  return error.issues.flatMap(issue => {
    if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue]
    const closest = issue.errors.toSorted((a, b) => depthOf(b) - depthOf(a))[0]!
    return closest.map(inner => ({ ...inner, path: [...issue.path, ...inner.path] }))
  })
}

/** How far a member had come: an unknown key tells more than a wrong type. */
function depthOf(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(...issues.map(({ code, path }) => path.length + (code === 'invalid_type' ? 0 : 1)))
}

function badCases(problems: readonly ConfigProblem[]): WeirError {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  return new WeirError('bad-config', `${WHAT} has ${count}`, { problems })
}

const SOURCES = ['json', 'text', 'file', 'says', 'events'] as const

function bodyProblems({ request, response }: PolicyCase, index: number): readonly ConfigProblem[] {
  return Object.entries({ request, response }).flatMap(([side, message]) => {
    const given = SOURCES.filter(source => message !== undefined && source in message)
    if (given.length < 2) return []
    return [
      { path: `cases.${index}.${side}`, message: `has several bodies: ${given.join(', ')}; one may stay` },
    ]
  })
}

/** Reads a file that a case names. */
export type ReadFile = (path: string) => Promise<Uint8Array>

/** The request of a case as Envoy would give it to Weir. */
export async function requestOf({ request }: PolicyCase, readFile: ReadFile): Promise<Message> {
  const body = await bodyOf(request, readFile)
  return {
    headers: {
      ':method': 'POST',
      ':path': request.path,
      ':authority': request.host ?? 'localhost',
      'content-type': 'application/json',
      ...lowerCased(request.headers),
    },
    chunks: body === undefined ? [] : chunksOf(body, request.cut),
  }
}

/** What the upstream answers in a case; undefined where it does not. `request`: the whole body that was asked. */
export async function responseOf(
  { name, request, response }: PolicyCase,
  asked: Uint8Array,
  { formats }: PolicySet,
  readFile: ReadFile,
): Promise<Message | undefined> {
  if (response === undefined) return undefined
  const { contentType, body } =
    response.says === undefined
      ? {
          contentType: 'events' in response ? EVENT_STREAM : JSON_TYPE,
          body: await bodyOf(response, readFile),
        }
      : answerOf(name, response.says, asked, request.path, formats)
  return {
    headers: {
      ':status': String(response.status),
      ...(body && { 'content-type': contentType }),
      ...lowerCased(response.headers),
    },
    chunks: body === undefined ? [] : chunksOf(body, response.cut),
  }
}

const JSON_TYPE = 'application/json'
const EVENT_STREAM = 'text/event-stream'

interface BodySources {
  readonly json?: unknown
  readonly text?: string | undefined
  readonly file?: string | undefined
  readonly events?: readonly unknown[] | undefined
}

async function bodyOf(message: BodySources, readFile: ReadFile): Promise<Uint8Array | undefined> {
  if ('json' in message) return Buffer.from(JSON.stringify(message.json))
  if (message.text !== undefined) return Buffer.from(message.text)
  if (message.file !== undefined) return readFile(message.file)
  if (message.events !== undefined) return Buffer.from(message.events.map(eventOf).join(''))
  return undefined
}

function eventOf(data: unknown): string {
  return `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`
}

/** A refusal is a whole answer with a text of our choice, in every API that has one. */
function answerOf(
  name: string,
  text: string,
  asked: Uint8Array,
  path: string,
  formats: PolicySet['formats'],
): { readonly contentType: string; readonly body: Uint8Array } {
  const place = placeOf(path)
  const format: LlmFormat | undefined = detectFormat(place, formats)
  const decoded = format?.decodeRequest(asked, place)
  const request = decoded?.kind === 'ok' ? decoded.value : undefined
  const answer = format?.refusal(
    { message: text, id: '0'.repeat(32), createdSec: 0, finishReason: 'stop', request },
    request?.streams === true ? 'event-stream' : 'json',
  )
  if (answer !== undefined) return answer
  const message =
    format === undefined ? `no API is known at ${place.path}` : `${format.name} has no answers of text`
  throw badCases([{ path: `cases.${name}.response.says`, message: `${message}: give the body itself` }])
}

function lowerCased(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

type Cut = PolicyCase['request']['cut']

function chunksOf(body: Uint8Array, cut: Cut): readonly Uint8Array[] {
  const cuts = [...new Set(cutsOf(cut, body.byteLength))].filter(at => at < body.byteLength)
  cuts.sort((a, b) => a - b)
  return [0, ...cuts].map((start, index) => body.subarray(start, cuts[index]))
}

function cutsOf(cut: Cut, end: number): readonly number[] {
  if (cut === undefined) return []
  if (Array.isArray(cut)) return cut
  const { every } = cut
  return Array.from({ length: Math.floor(end / every) }, (_, index) => (index + 1) * every)
}
