import { describe, expect, it } from 'vitest'
import { fileOf, type Ran, weir } from '../unit/cli/command-line.ts'

const CONFIG = `
guardrails:
  lakera: { kind: lakera, api_key: $env://LAKERA_API_KEY, project_id: project-123 }
  names: { kind: presidio, endpoint: "https://presidio.example.com" }
  words: { kind: keywords, words: [nightfall] }
  pii: { kind: local-pii }
policies:
  - name: chat
    match: { hosts: [llm.example.com] }
    guardrails:
      - { use: words, direction: both }
      - { use: pii, direction: both, action: redact }
      - { use: lakera, direction: both }
  - name: names
    match: { routes: [names] }
    guardrails: [{ use: names, direction: both, action: redact }]
  - name: parallel
    match: { paths: [/parallel] }
    guardrails: [{ use: lakera, mode: during_call }]
`

/** Runs one case, in flow style, against CONFIG. */
const play = (text: string, ...options: string[]): Promise<Ran> =>
  weir(['test', fileOf(`cases: [{ name: it, ${text} }]`), '--config', fileOf(CONFIG), ...options])

const HELLO = 'json: { model: m, messages: [{ role: user, content: hello Bob }] }'
const STREAMED = 'json: { model: m, stream: true, messages: [{ role: user, content: hello }] }'
const REQUEST = `request: { host: llm.example.com, ${HELLO} }`
const CLEAN = 'guardrails: { lakera: clean }'
const says = (text: string) => `response: { says: "${text}" }`

describe('a case passes', () => {
  it.each<[string, string]>([
    ['a clean request', `${REQUEST}, ${CLEAN}, expect: { policy: chat, request: released }`],
    ['as it reaches the upstream', `${REQUEST}, ${CLEAN}, expect: { upstream: { contains: [hello Bob] } }`],
    [
      'a flagged request',
      `${REQUEST}, guardrails: { lakera: { flagged: [jailbreak] } },
       expect: { request: { effective: denied, because: flagged, detectors: [jailbreak] }, upstream: nothing }`,
    ],
    [
      'a refusal in the shape of a stream',
      `request: { host: llm.example.com, ${STREAMED} }, guardrails: { lakera: { flagged: [x] } },
       expect: { client: { status: 200, headers: { Content-Type: text/event-stream }, contains: ["[DONE]"] } }`,
    ],
    [
      'a service that fails',
      `${REQUEST}, guardrails: { lakera: { failure: timeout } },
       expect: { request: { because: failed-closed }, client: { headers: { x-weir-reason: failed-closed } } }`,
    ],
    [
      'a local denial, after which no service is asked',
      `request: { host: llm.example.com, json: { messages: [{ role: user, content: nightfall }] } },
       expect: { request: denied, asked: [words], not_asked: [lakera] }`,
    ],
    [
      'a recorded finding that is redacted where it stands',
      `request: { route: names, ${HELLO} }, guardrails: { names: { flagged: [{ detector: pii/name, text: Bob }] } },
       expect: { request: redacted, upstream: { contains: [hello], lacks: [Bob] } }`,
    ],
    [
      'a recorded finding whose text does not stand there',
      `request: { route: names, ${HELLO} }, guardrails: { names: { flagged: [{ detector: pii/name, text: Eve }] } },
       expect: { request: released }`,
    ],
    [
      'an answer in another API, by what it says',
      `request: { host: llm.example.com, path: /v1/messages, ${HELLO} }, ${CLEAN}, ${says('to bob@example.com')},
       expect: { response: redacted, client: { contains: ['"type":"message"', <EMAIL>], lacks: [bob@] } }`,
    ],
    [
      'a stream cut into single bytes',
      `request: { host: llm.example.com, ${STREAMED} }, ${CLEAN},
       response: { says: "to bob@example.com", cut: { every: 1 } },
       expect: { response: redacted, client: { contains: [<EMAIL>, "[DONE]"], lacks: [bob@] } }`,
    ],
    [
      'a stream cut where it hurts',
      `request: { host: llm.example.com, ${STREAMED} }, ${CLEAN},
       response: { events: [{ choices: [{ index: 0, delta: { content: night } }] }, { choices: [{ index: 0, delta: { content: fall } }] }, "[DONE]"], cut: [9, 40] },
       expect: { response: { effective: denied, because: flagged }, client: { lacks: [night, fall] } }`,
    ],
    [
      'a parallel denial takes the place of the answer',
      `request: { path: /parallel/v1/chat/completions, ${HELLO} }, guardrails: { lakera: { flagged: [x] } },
       ${says('the answer')}, expect: { request: denied, client: { lacks: [the answer] } }`,
    ],
    [
      'an error of the upstream',
      `${REQUEST}, ${CLEAN}, response: { status: 500, text: "bob@example.com" }, expect: { response: unguarded, client: { status: 500, contains: [bob@] } }`,
    ],
    [
      'no policy',
      `request: { host: other, ${HELLO} }, expect: { request: unguarded, upstream: { contains: [hello] } }`,
    ],
    [
      'a policy by name',
      `request: { policy: names, ${HELLO} }, guardrails: { names: clean }, expect: { policy: names }`,
    ],
    [
      'a request without a body',
      'request: { path: /v1/models, host: other }, expect: { request: unguarded }',
    ],
    ['an attack on the embedded default', `${REQUEST}, ${CLEAN}, expect: { request: { detectors: [] } }`],
  ])('%s', async (_, text) => {
    const { code, out, err } = await play(text)
    expect({ code, out, err }).toEqual({ code: 0, out: '✓ it\n\n1 passed, 0 failed\n', err: '' })
  })
})

