import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { DecisionRecord, RuleRecord } from '../../../src/exchange/record.ts'
import { logDecision } from '../../../src/telemetry/decision-log.ts'
import { createLog, type Log } from '../../../src/telemetry/log.ts'
import { createScrubber } from '../../../src/telemetry/scrub.ts'
import { startConsole } from '../console/running.ts'
import { weir } from './command-line.ts'

const rule = (fields: Partial<RuleRecord>): RuleRecord => ({
  guardrail: 'lakera',
  action: 'block',
  outcome: 'clean',
  detectors: [],
  ms: 12.3,
  ...fields,
})
const record = (fields: Partial<DecisionRecord>): DecisionRecord => ({
  exchangeId: 'e'.repeat(32),
  policy: 'chat',
  phase: 'request',
  format: 'openai-chat',
  delivery: 'body',
  effective: 'released',
  because: 'clean',
  rules: [rule({})],
  uninspectable: 0,
  bytesReleased: 1,
  bytesDiscarded: 0,
  ...fields,
})

/** What the log writes of these decisions. */
function logOf(...records: DecisionRecord[]): string {
  return notesOf(log => {
    log.info('serving', { listen: '127.0.0.1:9002' })
    for (const one of records) logDecision(log, one, 4.56)
    log.warn('config warning', { warning: 'w' })
  })
}

/** What is logged meanwhile, its times made one. */
function notesOf(write: (log: Log) => void): string {
  const lines: string[] = []
  const log = createLog({
    level: 'info',
    scrubber: createScrubber(),
    destination: { write: line => void lines.push(line) },
  })
  write(log)
  return lines.join('').replace(/"time":"[^"]*"/g, '"time":"2026-01-02T03:04:05.678Z"')
}

const CLEAN = record({})
const DENIED = record({
  effective: 'denied',
  because: 'flagged',
  rules: [rule({ outcome: 'flagged', detectors: ['prompt_attack', 'jailbreak'] })],
})
const FAILED = record({
  policy: 'other',
  phase: 'response',
  effective: 'released',
  because: 'failed-open',
  rules: [rule({ outcome: 'failure', reason: 'timeout', ms: 0.2 }), rule({ guardrail: 'pii' })],
})
const ALERTED = record({
  because: 'alerted',
  rules: [
    rule({
      action: 'alert',
      outcome: 'flagged',
      detectors: ['x'],
      would: { block: 'denied', redact: 'redacted' },
    }),
  ],
  would: { block: 'denied', redact: 'redacted' },
})
const ATTACK = {
  ...DENIED,
  rules: [rule({ outcome: 'flagged', detectors: ['prompt_attack'] })],
}
const WATCHED = record({
  because: 'alerted',
  rules: [rule({ guardrail: 'words', action: 'alert', outcome: 'flagged', detectors: ['x'] })],
})
const AT = '03:04:05.678'
const ID = 'e'.repeat(32)
const LINES = {
  clean: `${AT} released  request  chat         openai-chat        clean  4.6 ms ${ID}`,
  denied: `${AT} denied    request  chat         openai-chat        flagged; lakera (block): prompt_attack, jailbreak in 12 ms  4.6 ms ${ID}`,
  failed: `${AT} released  response other        openai-chat        failed-open; lakera (block): failed, timeout  4.6 ms ${ID}`,
  alerted: `${AT} released  request  chat         openai-chat        alerted; lakera (alert): x in 12 ms (would be denied if block, redacted if redact)  4.6 ms ${ID}`,
  note: `${AT} config warning: w`,
}
const stdin = logOf(CLEAN, DENIED, FAILED, ALERTED)
const shown = async (...args: string[]) =>
  (await weir(['tail', ...args], { stdin })).out.trimEnd().split('\n')

