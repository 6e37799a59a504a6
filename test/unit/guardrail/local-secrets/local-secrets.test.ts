import { describe, expect, test } from 'vitest'
import { RULES } from '../../../../src/guardrail/local-secrets/config.ts'
import { localSecrets } from '../../../../src/guardrail/local-secrets/local-secrets.ts'
import { evidence, findingsIn, input } from '../segments.ts'
import { checked, JWT, keyBody, pem, random, TOKENS, TOLD } from './samples.ts'

function guardrail(config: object = {}) {
  return localSecrets.create('secrets', localSecrets.configSchema.parse({ kind: 'local-secrets', ...config }))
}

const ALL = guardrail()
const found = (text: string, guard = ALL) => evidence(guard, input(text))

/** `[text, the secret in it]`. */
type Cases = readonly (readonly [text: string, secret: string])[]

function expectHits(rule: string, cases: Cases): void {
  for (const [text, secret] of cases) expect(found(text), text).toEqual([`secret/${rule}: ${secret}`])
}

function expectNone(texts: readonly string[], guard = ALL): void {
  for (const text of texts) expect(found(text, guard), text).toEqual([])
}

/** The last character of a token is one that its alphabet does not have. */
const spoilt = (token: string) => `${token.slice(0, -3)}!!!`
const TOKEN_RULES = Object.entries(TOKENS)
const GENERAL = ['private-key', 'jwt', 'connection-string', 'authorization', 'assignment']

describe('keys of vendors', () => {
  test('each rule has its samples', () => {
    expect([...new Set([...Object.keys(TOKENS), ...Object.keys(TOLD), ...GENERAL])].sort()).toEqual(RULES)
  })

  test.each(TOKEN_RULES)('%s: the whole key, wherever it stands', (rule, tokens) => {
    for (const token of tokens) {
      for (const [before, after] of [
        ['', ''],
        ['My key is ', ', why?'],
        ['"', '"'],
        ['VALUE=', '\n'],
        ['`', '`'],
        ['\\n', '\\n'],
        ['😀', '😀'],
        ['钥匙', '。'],
        ['%3D', '&x'],
        ['\\u0022', '\\u0022'],
      ] as const)
        expect(found(before + token + after), before).toEqual([`secret/${rule}: ${token}`])
    }
  })

  test.each(TOKEN_RULES)('%s: not within a word, cut short, or spoilt', (_, tokens) => {
    for (const token of tokens) expectNone([`x${token}`, token.slice(0, 12), spoilt(token.slice(0, 24))])
  })

  test.each(TOKEN_RULES)('%s: no placeholder', (_, tokens) => {
    for (const token of tokens) {
      const prefix = /^(?:[A-Za-z0-9]{2,9}[-_.])+/.exec(token)?.[0] ?? token.slice(0, 4)
      expectNone([
        `${prefix}${'x'.repeat(token.length - prefix.length)}`,
        `${prefix}${'X'.repeat(token.length - prefix.length)}`,
        `${prefix}your-key-here`,
        `${prefix}<your key>`,
        `${prefix}********************`,
      ])
    }
  })

  test.each(Object.entries(TOLD))('%s: the key behind what tells it', (rule, cases) => {
    for (const [before, key] of cases) {
      expectHits(rule, [
        [`${before}${key}`, key],
        [`x ${before}${key};EndpointSuffix=y`, key],
      ])
      const cut = evidence(ALL, input(`${before}${key.slice(0, 20)}`, `${before}x`))
      expect(cut.filter(one => one.startsWith(`secret/${rule}`))).toEqual([])
    }
  })

  test('a checksum that is wrong', () => {
    for (const prefix of ['ghp_', 'npm_']) {
      const token = checked(prefix)
      const last = token.endsWith('A') ? 'B' : 'A'
      expectNone([token.slice(0, -1) + last])
      expect(findingsIn(ALL, input(token))[0]?.score).toBe(0.99)
    }
  })

  test('examples of documentation and public keys', () =>
    expectNone([
      'AKIAIOSFODNN7EXAMPLE',
      `aws_secret_access_key = ${'wJalrXUtnFEMI/K7MDENG'}/bPxRfiCYEXAMPLEKEY`,
      `pk_live_${random(24, 'alnum')}`,
      `sk-toggle__label--${random(10, 'lower')}`,
      'skeleton-loader-abcdefgh1234-container',
      'ghp_abcdefghijklmnopqrstuvwxyz0123456789',
      `AC${random(32, 'hex')}`,
      'hf_abcdefghijklmnopqrstuvwxyzABCDEFGH',
      'hf_model_name_that_is_long_enough_here',
      `0x${random(40, 'hex')}`,
      `sha512-${random(86, 'base64')}==`,
      `data:image/png;base64,${random(400, 'base64')}`,
      `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${random(43, 'base64')} anna@laptop`,
    ]))
})

