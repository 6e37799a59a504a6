import { describe, expect, it } from 'vitest'
import { hostProblem, originProblem, siteProblem } from '../../../src/telemetry/callers.ts'

const KNOWN = ['weir.example.com']

describe('a host name', () => {
  it.each(['LOCALHOST:9090', 'a.LocalHost', 'Weir.Example.COM', '[::1]', '[fe80::1]:9090', '10.1.2.3:'])(
    '%s is let in, whatever its letters',
    host => {
      expect(hostProblem(host, KNOWN)).toBeUndefined()
    },
  )

  it.each([
    undefined,
    '',
    ':9090',
    'localhost.',
    '[::1].evil.example',
    '[evil.example]',
    'x.weir.example.com',
    'weir.example.com.evil.example',
  ])('%s is not', host => {
    expect(hostProblem(host, KNOWN)).toMatch(/host name that is not known/)
  })
})

describe('a site', () => {
  it.each([undefined, 'same-origin', 'none'])('%s may ask', site => {
    expect(siteProblem(site === undefined ? {} : { 'sec-fetch-site': site })).toBeUndefined()
  })

  it.each(['same-site', 'cross-site', 'anything', ''])('%s may not', site => {
    expect(siteProblem({ 'sec-fetch-site': site })).toMatch(/another origin/)
  })
})

describe('an origin', () => {
  const host = 'weir.example.com:9090'
  it.each([undefined, `http://${host}`, `https://${host}`])('%s is our own', origin => {
    const headers = { host, ...(origin !== undefined && { origin }) }
    expect(originProblem(headers)).toBeUndefined()
    expect(originProblem({ ...headers, 'sec-fetch-site': 'cross-site' })).toMatch(/another origin/)
  })

  it.each(['null', '', `ftp://${host}`, 'https://weir.example.com', `http://${host}.evil.example`])(
    '%j is not',
    origin => {
      expect(originProblem({ host, origin })).toMatch(/another origin/)
    },
  )
})