describe('weir tail', () => {
  it('says of a note what was wrong, where, and nothing that is not known to be free of content', async () => {
    const { out } = await weir(['tail'], {
      stdin: notesOf(log => {
        log.error('exchange refused', { exchangeId: ID, why: 'policy chat needs the request body' })
        log.error('config not renewed', { problems: ['line 7: server.listen: a', 'policies.0.name: b'] })
        log.warn('server settings changed', { atNextStart: ['server.listen', 'server.workers'] })
        log.warn('verdict cache lost', { cause: 'ECONNREFUSED' })
        log.error('worker ended', { worker: 2, code: 1, signal: null })
        log.warn('circuit opened', { guardrail: 'lakera' })
        log.error('fault', { err: new Error('quoted prompt'), text: 'quoted prompt' })
        log.error('odd', { why: 7, problems: 'x', policy: 'chat' })
      }),
    })
    expect(out.split('\n').slice(0, 8)).toEqual([
      `${AT} exchange refused: policy chat needs the request body  ${ID}`,
      `${AT} config not renewed: line 7: server.listen: a; policies.0.name: b`,
      `${AT} server settings changed: server.listen; server.workers`,
      `${AT} verdict cache lost: ECONNREFUSED`,
      `${AT} worker ended: worker 2; code 1`,
      `${AT} circuit opened: guardrail lakera`,
      `${AT} fault`,
      `${AT} odd: policy chat`,
    ])
  })

  it('folds a note behind its time, and lets none of its facts move the cursor', async () => {
    const problems = [
      'policies.0.guardrails.0.use: no guardrail has this name\u001b[2J',
      'server.listen: bad',
    ]
    const { out } = await weir(['tail'], {
      stdin: notesOf(log => log.error('config not renewed', { problems })),
      columns: 60,
    })
    expect(out.split('\n').slice(0, 3)).toEqual([
      '03:04:05 config not renewed: policies.0.guardrails.0.use: no',
      '         guardrail has this name\ufffd[2J; server.listen: bad',
      '0 decisions',
    ])
  })

  it('shows every decision, what an operator should see beside, and a sum', async () => {
    expect(await shown()).toEqual([
      LINES.clean,
      LINES.denied,
      LINES.failed,
      LINES.alerted,
      LINES.note,
      '4 decisions: 1 denied, 3 released; 1 passed that alert rules flagged; in 1 a guardrail failed; 1 more would be denied if alert rules had action block; 1 more would be redacted if alert rules had action redact',
    ])
  })

  it.each<[string, readonly string[]]>([
    ['denied', [LINES.denied]],
    ['flagged', [LINES.denied, LINES.alerted]],
    ['failed', [LINES.failed]],
    ['shadow', [LINES.alerted]],
  ])('shows only what was %s, and counts all', async (only, lines) => {
    const [sum, ...rest] = (await shown('--only', only)).reverse()
    expect(rest.reverse()).toEqual([...lines, LINES.note])
    expect(sum).toContain('4 decisions')
  })

  it('shows and counts one policy only', async () => {
    expect(await shown('--policy', 'other')).toEqual([
      LINES.failed,
      LINES.note,
      '1 decision: 1 released; in 1 a guardrail failed',
    ])
  })

  it('reads lines behind a prefix, and leaves out what is none of its own', async () => {
    const { out } = await weir(['tail'], {
      stdin: `weir  | ${logOf(DENIED)}\nEnvoy says hello\n{"a":1}\n{broken\n`,
    })
    expect(out).toContain(LINES.denied)
    expect(out.trimEnd().split('\n')).toHaveLength(3)
  })

  it('lets no name move the cursor', async () => {
    const evil = '\u001b[2Jx\u0007\r\u202ey'
    const rules = [rule({ guardrail: evil, outcome: 'flagged', detectors: [evil] })]
    const { out } = await weir(['tail'], { stdin: logOf(record({ policy: evil, format: evil, rules })) })
    expect(out).not.toMatch(/[\u001b\u0007\r\u202e]/)
    expect(out).toContain('\ufffd[2Jx')
  })

  it('colours what reached the client in a terminal', async () => {
    const { out } = await weir(['tail'], { stdin: logOf(DENIED, CLEAN), terminal: 'coloured' })
    expect(out).toContain('\u001b[31mdenied   \u001b[39m')
    expect(out).toContain('\u001b[32mreleased \u001b[39m')
  })

  it('says in a sum what other settings would have come to, in their own words', async () => {
    const failed = { ...FAILED, would: { fail_closed: 'denied' } } as const
    const watched = { ...DENIED, effective: 'released', would: { enforced: 'denied' } } as const
    const { out } = await weir(['tail'], { stdin: logOf(failed, failed, watched) })
    expect(out.trimEnd().split('\n').at(-1)).toBe(
      '3 decisions: 3 released; in 2 a guardrail failed; 2 more would be denied if rules had fail_open false; 1 more would be denied if Envoy did not run the filter in observability_mode',
    )
  })

  it.each<[number, readonly string[]]>([
    [
      140,
      [
        LINES.clean,
        `${AT} denied    request  chat         openai-chat        flagged; lakera (block): prompt_attack, jailbreak in 12 ms  4.6 ms eeeeeeee`,
      ],
    ],
    [
      120,
      [
        LINES.clean,
        `${AT} denied    request  chat         openai-chat        lakera: prompt_attack, jailbreak  4.6 ms eeeeeeee`,
      ],
    ],
    [
      80,
      [
        '03:04:05 released  request  chat openai-chat clean  4.6 ms eeeeeeee',
        '03:04:05 denied    request  chat openai-chat flagged; lakera (block):',
        '         prompt_attack, jailbreak in 12 ms  4.6 ms eeeeeeee',
        '03:04:05 denied    request  chat openai-chat lakera: prompt_attack  eeeeeeee',
        '03:04:05 released  request  chat openai-chat words (alert): x  4.6 ms eeeeeeee',
      ],
    ],
  ])('keeps a decision on one line of %d columns, where it can', async (columns, lines) => {
    const { out } = await weir(['tail'], { stdin: logOf(CLEAN, DENIED, ATTACK, WATCHED), columns })
    expect(out.split('\n').slice(0, lines.length)).toEqual(lines)
  })

  it('goes on behind the time where a terminal is too narrow, between words', async () => {
    const { out } = await weir(['tail'], { stdin: logOf(DENIED, ALERTED), columns: 60 })
    const lines = out.split('\n')
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d denied .* flagged; lakera$/)
    expect(lines[1]).toMatch(/^ {9}\(block\): prompt_attack, jailbreak/)
    expect(lines.filter(line => line.length > 60)).toEqual([])
  })

  it('refuses a choice that there is not', async () => {
    expect((await weir(['tail', '--only', 'clean'])).code).toBe(2)
  })

  it('shows lines as they come, and the sum when a signal ends it', async () => {
    const program = spawn(process.execPath, ['src/main.ts', 'tail'], { stdio: ['pipe', 'pipe', 'inherit'] })
    const until = async (text: string): Promise<void> => {
      while (!seen.includes(text)) await once(program.stdout, 'data')
    }
    let seen = ''
    program.stdout.on('data', chunk => {
      seen += chunk
    })
    program.stdin.write(logOf(DENIED))
    await until(LINES.denied)
    program.kill('SIGINT')
    const [code] = await once(program, 'exit')
    await until('1 decision: 1 denied')
    expect(code).toBe(0)
  })
})