describe('a case fails, and says why', () => {
  it.each<[string, string, readonly string[]]>([
    [
      'released instead of denied',
      `${REQUEST}, ${CLEAN}, expect: { request: denied }`,
      ['request: expected denied, was released (clean)'],
    ],
    [
      'another reason, policy and detectors',
      `${REQUEST}, ${CLEAN}, expect: { policy: names, request: { because: flagged, detectors: [x] } }`,
      [
        'policy: expected names, was chat',
        'request: expected because flagged, was released (clean)',
        'request: expected detectors x, found none',
      ],
    ],
    [
      'another answer',
      `${REQUEST}, ${CLEAN}, ${says('hi')},
       expect: { client: { status: 201, headers: { x-a: b }, contains: [zzz], lacks: [hi] } }`,
      [
        'client: expected status 201, was 200',
        'client: expected header x-a to be b, was absent',
        'client: expected to contain "zzz", does not',
        'client: expected to lack "hi", contains it',
      ],
    ],
    ['no answer', `${REQUEST}, ${CLEAN}, expect: { client: { status: 200 } }`, ['client: got no answer']],
    [
      'a request that does not get there',
      `${REQUEST}, guardrails: { lakera: { flagged: [x] } }, expect: { upstream: { contains: [hello] } }`,
      ['upstream: the request did not reach it'],
    ],
    [
      'one that does',
      `${REQUEST}, ${CLEAN}, expect: { upstream: nothing }`,
      ['upstream: expected nothing, got the request'],
    ],
    [
      'who was asked',
      `${REQUEST}, ${CLEAN}, expect: { asked: [names], not_asked: [lakera] }`,
      ['names was not asked', 'lakera was asked'],
    ],
    [
      'a service that nobody answers for, although the request is denied as expected',
      `${REQUEST}, expect: { request: denied }`,
      [
        'lakera was asked, and nothing says what it answers: add it to guardrails, or record it by --services record',
      ],
    ],
  ])('%s', async (_, text, misses) => {
    const { code, out } = await play(text)
    const told = misses.map(miss => `    ${miss}\n`).join('')
    expect({ code, out }).toEqual({ code: 1, out: `✗ it\n${told}\n0 passed, 1 failed\n` })
  })
})