describe('secret/private-key', () => {
  test.each([
    'RSA PRIVATE KEY',
    'PRIVATE KEY',
    'EC PRIVATE KEY',
    'OPENSSH PRIVATE KEY',
    'ENCRYPTED PRIVATE KEY',
  ])('%s: the whole block', name => {
    for (const lineEnd of ['\n', '\r\n', '\\n', '\n    ', '\n+', '\n> ', '",\n"'])
      expectHits('private-key', [[`a ${pem(name, lineEnd)} b`, pem(name, lineEnd)]])
  })

  test('with fields and in PGP armour', () => {
    const fields = 'Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011AABB\n\n'
    const rsa = pem().replace('KEY-----\n', `KEY-----\n${fields}`)
    const pgp = `-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n${keyBody(4)}\n=aB3d\n-----END PGP PRIVATE KEY BLOCK-----`
    expectHits('private-key', [
      [rsa, rsa],
      [`x\n${pgp}\ny`, pgp],
    ])
  })

  test('cut off, up to where it is', () => {
    const cut = pem().slice(0, 200)
    expectHits('private-key', [
      [cut, cut],
      [`${cut}\n\nAnd so on. That was it.`, cut],
      [`${cut}…`, cut],
      [`${pem().slice(0, -10)}`, pem().slice(0, pem().indexOf('\n-----END'))],
    ])
  })

  test('a very long one ends at its bound', () => {
    const [finding] = findingsIn(ALL, input(pem('PRIVATE KEY', '\n', 400)))
    expect(finding?.span).toEqual({ segment: 0, start: 0, end: 16_384 })
  })

  test('not public keys, certificates, or a header with no key', () =>
    expectNone([
      pem('PUBLIC KEY'),
      pem('CERTIFICATE'),
      pem('RSA PUBLIC KEY'),
      '-----BEGIN PRIVATE KEY-----',
      'It begins with -----BEGIN RSA PRIVATE KEY----- and then the key follows.',
      '-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----',
      '-----BEGIN PRIVATE KEY-----\n<your key>\n-----END PRIVATE KEY-----',
      '-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----',
      `-----BEGIN private key-----\n${keyBody(2)}`,
    ]))
})

describe('secret/jwt', () => {
  test('three parts', () =>
    expectHits('jwt', [
      [JWT, JWT],
      [`{"token":"${JWT}"}`, JWT],
      [`Authorization: Bearer ${JWT}`, JWT],
      [`?access_token=${JWT}&x`, JWT],
    ]))

  test('not two, nor other base64', () =>
    expectNone([
      JWT.slice(0, JWT.lastIndexOf('.')),
      JWT.split('.')[0] ?? '',
      `x${JWT}`,
      `eyJhbGciOi.${random(30, 'url')}.${random(43, 'url')}`,
      'eyJ.eyJ.eyJ',
      `${JWT.slice(0, JWT.lastIndexOf('.'))}.short`,
    ]))
})

