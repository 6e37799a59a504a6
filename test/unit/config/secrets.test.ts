import { describe, expect, it } from 'vitest'
import type { VaultReference } from '../../../src/config/secret-reference.ts'
import { resolveSecret } from '../../../src/config/secrets.ts'
import { sources } from './given.ts'

const CANARY = 'canary-4f1d2c'

const files: Readonly<Record<string, string>> = {
  '/run/key': `${CANARY}\n`,
  '/run/crlf': `${CANARY}\r\n`,
  '/run/empty': '\n',
  '/run/two-lines': `${CANARY}\nsecond`,
}

const given = sources({
  env: { KEY: CANARY, EMPTY: '', LINE: `${CANARY}\n`, BAD: `${CANARY}\u0000x`, WIDE: `${CANARY}é` },
  readFile: path => {
    const text = files[path]
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    return text
  },
})

describe('a reference to a secret', () => {
  it.each([
    CANARY,
    '$env://KEY',
    '$env://LINE',
    '$secret://file/run/key',
    '$secret://file//run/key',
    '$secret://file/run/crlf',
  ])('finds the value of %s', text => {
    expect(resolveSecret(text, given)).toEqual({ kind: 'value', value: CANARY })
  })

  it.each<[string, string]>([
    ['$env://NOPE', 'the environment variable NOPE is not set'],
    ['$env://toString', 'the environment variable toString is not set'],
    ['$env://EMPTY', 'the environment variable EMPTY is empty'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's reference, as it is pasted
    ['${KEY}', 'names a variable as a shell does, which is not filled in: use $env://NAME'],
    ['$API_KEY', 'names a variable as a shell does'],
    ['$env://', '$env:// must be followed by the name of a variable'],
    ['$env://A B', '$env:// must be followed by the name of a variable'],
    ['$env://BAD', 'the secret holds'],
    ['$env://WIDE', 'the secret holds'],
    [`${CANARY}\nx`, 'the secret holds'],
    [` ${CANARY}`, 'the secret holds'],
    ['\n', 'the secret is empty'],
    ['$secret://file/run/nope', 'the secret file /run/nope cannot be read: there is no such file'],
    ['$secret://file/run/empty', 'the secret is empty'],
    ['$secret://file/run/two-lines', 'the secret holds'],
    ['$secret://file/', '$secret://file/ must be followed by a path'],
    ['$secret://vault/kv/team/lakera/key', 'Vault was not asked'],
    ['$secret://vault/kv', '$secret://vault/ must be followed by'],
    ['$secret://vault/kv/key', '$secret://vault/ must be followed by'],
    ['$secret://vault//team/key', '$secret://vault/ must be followed by'],
    ['$secret://vault/kv/team//key', '$secret://vault/ must be followed by'],
    ['$secret://vault/kv/team/', '$secret://vault/ must be followed by'],
    ['$secret://vault/kv/../../sys/key', '$secret://vault/ must be followed by'],
    ['$secret://vault/kv/./a/key', '$secret://vault/ must be followed by'],
    ['$secret://vault/kv/a\nb/key', '$secret://vault/ must be followed by'],
    ['$secret://aws/x', '$secret:// must be followed by'],
    ['$vault://x', 'is an unknown kind of reference'],
    ['$ENV://KEY', 'is an unknown kind of reference'],
  ])('says what is wrong with %j, and never the value', (text, message) => {
    const resolution = resolveSecret(text, given)
    expect(resolution).toEqual({ kind: 'problem', message: expect.stringContaining(message) })
    expect(JSON.stringify(resolution)).not.toContain(CANARY)
  })
})

describe('a reference to Vault', () => {
  it('is what Vault answered, checked like any other value', () => {
    const answers = new Map([
      ['kv team/lakera key', `${CANARY}\n`],
      ['kv team/lakera two', `${CANARY}\n${CANARY}`],
    ])
    const vault = ({ mount, path, key }: VaultReference) => ({
      kind: 'value' as const,
      value: answers.get(`${mount} ${path} ${key}`) ?? '',
    })
    const at = (text: string) => resolveSecret(text, { ...given, vault })
    expect(at('$secret://vault/kv/team/lakera/key')).toEqual({ kind: 'value', value: CANARY })
    expect(at('$secret://vault/kv/team/lakera/two')).toMatchObject({ kind: 'problem' })
    expect(at('$secret://vault/kv/team/lakera/none')).toEqual({
      kind: 'problem',
      message: 'the secret is empty',
    })
  })
})
