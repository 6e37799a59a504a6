import { z } from 'zod'
import type { KeyHints } from './problems.ts'
import { configSchema } from './schema.ts'

/** The part of JSON Schema that zod writes for a config. */
export interface JsonSchema {
  readonly title?: string
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
}

const TITLE = 'Weir config'

/** The JSON Schema (draft 2020-12) of a config file: for editors, for docs/en/config.md and for hints. */
export function configJsonSchema(): JsonSchema {
  return { title: TITLE, ...jsonSchemaOf(configSchema) }
}

/** A part of the config as it is written, defaults not filled in. */
export function jsonSchemaOf(part: z.ZodType): JsonSchema {
  const schema: unknown = z.toJSONSchema(part, { io: 'input', unrepresentable: 'any' })
  if (!isSchema(schema)) throw new TypeError('a schema is an object')
  return schema
}

let cached: JsonSchema | undefined

/** What the schema says of the keys of this raw config. */
export function keyHintsOf(raw: unknown): KeyHints {
  cached ??= configJsonSchema()
  const whole = cached
  return {
    known: path => Object.keys(schemaAt(whole, raw, path)?.properties ?? {}),
    required: path => schemaAt(whole, raw, path)?.required ?? [],
    placesOf: key => [...placesIn(whole, key, '')],
  }
}

function schemaAt(whole: JsonSchema, raw: unknown, path: readonly PropertyKey[]): JsonSchema | undefined {
  let schema: JsonSchema | undefined = whole
  let value = raw
  for (const key of path) {
    schema = childSchema(narrow(schema, value), key)
    value = isRecord(value) ? value[String(key)] : undefined
    if (schema === undefined) return undefined
  }
  return narrow(schema, value)
}

/** The mappings that have this key, written as docs/en/config.md writes them; what the kinds of guardrails have is left out. */
function* placesIn(schema: JsonSchema, key: string, path: string): Generator<string> {
  const { properties = {}, items } = schema
  if (Object.hasOwn(properties, key)) yield path === '' ? 'the top level' : path
  for (const [name, child] of Object.entries(properties)) {
    yield* placesIn(child, key, path === '' ? name : `${path}.${name}`)
  }
  if (items !== undefined) yield* placesIn(items, key, `${path}[]`)
}

function childSchema(schema: JsonSchema, key: PropertyKey): JsonSchema | undefined {
  if (typeof key === 'number') return schema.items
  const { additionalProperties } = schema
  const { properties } = schema
  if (properties !== undefined && Object.hasOwn(properties, key)) return properties[String(key)]
  return isSchema(additionalProperties) ? additionalProperties : undefined
}

/** Of the kinds of guardrails, the one that this value says it is. */
function narrow(schema: JsonSchema, value: unknown): JsonSchema {
  const kind = isRecord(value) ? value.kind : undefined
  return schema.oneOf?.find(branch => branch.properties?.kind?.const === kind) ?? schema
}

function isSchema(value: unknown): value is JsonSchema {
  return isRecord(value)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