describe('secret/connection-string', () => {
  test('the password', () =>
    expectHits('connection-string', [
      ['postgres://app:gzo9rHXwm0lpKqh@db.example.com:5432/orders', 'gzo9rHXwm0lpKqh'],
      ['mongodb+srv://app:a%40b!c@host/x', 'a%40b!c'],
      ['redis://:p4ssw0rdX@cache', 'p4ssw0rdX'],
      ['amqp://a:we@ird1@host', 'we@ird1'],
      ['"https://user:t0ps3cret@example.com/"', 't0ps3cret'],
      ['"credential": "postgres://u:Zx81_qq@h/db"', 'Zx81_qq'],
      ['DATABASE_URL=mysql://u:Zx81_qq@h/db', 'Zx81_qq'],
    ]))

  test('not a placeholder, a reference, nor a port', () =>
    expectNone([
      'postgres://user:$PGPASSWORD@db/orders',
      `postgres://user:${'$'}{PASSWORD}@db/orders`,
      'postgres://user:password@localhost/db',
      'postgres://user:<password>@localhost/db',
      'postgres://user:{password}@localhost/db',
      'postgres://user:xxxxxxxx@db',
      'postgres://user:****@db',
      'https://example.com:8080/a@b',
      'https://user@example.com',
      'postgresql://localhost:5432/orders',
      '://a:bcdefg@h',
    ]))
})

describe('tokens and passwords in one URL', () => {
  test('are found beside each other', () => {
    const token = checked('ghp_')
    expect(found(`https://${token}:s3cr3tpw@github.com/x`)).toEqual([
      `secret/github: ${token}`,
      'secret/connection-string: s3cr3tpw',
    ])
    expect(found(`https://${token}:x-oauth-basic@github.com/x`)).toEqual([`secret/github: ${token}`])
    expect(found(`https://oauth2:${token}@github.com/x`)).toEqual([`secret/github: ${token}`])
  })
})

describe('secret/authorization', () => {
  test('what stands behind Bearer and Basic', () => {
    const token = random(43, 'url')
    const basic = Buffer.from('admin:gTGYY9uO2no!').toString('base64')
    expectHits('authorization', [
      [`Authorization: Bearer ${token}`, token],
      [`-H "authorization: bearer ${token}"`, token],
      [`Authorization: Basic ${basic}`, basic],
    ])
  })

  test('not words, placeholders, nor base64 of something else', () =>
    expectNone([
      'Authorization: Bearer <token>',
      'Bearer authentication is described below',
      'Bearer $TOKEN_FROM_ENVIRONMENT_1',
      'Bearer YOUR_ACCESS_TOKEN_12345',
      'Bearer 12345678901234567890',
      'Basic knowledge and understanding',
      `Basic ${Buffer.from('no colon here').toString('base64')}`,
      `Basic ${Buffer.from('\u0001:\u0002\u0003abc').toString('base64')}`,
    ]))
})

describe('secret/assignment', () => {
  const KEY = random(28, 'alnum')

  test('what a name calls secret', () =>
    expectHits('assignment', [
      [`API_KEY=${KEY}`, KEY],
      [`api_key: "${KEY}"`, KEY],
      [`{"clientSecret": "${KEY}", "a": 1}`, KEY],
      [`{\\"client_secret\\": \\"${KEY}\\"}`, KEY],
      [`const token = '${KEY}';`, KEY],
      [`password => '${KEY}'`, KEY],
      [`apiKey := \`${KEY}\``, KEY],
      [`--auth-token=${KEY} run`, KEY],
      [`?a=1&access_token=${KEY}&b=2`, KEY],
      [`My API key: ${KEY}.`, KEY],
      [`DB_PASSWORD='${KEY}, why`, KEY],
      [`**API_KEY="${KEY}**`, KEY],
      [`secret = """${KEY}"""`, KEY],
      [`signing_key=${random(40, 'hex')}`, random(40, 'hex')],
      ['password: "Tr0ub4dor&3"', 'Tr0ub4dor&3'],
      ['db.passwd = S0mm3r!24x', 'S0mm3r!24x'],
      ['password: "pa(s)s{1}W"', 'pa(s)s{1}W'],
    ]))

  test('a key of AWS by its name', () => {
    const key = random(40, 'base64')
    expectHits('aws', [[`aws_secret_access_key = ${key}`, key]])
  })

  test('a known format goes before its name', () => {
    const token = checked('ghp_')
    expectHits('github', [
      [`token = "${token}"`, token],
      [`token=x_${token}`, token],
      [`Authorization: Bearer ${token}`, token],
    ])
  })

  test('not names of other things', () =>
    expectNone([
      `key=${KEY}`,
      `id: ${KEY}`,
      `token_hash = ${KEY}`,
      `password_sha256 = ${random(64, 'hex')}`,
      `tokenizer: ${KEY}`,
      `public_key = ${KEY}`,
      `secret_name: ${KEY}`,
      `token_url = ${KEY}`,
      `max_tokens: ${KEY}`,
      `monkey = ${KEY}`,
      `commit ${random(40, 'hex')}`,
      `token == ${KEY}`,
      `token != ${KEY}`,
      `integrity: ${KEY}`,
    ]))

  test('not values that are none', () =>
    expectNone([
      `API_KEY=${'$'}{API_KEY}`,
      'api_key = os.environ["API_KEY_2024_V2"]',
      'apiKey: getSecret("stripe-live-key-2024")',
      'token: vault:secret/data/app2024#token',
      'token={{ secrets.GITHUB_TOKEN_2 }}',
      'OPENAI_API_KEY=<your key>',
      'token=****************',
      'password = changeme123!A',
      'secret: aaaaaaaaaaaaaaaa1',
      'token: 9f10f4cf-4345-b386-3d1a-575bfdb8ff2a',
      'token: 2024-11-21T10:00:00Z',
      'token: 12345678901234567890',
      'token = createNegotiateAuthToken2',
      'authToken = config.auth.v2Token.value',
      'secret: ./deploy/app/v2/secrets.yaml',
      'secret = the-quick-brown-fox-1',
      "token: 'myregistrytoken'",
      'password: secret',
      'password: short1!',
      'password is required: true',
      `token: sha256:${random(64, 'hex')}`,
      `credential: 0x${random(40, 'hex')}`,
      `secret: https://example.com/${random(20, 'alnum')}`,
      'The secret of a good soup: patience and 2 carrots.',
    ]))
})

