import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseDocument, visit } from 'yaml'
import { configJsonSchema, type JsonSchema, jsonSchemaOf } from '../../src/config/json-schema.ts'
import { casesSchema } from '../../src/rehearsal/case-schema.ts'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { CHECKOUT, guidePages, pagesUnder, readPage } from './page.ts'

/** Every key of the config with the keys that it stands under: `policies.guardrails.redact.style`. */
function pathsOf(schema: JsonSchema, prefix = ''): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => [
    `${prefix}${name}`,
    ...pathsOf(child, `${prefix}${name}.`),
  ])
  const more = schema.additionalProperties
  const children = [
    ...(schema.items ? [schema.items] : []),
    ...(schema.oneOf ?? []),
    ...(schema.anyOf ?? []),
    ...(typeof more === 'object' ? [more] : []),
  ]
  return [...own, ...children.flatMap(child => pathsOf(child, prefix))]
}

function keysIn(yaml: string): string[] {
  const keys: string[] = []
  visit(parseDocument(yaml), { Pair: (_, { key }) => void keys.push(String(key)) })
  return keys
}

const paths = [configJsonSchema(), jsonSchemaOf(casesSchema)]
  .flatMap(schema => pathsOf(schema))
  .map(path => `.${path}`)
const names = new Set(paths.flatMap(path => path.split('.')))
/** Keys with keys of their own. */
const roots = new Set(paths.flatMap(path => path.split('.').slice(0, -1)))
const envoyKeys = ENVOY_MODES.flatMap(mode => keysIn(readFileSync(`${CHECKOUT}envoy/${mode}.yaml`, 'utf8')))
/** What is made from the schema needs no look, and quotes what services answer. */
const made = /\/(?:config|guardrails)\.md$/

const pages = [...guidePages(), ...pagesUnder('docs/zh')].filter(path => !made.test(path))

describe.each(pages)('%s', path => {
  const page = readPage(path)
  const code = [...page.prose.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text!)

  test('names no key that the config does not have, by its path', () => {
    const dotted = code.filter(
      text =>
        /^[a-z_]+(\.[a-z_]+)+$/.test(text) && !/\.(?:log|json)$/.test(text) && roots.has(text.split('.')[0]!),
    )
    expect(dotted.filter(text => !paths.some(known => known.endsWith(`.${text}`)))).toEqual([])
  })

  test('gives no value to a key that neither the config nor an example has', () => {
    const known = new Set([
      ...names,
      ...envoyKeys,
      // Of Envoy's filter; no bootstrap here has it.
      'observability_mode',
      // Keys of somebody else's config, which the page names on purpose.
      ...(/^<!-- keys of others: (.*) -->$/m.exec(page.prose)?.[1]?.split(', ') ?? []),
      ...page.blocks.filter(({ info }) => info === 'yaml').flatMap(({ text }) => keysIn(text)),
    ])
    const given = code.flatMap(text => /^\{? ?([a-z_]+): \S/.exec(text)?.[1] ?? [])
    expect(given.filter(key => !known.has(key))).toEqual([])
  })
})
