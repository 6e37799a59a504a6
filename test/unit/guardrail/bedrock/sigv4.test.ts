import { expect, test } from 'vitest'
import { signatureHeaders } from '../../../../src/aws/signature.ts'
import { signatureFault, sigV4 } from '../../../support/sigv4.ts'

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'

test('the verifier agrees with the published vector "get-vanilla"', () => {
  const request = {
    method: 'GET',
    path: '/',
    headers: { host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z' },
    signedHeaders: ['host', 'x-amz-date'],
    body: '',
    scope: '20150830/us-east-1/service/aws4_request',
    date: '20150830T123600Z',
  }
  expect(sigV4(request, SECRET)).toBe('5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31')
})

const ARN = 'arn:aws:bedrock:eu-west-1:123456789012:guardrail/abc'

test.each([
  ['an id', 'https://bedrock-runtime.eu-west-1.amazonaws.com/guardrail/abc/version/1/apply', undefined],
  [
    'an ARN',
    `https://vpce-1.example:8443/guardrail/${encodeURIComponent(ARN)}/version/DRAFT/apply`,
    undefined,
  ],
  ['a path before it', 'http://127.0.0.1:1/a%20b/guardrail/abc/version/1/apply', 'session/token+=='],
])('a request to %s is signed as the service checks it', async (_, href, token) => {
  const url = new URL(href)
  const body = '{"text":"grüße 😀"}'
  const keys = { accessKeyId: 'AKID', secretAccessKey: SECRET, sessionToken: token }
  const post = { url, region: 'eu-west-1', service: 'bedrock', body }
  const headers = {
    host: url.host,
    'content-type': 'application/json',
    ...(await signatureHeaders(keys, post)),
  }
  const key = { id: 'AKID', secret: SECRET, ...(token === undefined ? {} : { token }) }
  const request = { method: 'POST', path: url.pathname, headers, body }
  expect(signatureFault(request, key, 'eu-west-1/bedrock')).toBeUndefined()

  const fault = 'the signature does not match'
  expect(signatureFault({ ...request, body: `${body} ` }, key, 'eu-west-1/bedrock')).toBe(fault)
  expect(signatureFault({ ...request, path: '/other' }, key, 'eu-west-1/bedrock')).toBe(fault)
  expect(signatureFault(request, { ...key, secret: 'x' }, 'eu-west-1/bedrock')).toBe(fault)
  expect(signatureFault(request, key, 'eu-west-1/bedrock-runtime')).toContain('wrong scope')
})

test('no header of a signed request holds the secret', async () => {
  const keys = { accessKeyId: 'AKID', secretAccessKey: SECRET }
  const url = new URL('https://bedrock-runtime.eu-west-1.amazonaws.com/')
  const headers = await signatureHeaders(keys, { url, region: 'eu-west-1', service: 'bedrock', body: '{}' })
  expect(JSON.stringify(headers)).not.toContain(SECRET)
})
