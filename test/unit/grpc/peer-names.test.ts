import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { allowsNames } from '../../../src/grpc/peer-names.ts'
import { createAuthority, type LeafOptions } from '../../support/certificates.ts'

const authority = createAuthority('ca')
const allows = (allowed: 'any' | readonly string[], names: LeafOptions): boolean =>
  allowsNames(allowed, new X509Certificate(authority.issue(names).cert).subjectAltName)

const SPIFFE = 'spiffe://cluster.local/ns/gateway/sa/envoy'

test.each<[string, readonly string[], LeafOptions]>([
  ['a SPIFFE ID', [SPIFFE], { uris: [SPIFFE] }],
  ['a DNS name in another case', ['Envoy.example.com'], { dns: ['envoy.EXAMPLE.com'] }],
  ['an e-mail address', ['a@example.com'], { emails: ['a@example.com'] }],
  ['one of several', ['other', 'envoy'], { dns: ['x', 'envoy'], uris: [SPIFFE] }],
  ['a name with a comma in it', ['urn://a,b, DNS:c'], { uris: ['urn://a,b, DNS:c'] }],
])('%s is allowed', (_what, allowed, names) => {
  expect(allows(allowed, names)).toBe(true)
})

test.each<[string, readonly string[], LeafOptions]>([
  ['no name at all', ['envoy'], {}],
  ['a longer one', [SPIFFE], { uris: [`${SPIFFE}-2`] }],
  ['a shorter one', [SPIFFE], { uris: [SPIFFE.slice(0, -1)] }],
  ['a URI in another case', [SPIFFE], { uris: [SPIFFE.toUpperCase()] }],
  ['a wildcard', ['envoy.example.com'], { dns: ['*.example.com'] }],
  ['the same text of another type', [SPIFFE], { dns: [SPIFFE] }],
  ['a name inside of another', ['envoy'], { dns: ['x, DNS:envoy'], uris: ['urn://x, DNS:envoy'] }],
])('%s is not', (_what, allowed, names) => {
  expect(allows(allowed, names)).toBe(false)
})

test('where none is named, any is allowed', () => {
  expect(allows('any', {})).toBe(true)
})

test('what cannot be read bears no name', () => {
  expect(allowsNames(['envoy'], 'DNS:envoy, "')).toBe(false)
})
