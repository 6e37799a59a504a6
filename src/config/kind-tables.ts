import { serviceKeysSchema } from '../guardrail/registry.ts'
import { configJsonSchema, type JsonSchema, jsonSchemaOf } from './json-schema.ts'
import { line, markSecrets, rowsOf, table } from './schema-table.ts'
import { secretKeysOf } from './secret-keys.ts'

/** The schema of each kind of guardrail, by its name and in the order of the registry. */
export function kindSchemas(): readonly (readonly [string, JsonSchema])[] {
  const { additionalProperties } = configJsonSchema().properties?.guardrails ?? {}
  const kinds = typeof additionalProperties === 'object' ? (additionalProperties.oneOf ?? []) : []
  return kinds.map(schema => [String(schema.properties?.kind?.const), schema] as const)
}

/** The keys that every kind with a service has. */
export function serviceTable(): string {
  return table(serviceRows())
}

/** The keys of a kind but those that all kinds with a service have; one whose default is another stays. */
export function ownTable(kind: string, schema: JsonSchema): string {
  const shared = new Set(serviceRows().map(line))
  return table(markSecrets(rowsOf(schema, ''), secretKeysOf(kind)).filter(row => !shared.has(line(row))))
}

function serviceRows() {
  return rowsOf(jsonSchemaOf(serviceKeysSchema), '')
}
