import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect } from 'vitest'
import { chatEvents } from '../support/chat.ts'
import { type LakeraStub, startLakeraStub } from '../support/lakera-stub.ts'
import { type ServiceFront, startServiceFront } from '../support/service-front.ts'
import { STREAM_TYPE } from '../support/stream-events.ts'
import { gate } from '../support/upstream.ts'
import { fault } from './fault.ts'
import { answerOf, asksForStream, type ServedStack, startServed } from './served-stack.ts'

const [ONE, TWO] = ['key-one', 'key-two']

let folder: string
let lakera: LakeraStub
let front: ServiceFront
let stack: ServedStack
afterEach(async () => {
  await stack.stop()
  await front.close()
  await lakera.close()
  rmSync(folder, { recursive: true })
})

fault(
  {
    fault: 'a secret is rotated while streams run',
    client: 'its whole answer, running or new',
    log: '`secrets rotated`; a `decision` of each exchange',
    kept: 'running exchanges are judged to their end by the config they began with, new ones by the new one',
  },
  async () => {
    folder = mkdtempSync(join(tmpdir(), 'weir-rotation-'))
    const file = join(folder, 'key')
    writeFileSync(file, ONE)
    lakera = await startLakeraStub()
    front = await startServiceFront(new URL(lakera.url).origin)
    // Both keys are taken: what counts is which one is shown.
    front.fault = { kind: 'body', body: '{"flagged":false}' }
    const keyOf = (text: string): string[] =>
      front.requests
        .filter(({ body }) => body.includes(text))
        .map(({ headers }) => String(headers.authorization).replace('Bearer ', ''))
    stack = await startServed(
      `
guardrails:
  lakera: { kind: lakera, api_key: "$secret://file${file}", lakera_endpoint: "${front.origin}/v2/guard" }
policies:
  - name: all
    guardrails: [{ use: lakera, direction: output }]
    stream:
      { delivery: window, hold_back_chars: 0, window: { first_chars: 1, growth: 1, context_chars: 0 } }
`,
      { env: { WEIR_SECRET_POLL_MS: '20' } },
    )
    const rest = gate()
    const [role, first, ...others] = chatEvents('the-beginning ', 'the-end')
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: [role!, first!, rest, ...others] })
    const running = Array.from({ length: 10 }, () => stack.chat(asksForStream))
    await Promise.all(running.map(client => client.until(role! + first!)))

    writeFileSync(file, TWO)
    await stack.weir.logged('secrets rotated')
    stack.upstream.respond({ headers: STREAM_TYPE, chunks: chatEvents('another') })
    expect((await answerOf(stack.chat(asksForStream))).text).toBe(chatEvents('another').join(''))
    rest.open()
    const whole = [role, first, ...others].join('')
    for (const client of running) {
      expect(await answerOf(client)).toEqual({ status: 200, text: whole, ended: 'complete' })
    }
    expect(keyOf('the-beginning')).toEqual(Array(running.length).fill(ONE))
    expect(keyOf('the-end')).toEqual(Array(running.length).fill(ONE))
    expect(keyOf('another')).toEqual([TWO])
  },
)
