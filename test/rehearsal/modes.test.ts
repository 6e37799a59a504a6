import { describe, expect, it } from 'vitest'
import { ENVOY_MODES } from '../support/bootstrap.ts'
import { fileOf, weir } from '../unit/cli/command-line.ts'

const CONFIG = `
guardrails:
  words: { kind: keywords, words: [nightfall] }
  watched: { kind: keywords, words: [daybreak] }
  pii: { kind: local-pii }
policies:
  - name: chat
    match: { hosts: [llm.example.com] }
    guardrails:
      - { use: words, direction: both }
      - { use: pii, direction: both, action: redact }
      - { use: watched, direction: both, action: alert, fail_open: true }
  - name: asked
    match: { hosts: [asked.example.com] }
    guardrails: [{ use: words, direction: input }]
`
const request = (says: string, stream = false, host = 'llm.example.com') =>
  `request: { host: ${host}, json: { model: m, stream: ${stream}, messages: [{ role: user, content: ${says} }] }, cut: { every: 20 } }`
const response = (says: string) => `response: { says: ${says}, cut: { every: 30 } }`

const run = (text: string, ...options: string[]) =>
  weir(['test', fileOf(`cases: [{ name: it, ${text} }]`), '--config', fileOf(CONFIG), ...options])

describe.each(ENVOY_MODES)('in %s', mode => {
  it.each<[string, string]>([
    [
      'a clean exchange goes through',
      `${request('hello')}, ${response('fine')},
       expect: { request: released, response: released, upstream: { contains: [hello] }, client: { status: 200, contains: [fine] } }`,
    ],
    [
      'a clean stream goes through',
      `${request('hello', true)}, ${response('fine')},
       expect: { response: released, client: { status: 200, contains: [fine, "[DONE]"] } }`,
    ],
    [
      'a denied request reaches nobody',
      `${request('nightfall')}, ${response('fine')},
       expect: { request: denied, upstream: nothing, client: { status: 200, headers: { x-weir-reason: flagged }, lacks: [fine] } }`,
    ],
    [
      'a request is redacted',
      `${request('to bob@example.com')}, ${response('fine')},
       expect: { request: redacted, upstream: { contains: [<EMAIL>], lacks: [bob@] }, client: { contains: [fine] } }`,
    ],
    [
      'a denied answer is a refusal with its headers',
      `${request('hello')}, ${response('a nightfall')},
       expect: { response: denied, client: { status: 200, headers: { x-weir-decision: deny }, lacks: [nightfall] } }`,
    ],
    [
      'a denied stream is a refusal to its end',
      `${request('hello', true)}, ${response('a nightfall')},
       expect: { response: denied, client: { contains: [Response blocked by policy, "[DONE]"], lacks: [nightfall] } }`,
    ],
    [
      'an answer is redacted',
      `${request('hello', true)}, ${response('to bob@example.com')},
       expect: { response: redacted, client: { contains: [<EMAIL>, "[DONE]"], lacks: [bob@] } }`,
    ],
    [
      'an answer that nobody judges passes',
      `${request('hello', false, 'asked.example.com')}, ${response('a nightfall')},
       expect: { request: released, response: unguarded, client: { status: 200, contains: [nightfall] } }`,
    ],
    [
      'an alert says what it would have done',
      `${request('daybreak')}, ${response('fine')},
       expect: { request: { effective: released, would: { block: denied, redact: redacted, fail_closed: the-same } } }`,
    ],
  ])('%s', async (_, text) => {
    const { code, out, err } = await run(text, '--mode', mode)
    expect({ out, err }).toEqual({ out: '✓ it\n\n1 passed, 0 failed\n', err: '' })
    expect(code).toBe(0)
  })
})

it('differs where the mode does: a stream whose header has left keeps its own', async () => {
  const text = `${request('hello', true)}, ${response('a nightfall')}, expect: { client: { headers: { x-weir-decision: deny } } }`
  const codes = await Promise.all(ENVOY_MODES.map(async mode => (await run(text, '--mode', mode)).code))
  // Only an Envoy that holds the body can still change the headers.
  expect(codes).toEqual([1, 1, 0])
})

it('is played in all modes, or in those that a case or its file names', async () => {
  const text = `${request('hello')}, expect: { request: released }`
  const all = await run(text, '--mode', 'all')
  expect(all.out).toBe('✓ it (full-duplex)\n✓ it (streamed)\n✓ it (buffered)\n\n3 passed, 0 failed\n')
  const own = await run(`modes: [buffered, streamed], ${text}`, '--mode', 'full-duplex')
  expect(own.out).toBe('✓ it (buffered)\n✓ it (streamed)\n\n2 passed, 0 failed\n')
  const file = fileOf(`{ modes: [streamed, buffered], cases: [{ name: it, ${text} }] }`)
  const whole = await weir(['test', file, '--config', fileOf(CONFIG)])
  expect(whole.out).toBe('✓ it (streamed)\n✓ it (buffered)\n\n2 passed, 0 failed\n')
})

it('says what would have come of it otherwise', async () => {
  const text = `${request('daybreak')}, expect: { request: { would: { block: the-same, redact: denied } } }`
  const { code, out } = await run(text)
  expect(code).toBe(1)
  expect(out).toContain('request: expected the-same with block, would be denied')
  expect(out).toContain('request: expected denied with redact, would be redacted')
})

it('tells CI systems as JUnit XML', async () => {
  const cases = fileOf(`cases:
    - { name: "a <case> & \\"more\\" \\u0001", ${request('nightfall')}, expect: { request: denied } }
    - { name: b, ${request('hello')}, expect: { request: denied } }`)
  const { code, out } = await weir(['test', cases, '--config', fileOf(CONFIG), '--reporter', 'junit'])
  expect(code).toBe(1)
  const plain = out.replace(/time="[\d.]+"/g, 'time="0"').replaceAll(cases, 'cases')
  expect(plain).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="2" failures="1" time="0">
  <testsuite name="cases" tests="2" failures="1" time="0">
    <testcase name="a &lt;case&gt; &amp; &quot;more&quot; \ufffd" classname="cases" time="0"/>
    <testcase name="b" classname="cases" time="0">
      <failure message="request: expected denied, was released (clean)">request: expected denied, was released (clean)</failure>
    </testcase>
  </testsuite>
</testsuites>
`)
})
