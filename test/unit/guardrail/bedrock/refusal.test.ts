import { expect, test } from 'vitest'
import { awsRefusal } from '../../../../src/aws/refusal.ts'

const header = (type: string) => ({ 'x-amzn-errortype': type })
const message = (text: string) => JSON.stringify({ message: text })

test.each<[string, Parameters<typeof awsRefusal>[0], ReturnType<typeof awsRefusal>]>([
  [
    'a header with its address',
    { status: 403, headers: header('ExpiredTokenException:http://internal/'), body: '' },
    'expired',
  ],
  [
    'a type in the body',
    { status: 400, headers: {}, body: '{"__type":"com.amazon.coral#ExpiredTokenException"}' },
    'expired',
  ],
  ['a code in the body', { status: 403, headers: {}, body: '{"code":"RequestTimeTooSkewed"}' }, 'clock'],
  [
    'only its words',
    { status: 403, headers: {}, body: message('The security token included in the request is expired') },
    'expired',
  ],
  [
    'other words',
    {
      status: 403,
      headers: {},
      body: '{"Message":"The security token included in the request is invalid."}',
    },
    'unknown-key',
  ],
  [
    'a signature too old',
    {
      status: 403,
      headers: header('InvalidSignatureException'),
      body: message('Signature expired: a is now earlier than b'),
    },
    'clock',
  ],
  [
    'one too new',
    {
      status: 403,
      headers: header('InvalidSignatureException'),
      body: message('Signature not yet current: a is still later than b'),
    },
    'clock',
  ],
  [
    'one that is wrong',
    {
      status: 403,
      headers: header('InvalidSignatureException'),
      body: message('The request signature we calculated does not match'),
    },
    'signature',
  ],
  [
    'an incomplete one',
    { status: 400, headers: header('IncompleteSignatureException'), body: '' },
    'signature',
  ],
  [
    'an unknown key',
    { status: 403, headers: header('UnrecognizedClientException'), body: '' },
    'unknown-key',
  ],
  [
    'a missing permission',
    { status: 403, headers: header('AccessDeniedException'), body: message('not authorized') },
    undefined,
  ],
  ['a request with a mistake', { status: 400, headers: header('ValidationException'), body: '' }, undefined],
  ['another service’s fault', { status: 500, headers: header('ExpiredTokenException'), body: '' }, undefined],
  ['no JSON', { status: 403, headers: {}, body: '<html>' }, undefined],
  ['JSON of another shape', { status: 403, headers: {}, body: '[1]' }, undefined],
  ['null', { status: 403, headers: {}, body: 'null' }, undefined],
  ['a message that is none', { status: 403, headers: {}, body: '{"message":{}}' }, undefined],
  ['two headers', { status: 403, headers: { 'x-amzn-errortype': ['a', 'b'] }, body: '' }, undefined],
])('%s', (_, answer, expected) => {
  expect(awsRefusal(answer)).toBe(expected)
})
