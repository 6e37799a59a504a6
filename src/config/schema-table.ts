import type { JsonSchema } from './json-schema.ts'
import { isSecret, type SecretPattern } from './secret-paths.ts'

const TABLE_HEAD = '| Key | Type | Default | Meaning |\n|---|---|---|---|'

/** One key of the config, with its whole path inside of its section. */
export interface Row {
  readonly key: string
  readonly schema: JsonSchema
  readonly required: boolean
  readonly secret?: boolean
}

/** The rows, those that the patterns name as secrets. */
export function markSecrets(rows: readonly Row[], patterns: readonly SecretPattern[]): readonly Row[] {
  return rows.map(row => ({ ...row, secret: isSecret(row.key.split('.'), patterns) }))
}

/** A Markdown table of these keys. */
export function table(rows: readonly Row[]): string {
  return [TABLE_HEAD, ...rows.map(line)].join('\n')
}

/** All keys of a schema. Nested mappings and lists of mappings follow their own key, each with its whole path. */
export function rowsOf(schema: JsonSchema, prefix: string): readonly Row[] {
  const required = new Set(schema.required)
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const key = `${prefix}${name}`
    const row = { key, schema: child, required: required.has(name) }
    if (isMap(child))
      return [row, { key: `${key}.<name>`, schema: child.additionalProperties, required: false }]
    if (child.items?.properties !== undefined) return [row, ...rowsOf(child.items, `${key}[].`)]
    return [row, ...rowsOf(child, `${key}.`)]
  })
}

/** A mapping of texts by names of the operator's choice. */
function isMap(schema: JsonSchema): schema is JsonSchema & { readonly additionalProperties: JsonSchema } {
  return typeof schema.additionalProperties === 'object' && schema.additionalProperties.type === 'string'
}

/** The row as a line of the table. */
export function line({ key, schema, required, secret }: Row): string {
  const cells = [
    `\`${key}\``,
    secret ? 'secret' : typeOf(schema),
    required ? 'required' : defaultOf(schema),
    schema.description ?? '',
  ]
  return `| ${cells.map(escapeCell).join(' | ')} |`
}

function defaultOf({ default: value, properties }: JsonSchema): string {
  // The defaults of a mapping stand in the rows of its keys.
  return value === undefined || properties !== undefined ? '' : `\`${JSON.stringify(value)}\``
}

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return code(schema.const)
  if (schema.enum !== undefined) return schema.enum.map(code).join(', ')
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(', or ')
  switch (schema.type) {
    case 'array':
      return `list of ${schema.items?.properties === undefined ? typeOf(schema.items ?? {}) : 'mappings'}`
    case 'object':
      return 'mapping'
    case 'integer':
    case 'number':
      return `${schema.type === 'integer' ? 'whole number' : 'number'}${range(schema)}`
    case 'boolean':
      return '`true`, `false`'
    case 'string':
      return 'text'
    default:
      return 'any'
  }
}

function range({ minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  if (exclusiveMinimum !== undefined)
    return `, above ${exclusiveMinimum}${maximum === undefined ? '' : `, up to ${maximum}`}`
  const low = isBound(minimum) ? minimum : undefined
  const high = isBound(maximum) ? maximum : undefined
  if (low !== undefined && high !== undefined) return `, ${low} to ${high}`
  if (low !== undefined) return `, from ${low}`
  return high === undefined ? '' : `, up to ${high}`
}

/** Zod gives every whole number the bounds of a safe integer; they say nothing. */
function isBound(value: number | undefined): boolean {
  return value !== undefined && Math.abs(value) !== Number.MAX_SAFE_INTEGER
}

function code(value: unknown): string {
  return `\`${String(value)}\``
}

/** Text that may stand in a cell of a Markdown table. */
export function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