describe('the config', () => {
  const TOKEN = checked('ghp_')
  const KEY = random(28, 'alnum')

  test('rules says what is looked for', () => {
    const guard = guardrail({ rules: ['github'] })
    expect(found(`${TOKEN} ${JWT} api_key=${KEY}`, guard)).toEqual([`secret/github: ${TOKEN}`])
    expectNone([TOKEN, `aws_secret=${random(40, 'base64')}`], guardrail({ rules: ['assignment', 'jwt'] }))
    expectNone([`api_key=${KEY}`], guardrail({ rules: ['aws'] }))
  })

  test('without entropy only formats count', () => {
    const guard = guardrail({ entropy: false })
    expect(found(`api_key=${KEY} ${TOKEN}`, guard)).toEqual([`secret/github: ${TOKEN}`])
  })

  test('the threshold', () => {
    const hex = random(32, 'hex')
    expect(found(`api_key=${hex}`, guardrail({ entropy_threshold: 3 }))).toHaveLength(1)
    expectNone([`api_key=${hex}`], guardrail({ entropy_threshold: 4.2 }))
  })

  test('what is allowed is no finding', () => {
    const guard = guardrail({ allow: [TOKEN, 'sk_test_*'] })
    expectNone([TOKEN, `sk_test_${random(24, 'alnum')}`], guard)
    expect(found(checked('gho_'), guard)).toHaveLength(1)
  })

  test.each([
    { rules: [] },
    { rules: ['other'] },
    { rules: 'none' },
    { entropy_threshold: 0 },
    { allow: [''] },
    { x: 1 },
  ])('%j does not hold', config => {
    expect(localSecrets.configSchema.safeParse({ kind: 'local-secrets', ...config }).success).toBe(false)
  })

  test('each segment has its own offsets', () => {
    const { span } = findingsIn(ALL, input('ok', `x ${TOKEN}`))[0] ?? {}
    expect(span).toEqual({ segment: 1, start: 2, end: 2 + TOKEN.length })
    expect(ALL.scan(input('nothing'))).toEqual({ kind: 'clean' })
  })

  test('invisible and full-width characters hide nothing', () => {
    const apart = `${TOKEN.slice(0, 9)}\u200b${TOKEN.slice(9)}`
    const wide = [...TOKEN].map(c => String.fromCharCode(c.charCodeAt(0) + 0xfee0)).join('')
    expect(found(`a ${apart} b`)).toEqual([`secret/github: ${apart}`])
    expect(found(`a ${wide} b`)).toEqual([`secret/github: ${wide}`])
    expect(found(`\u200b${TOKEN}\u200b`)).toEqual([`secret/github: ${TOKEN}`])
  })
})
