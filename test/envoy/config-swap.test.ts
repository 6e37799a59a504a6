import { mkdir, rename, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { answerOf, type ServedStack, startServed } from '../faults/served-stack.ts'
import { chatEvents, chatRequest } from '../support/chat.ts'
import { STREAM_TYPE, text } from '../support/stream-events.ts'
import { gate } from '../support/upstream.ts'

const configOf = (word: string): string => `
guardrails: { words: { kind: keywords, words: ["${word}"] } }
policies:
  - { name: all, guardrails: [{ use: words, direction: output }], stream: { delivery: window, headers: at_once } }
`
const [OLD, NEW] = ['heron', 'egret']

let stack: ServedStack
afterEach(() => stack.stop())

/** Puts a config where the kubelet would: in a new folder, to which the link is turned that the file's name leads by. */
async function mount(file: string, version: string, config: string): Promise<void> {
  const folder = dirname(file)
  await mkdir(join(folder, `..${version}`))
  await writeFile(join(folder, `..${version}`, 'weir.yaml'), config)
  await symlink(`..${version}`, join(folder, '..tmp'))
  await rename(join(folder, '..tmp'), join(folder, '..data'))
}

const WAYS = [
  {
    name: 'a rewritten file and SIGHUP',
    pollMs: '3600000',
    async change(file: string) {
      await writeFile(file, configOf(NEW))
      stack.weir.signal('SIGHUP')
    },
  },
  {
    name: 'a ConfigMap whose link is turned',
    pollMs: '20',
    async change(file: string) {
      await mount(file, 'v1', configOf(OLD))
      await symlink(join('..data', 'weir.yaml'), `${file}.link`)
      await rename(`${file}.link`, file)
      const unchanged = 'weir_renewals_total{what="config",result="unchanged"}'
      await vi.waitFor(async () => expect(await stack.metric(unchanged)).toBeGreaterThan(0))
      await mount(file, 'v2', configOf(NEW))
    },
  },
]

test.each(WAYS)('$name: a running stream keeps its config, the next has the new one', async way => {
  stack = await startServed(configOf(OLD), { env: { WEIR_SECRET_POLL_MS: way.pollMs } })
  const rest = gate()
  const [role, , ...end] = chatEvents('')
  const beginning = role! + text('fine ')
  stack.upstream.respond({ headers: STREAM_TYPE, chunks: [beginning, rest, text(NEW), ...end] })
  const running = stack.chat(chatRequest('hello', { stream: true }))
  await running.until(beginning)
  await way.change(stack.weir.file)
  await stack.weir.logged('config reloaded')
  const next = stack.chat(chatRequest('hello', { stream: true }))
  await next.until(beginning)
  rest.open()
  expect((await answerOf(running)).text).toBe([beginning, text(NEW), ...end].join(''))
  const denied = await answerOf(next)
  expect(denied.text).toContain('Response blocked by policy')
  expect(denied.text).not.toContain(NEW)
})