describe('weir tail --url', () => {
  it('shows what a running Weir decides, until it ends', async () => {
    let looks = 0
    const refresh = async () => {
      looks += 1
    }
    const { url, ring, close } = await startConsole({ refresh })
    ring.add(DENIED, 4.56)
    ring.add(CLEAN, 1)
    const ran = weir(['tail', '--url', url, '--only', 'denied'])
    // The second look is for a follower that has begun.
    await expect.poll(() => looks).toBeGreaterThan(1)
    await close()
    const { code, out } = await ran
    expect(code).toBe(0)
    expect(out.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/denied {4}request {2}chat .* prompt_attack, jailbreak in 12 ms/),
      '2 decisions: 1 denied, 1 released',
    ])
  })

  it('says where there is no feed', async () => {
    const { url } = await startConsole()
    for (const path of ['/nothing', '/healthz', '/console/']) {
      const { code, err } = await weir(['tail', '--url', url + path])
      expect([path, code, err]).toEqual([path, 2, expect.stringContaining('has no feed there')])
    }
    expect((await weir(['tail', '--url', `${url}/nothing`])).err).toContain('server.console.access')
  })

  it.each(['nothing', 'ftp://127.0.0.1/', '/decisions'])('refuses the URL %s', async url => {
    expect((await weir(['tail', '--url', url])).code).toBe(2)
  })

  it('says that nothing answers', async () => {
    const { url, close } = await startConsole()
    await close()
    const { code, err } = await weir(['tail', '--url', url])
    expect([code, err]).toEqual([1, expect.stringContaining('nothing answers at 127.0.0.1:')])
  })
})
