import type { Effect, RecordEffect } from '../exchange/events.ts'
import { type DecisionRecord, shownNames } from '../exchange/record.ts'
import { bytesField, stringField } from './wire.ts'

/** What was decided in one step, to stand behind the reply at `at`: field 8 of a ProcessingResponse. */
export interface ToldDecisions {
  readonly at: number
  readonly metadata: Buffer
}

/**
 * Decisions as dynamic metadata of Envoy: namespace `weir`, with a struct per phase that holds what the record says
 * but for times, bytes and what each guardrail came to. Envoy's access log shows it by `%DYNAMIC_METADATA(weir)%`, and
 * filters behind this one can match it. Envoy merges what the phases say, and drops it where the filter's
 * `receiving_namespaces` do not list the namespace. Never content.
 *
 * Undefined when nothing was decided, or no reply goes out that could carry it: a decision about what has left
 * already, such as of a live answer, stands in the log only.
 */
export function decisionsIn(effects: readonly Effect[]): ToldDecisions | undefined {
  if (!effects.some(isRecord)) return undefined
  const at = effects.findLastIndex(({ kind }) => kind === 'reply')
  return at === -1 ? undefined : { at, metadata: metadataOf(effects.filter(isRecord)) }
}

function isRecord(effect: Effect): effect is RecordEffect {
  return effect.kind === 'record'
}

const DYNAMIC_METADATA = 8
const NAMESPACE = 'weir'

function metadataOf(effects: readonly RecordEffect[]): Buffer {
  const [first, ...more] = effects
  if (first === undefined || more.length > 0) return encoded(effects.map(({ record }) => record))
  const { record } = first
  return isCommon(record) ? common(record) : encoded([record])
}

function encoded(records: readonly DecisionRecord[]): Buffer {
  const ids = records.slice(0, 1).map(({ exchangeId }) => entry('exchange_id', text(exchangeId)))
  const phases = records.map(record => entry(record.phase, struct(...fieldsOf(record))))
  return bytesField(DYNAMIC_METADATA, entry(NAMESPACE, struct(...ids, ...phases)))
}

/** It says nothing that many others do not say as well, but for the exchange's id. */
function isCommon({ rules, exchangeId }: DecisionRecord): boolean {
  return exchangeId.length === ID_CHARS && rules.every(rule => rule.outcome === 'clean')
}

const ID_CHARS = 32
const ANY_ID = '-'.repeat(ID_CHARS)

interface Template {
  readonly bytes: Buffer
  readonly idAt: number
}

/** By what they say: a tenth of the time that encoding them takes. As many as policies, formats and words together. */
const templates = new Map<string, Template>()
const MOST_TEMPLATES = 1000

function common(record: DecisionRecord): Buffer {
  const { phase, policy, format, effective, because } = record
  const key = `${phase} ${effective} ${because} ${format ?? ''} ${policy ?? ''}`
  let template = templates.get(key)
  if (template === undefined) {
    const bytes = encoded([{ ...record, exchangeId: ANY_ID }])
    template = { bytes, idAt: bytes.indexOf(ANY_ID) }
    if (templates.size < MOST_TEMPLATES) templates.set(key, template)
  }
  const bytes = Buffer.allocUnsafe(template.bytes.length)
  bytes.set(template.bytes)
  bytes.write(record.exchangeId, template.idAt, 'latin1')
  return bytes
}

function fieldsOf({ policy, format, effective, because, rules, would }: DecisionRecord): readonly Buffer[] {
  const detectors = shownNames(rules.flatMap(rule => rule.detectors))
  const failures = [...new Set(rules.flatMap(({ reason }) => (reason === undefined ? [] : [reason])))]
  const words = Object.entries({ policy, format, effective, because })
  return [
    ...words.flatMap(([name, value]) => (value === undefined ? [] : [entry(name, text(value))])),
    ...(detectors.length === 0 ? [] : [entry('detectors', list(detectors))]),
    ...(failures.length === 0 ? [] : [entry('failures', list(failures))]),
    ...(would === undefined ? [] : [entry('would', struct(...shadowFields(would)))]),
  ]
}

function shadowFields(would: NonNullable<DecisionRecord['would']>): readonly Buffer[] {
  return Object.entries(would).map(([setting, word]) => entry(setting, text(word)))
}

/** https://protobuf.dev/reference/protobuf/google.protobuf/#struct: `fields`, a map. */
function entry(name: string, value: Buffer): Buffer {
  return bytesField(1, stringField(1, name), bytesField(2, value))
}

/** A `google.protobuf.Value` without its own tag, as the other two. */
function text(value: string): Buffer {
  return stringField(3, value)
}

function struct(...entries: readonly Buffer[]): Buffer {
  return bytesField(5, ...entries)
}

function list(values: readonly string[]): Buffer {
  return bytesField(6, ...values.map(value => bytesField(1, text(value))))
}
