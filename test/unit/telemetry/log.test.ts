import { describe, expect, it } from 'vitest'
import { captureLog } from './lines.ts'

const CANARY = 'canary-77c0ffee'

describe('the log', () => {
  it('writes one JSON line with level, time, message and fields', () => {
    const { log, raw, lines } = captureLog()
    log.warn('decision', { policy: 'chat', ms: 1.5 })
    expect(raw[0]?.endsWith('}\n')).toBe(true)
    expect(lines()).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        msg: 'decision',
        policy: 'chat',
        ms: 1.5,
      },
    ])
  })

  it('leaves out what is below its level', () => {
    const { log, lines } = captureLog([], 'warn')
    log.debug('a')
    log.info('b')
    log.warn('c')
    log.error('d')
    expect(lines().map(({ msg }) => msg)).toEqual(['c', 'd'])
  })

  it.each<[string, (canary: string) => Record<string, unknown>]>([
    ['a field', canary => ({ why: `key ${canary} is bad, ${canary}` })],
    ['a nested field', canary => ({ a: { b: [{ c: canary }] } })],
    ["an error's message and stack", canary => ({ err: new Error(`header ${canary} is not valid`) })],
    ["an error's cause", canary => ({ err: new Error('x', { cause: new Error(canary) }) })],
    ["an error's code", canary => ({ err: Object.assign(new Error('x'), { code: canary }) })],
  ])('has no secret in %s', (_name, fields) => {
    const { log, raw, lines } = captureLog([CANARY])
    log.error('fault', fields(CANARY))
    expect(raw.join('')).not.toContain(CANARY)
    expect(raw.join('')).toContain('***')
    expect(lines()[0]?.msg).toBe('fault')
  })

  it('has no secret that JSON escapes, and none whose beginning is another secret', () => {
    const quoted = 'can"ary\\with escapes'
    const { log, raw, lines } = captureLog([quoted, 'canary', 'canary-longer'])
    log.info('x', { a: `<${quoted}>`, b: '<canary-longer>' })
    expect(raw.join('')).not.toContain('with escapes')
    expect(lines()[0]).toMatchObject({ a: '<***>', b: '<***>' })
  })

  it('scrubs values, never the keys of its own fields', () => {
    const { log, lines } = captureLog(['level', 'msg!'])
    log.info('msg! is here', { note: 'level' })
    expect(lines()[0]).toMatchObject({ level: 'info', msg: '*** is here', note: '***' })
  })

  it('leaves words alone that are too short to be keys', () => {
    const { log, lines } = captureLog(['in'])
    log.info('in time')
    expect(lines()[0]?.msg).toBe('in time')
  })

  it('drops what a client library hangs on its errors, and headers anywhere', () => {
    const { log, raw, lines } = captureLog()
    const request = { headers: { authorization: `Bearer ${CANARY}` } }
    log.error('fault', {
      err: Object.assign(new TypeError('x'), { request }),
      headers: { cookie: CANARY },
      request,
    })
    expect(raw.join('')).not.toContain(CANARY)
    expect(lines()[0]?.err).toEqual({
      type: 'TypeError',
      message: 'x',
      stack: expect.stringContaining('TypeError: x'),
    })
  })

  it('ends a chain of causes', () => {
    const loop = new Error('loop')
    loop.cause = loop
    const { log, lines } = captureLog()
    log.error('fault', { err: loop })
    expect(JSON.stringify(lines()[0]).match(/"message":"loop"/g)).toHaveLength(5)
  })

  it('takes anything for an error', () => {
    const { log, lines } = captureLog()
    log.error('fault', { err: CANARY })
    expect(lines()[0]?.err).toEqual({ type: 'string' })
  })
})
