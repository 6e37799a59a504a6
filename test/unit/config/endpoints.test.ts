import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { guardrailKinds } from '../../../src/guardrail/registry.ts'
import { problemsOf, snapshotOf } from './given.ts'

const hook = (url: string, more = '') =>
  `guardrails: { h: { kind: webhook, dialect: generic, url: "${url}"${more} } }\npolicies: []`

const FORBIDDEN =
  'is a link-local, cloud metadata, unspecified or multicast address: Weir never connects to one'
const PLAINTEXT = 'is a public address without TLS: use https, or set allow_plaintext: true'
const METADATA = 'is the name of a cloud metadata service: Weir never connects to one'

describe('the endpoint of a guard service', () => {
  it.each([
    ['http://169.254.169.254/latest', '', FORBIDDEN],
    ['https://169.254.169.254/', ', allow_plaintext: true', FORBIDDEN],
    ['http://2852039166/', '', FORBIDDEN],
    ['http://[::ffff:a9fe:a9fe]/', '', FORBIDDEN],
    ['http://0.0.0.0:8000/', '', FORBIDDEN],
    ['http://metadata.google.internal/', '', METADATA],
    ['https://Metadata.Google.Internal./', '', METADATA],
    ['http://192.0.2.1/', '', PLAINTEXT],
    ['http://[2001:db8::1]/', ', allow_plaintext: false', PLAINTEXT],
  ])('%s%s is a problem', (endpoint, more, message) => {
    expect(problemsOf(hook(endpoint, more))).toContain(`guardrails.h.url: ${message}`)
  })

  it.each([
    ['https://192.0.2.1/', ''],
    ['http://192.0.2.1/', ', allow_plaintext: true'],
    ['http://127.0.0.1:8000/', ''],
    ['http://10.1.2.3/', ''],
    ['http://[fd12::1]/', ''],
    // What it resolves to is not known before it is connected to.
    ['http://guard.example.com/', ''],
  ])('%s%s is none', (endpoint, more) => {
    expect(snapshotOf(hook(endpoint, more)).guardrails.has('h')).toBe(true)
  })

  it('is told beside all other problems', () => {
    const text = `
guardrails:
  l: { kind: lakera, api_key: k, lakera_endpoint: "http://169.254.169.254/v2/guard", tiemout: 5 }
  w: { kind: webhook, dialect: generic, url: "http://192.0.2.1/" }
policies: []`
    expect(problemsOf(text)).toEqual(
      expect.arrayContaining([
        expect.stringContaining('guardrails.l.tiemout: unknown key'),
        `guardrails.l.lakera_endpoint: ${FORBIDDEN}`,
        `guardrails.w.url: ${PLAINTEXT}`,
      ]),
    )
  })

  it('is looked at under every key that a kind has for a URL', () => {
    const keys = Object.values(guardrailKinds).flatMap(({ configSchema }) => urlKeys(configSchema))
    expect(new Set(keys)).toEqual(new Set(['lakera_endpoint', 'endpoint', 'url']))
    for (const key of keys) {
      const text = `guardrails: { g: { kind: lakera, ${key}: "http://169.254.169.254/" } }\npolicies: []`
      expect(problemsOf(text)).toContain(`guardrails.g.${key}: ${FORBIDDEN}`)
    }
  })
})

interface JsonSchema {
  readonly format?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
}

function urlKeys(schema: z.ZodType): string[] {
  const inside = ({ properties = {}, anyOf = [], oneOf = [], allOf = [] }: JsonSchema): string[] => [
    ...Object.entries(properties).flatMap(([key, value]) => (value.format === 'uri' ? [key] : inside(value))),
    ...[...anyOf, ...oneOf, ...allOf].flatMap(inside),
  ]
  return inside(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema)
}

describe('a way to a service that is not safe', () => {
  it.each([
    ['ssl_verify: false', /^guardrail h: ssl_verify is false/],
    ['allow_plaintext: true', /^guardrail h: allow_plaintext is true/],
  ])('%s is warned of, once', (key, warning) => {
    const count = (text: string) => snapshotOf(text).warnings.filter(one => warning.test(one)).length
    expect(count(hook('https://guard.example.com/', `, ${key}`))).toBe(1)
    expect(count(hook('https://guard.example.com/'))).toBe(0)
  })
})