describe('what does not hold ends with 2', () => {
  it.each<[string, string, string]>([
    ['an unknown key', `requst: {}, ${REQUEST}, expect: { request: denied }`, 'cases.0.requst: unknown key'],
    ['nothing expected', `${REQUEST}, expect: {}`, 'cases.0.expect: must expect something'],
    [
      'two bodies',
      `request: { text: a, ${HELLO} }, expect: { request: denied }`,
      'cases.0.request: has several bodies: json, text',
    ],
    [
      'a guardrail that is none',
      `${REQUEST}, guardrails: { lakeera: clean }, expect: { asked: [wordz] }`,
      'cases.0.guardrails.lakeera: the config has no such guardrail; did you mean lakera?',
    ],
    [
      'an expectation of none',
      `${REQUEST}, expect: { not_asked: [wordz] }`,
      'cases.0.expect.not_asked.wordz: the config has no such guardrail; did you mean words?',
    ],
    [
      'an answer of no API',
      `request: { path: /x, ${HELLO} }, ${says('hi')}, expect: { request: unguarded }`,
      'no API is known at /x',
    ],
    [
      'an API without text',
      `request: { path: /v1/embeddings, json: { input: hi } }, ${says('hi')}, expect: { request: unguarded }`,
      'give the body itself',
    ],
    [
      'a file that is not there',
      'request: { file: nowhere.json }, expect: { request: unguarded }',
      'nowhere.json: there is no such file',
    ],
  ])('%s', async (_, text, message) => {
    const { code, err } = await play(text)
    expect(code).toBe(2)
    expect(err).toContain(message)
  })

  it('a config in the place of cases', async () => {
    const { code, err } = await weir(['test', fileOf('guardrails: {}\npolicies: []\n')])
    expect(code).toBe(2)
    expect(err).toMatch(
      /the file of cases has 1 problem\n {2}this is a config: its cases stand in a file of their own/,
    )
  })

  it('is told by its line', async () => {
    const text = 'cases:\n  - name: it\n    request: {}\n    expect: { asked: [wordz] }\n'
    const { err } = await weir(['test', fileOf(text)])
    expect(err).toContain('  line 4: cases.0.expect.asked.wordz: the config has no such guardrail')
  })

  it('a case that stands twice', async () => {
    const one = `{ name: a, ${REQUEST}, expect: { request: denied } }`
    const { code, err } = await weir(['test', fileOf(`cases: [${one}, ${one}]`)])
    expect(code).toBe(2)
    expect(err).toContain('two cases have the same name')
  })

  it('a choice of no case', async () => {
    expect((await play(`${REQUEST}, ${CLEAN}, expect: { request: released }`, '--only', 'zzz')).code).toBe(2)
  })
})

it('needs no secret, and asks with one when it is to ask', async () => {
  const text = `${REQUEST}, ${CLEAN}, expect: { request: released }`
  expect((await play(text)).code).toBe(0)
  const live = await play(text, '--services', 'live')
  expect(live.code).toBe(2)
  expect(live.err).toContain('LAKERA_API_KEY is not set')
})

it('shows nothing of a body', async () => {
  const text = `${REQUEST}, ${CLEAN}, expect: { client: { status: 201 }, request: denied, upstream: { lacks: [hello] } }`
  const { out } = await play(text)
  expect(out).toContain('upstream: expected to lack "hello", contains it')
  expect(out).not.toContain('Bob')
})

it('marks what passed and what failed by colour, where a terminal shows it', async () => {
  const one = (effective: string): string =>
    `{ name: ${effective}, ${REQUEST}, ${CLEAN}, expect: { request: ${effective} } }`
  const file = fileOf(`config: ${fileOf(CONFIG)}\ncases: [${one('released')}, ${one('denied')}]`)
  const { out } = await weir(['test', file], { terminal: 'coloured' })
  expect(out).toContain('\u001b[32m✓\u001b[39m released')
  expect(out).toContain('\u001b[31m✗\u001b[39m denied')
  expect(out).toContain('1 passed, \u001b[31m1 failed\u001b[39m')
})
